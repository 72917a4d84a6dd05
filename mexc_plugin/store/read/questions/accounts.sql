-- The first and the last cancel of each account
--
-- An account is the fingerprint of its API key.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT account, COUNT(*) AS attempts, COUNT(DISTINCT bot) AS bots, COUNT(DISTINCT host) AS hosts,
  MIN(requested_at) AS first_at, MAX(requested_at) AS last_at
FROM cancel_history
WHERE requested_at >= :since AND requested_at < :until
GROUP BY account
ORDER BY first_at
