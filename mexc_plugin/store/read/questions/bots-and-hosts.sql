-- Which bots cancelled, and from which machines
--
-- With the accounts that they used, and since when.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT bot, host, account, COUNT(*) AS attempts,
  COUNT(CASE WHEN final_outcome IN
    ('not_found', 'rejected', 'unauthorized', 'rate_limited', 'not_sent', 'still_open') THEN 1 END) AS failed,
  MIN(requested_at) AS first_at, MAX(requested_at) AS last_at
FROM cancel_history
WHERE requested_at >= :since AND requested_at < :until
GROUP BY bot, host, account
ORDER BY attempts DESC, first_at
