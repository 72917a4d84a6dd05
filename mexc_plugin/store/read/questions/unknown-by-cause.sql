-- Why cancels were unknown at first
--
-- What stood in the way of an answer: the error that the bot saw, and the HTTP status if there was one.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT error_type, http_status, COUNT(*) AS attempts,
  COUNT(CASE WHEN final_outcome = 'unknown' THEN 1 END) AS still_unknown,
  MIN(requested_at) AS first_at, MAX(requested_at) AS last_at
FROM cancel_history
WHERE outcome = 'unknown'
AND requested_at >= :since AND requested_at < :until
GROUP BY error_type, http_status
ORDER BY attempts DESC, first_at
