-- Cancels that never left
--
-- Proven: no byte of the request was sent. The order was left as it was.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT requested_at, account, bot, host, symbol, order_id, client_order_id, error_type,
  cancel_id, attempt
FROM cancel_history
WHERE final_outcome = 'not_sent'
AND requested_at >= :since AND requested_at < :until
ORDER BY requested_at, cancel_id, attempt
