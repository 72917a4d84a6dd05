-- The venue's refusals by code
--
-- How often the venue said no, with which words, from when to when.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT venue_code, COALESCE(venue_message, '') AS message, final_outcome, COUNT(*) AS attempts,
  MIN(requested_at) AS first_at, MAX(requested_at) AS last_at
FROM cancel_history
WHERE final_outcome IN ('not_found', 'rejected', 'unauthorized', 'rate_limited')
AND venue_code IS NOT NULL
AND requested_at >= :since AND requested_at < :until
GROUP BY venue_code, COALESCE(venue_message, ''), final_outcome
ORDER BY attempts DESC, venue_code, message
