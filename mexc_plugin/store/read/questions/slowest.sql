-- The slowest cancels
--
-- From sending to the answer, or to the error. The bot waited for so long.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then
-- :most number = 20 - no more rows than that

SELECT latency_us, requested_at, symbol, order_id, client_order_id, final_outcome,
  http_status, error_type, bot, host, cancel_id, attempt
FROM cancel_history
WHERE latency_us IS NOT NULL
AND requested_at >= :since AND requested_at < :until
ORDER BY latency_us DESC, cancel_id, attempt
LIMIT :most
