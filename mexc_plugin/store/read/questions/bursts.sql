-- The most cancels in one second
--
-- By account, as rate limits are. Every attempt counts.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then
-- :most number = 20 - no more rows than that

SELECT MIN(requested_at) AS first_at, account, COUNT(*) AS attempts,
  COUNT(DISTINCT bot) AS bots,
  COUNT(CASE WHEN final_outcome = 'rate_limited' THEN 1 END) AS rate_limited
FROM cancel_facts
WHERE requested_at >= :since AND requested_at < :until
GROUP BY account, requested_ns - requested_ns % 1000000000
ORDER BY attempts DESC, first_at, account
LIMIT :most
