-- Cancels by hour
--
-- Attempts in each hour (UTC) in which there were any.
--
-- :account text = - the account's fingerprint; empty: every account
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT day, hour_of_day, COUNT(*) AS attempts,
  COUNT(CASE WHEN final_outcome IN
    ('not_found', 'rejected', 'unauthorized', 'rate_limited', 'not_sent', 'still_open') THEN 1 END) AS failed,
  COUNT(CASE WHEN final_outcome IN ('unknown', 'pending') THEN 1 END) AS unresolved
FROM cancel_facts
WHERE (:account = '' OR account = :account)
AND requested_at >= :since AND requested_at < :until
GROUP BY day, hour_of_day
ORDER BY day, hour_of_day
