-- Cancels that nobody knows the end of, for more than a minute
--
-- Cancels without an answer that decides (`unknown`) or without any end on record (`pending`), oldest first.
-- `mexc-plugin audit reconcile` asks the venue about them.
--
-- :before time = 1m - asked before then

SELECT requested_at, age_seconds, outcome, account, bot, host, symbol, order_id, client_order_id,
  http_status, error_type, cancel_id, attempt
FROM cancel_unresolved
WHERE requested_at < :before
ORDER BY requested_at, cancel_id, attempt
