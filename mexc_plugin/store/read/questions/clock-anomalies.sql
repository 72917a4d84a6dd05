-- Where a machine's clock cannot be believed
--
-- The answer is dated before the request, or the time between them on the wall clock differs from
-- what the monotonic clock measured. A slow or broken database also takes time in between.
--
-- :tolerance_ms number = 1000 - smaller differences are left out
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT requested_at, responded_at, responded_ns - requested_ns AS wall_ns, latency_us,
  host, bot, cancel_id, attempt
FROM cancel_facts
WHERE (responded_ns < requested_ns
  OR ABS(responded_ns - requested_ns - latency_us * 1000) > :tolerance_ms * 1000000)
AND requested_at >= :since AND requested_at < :until
ORDER BY requested_at, cancel_id, attempt
