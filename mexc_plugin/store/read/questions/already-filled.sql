-- Orders that were filled before the cancel reached them
--
-- The venue answered FILLED: the cancel came too late.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT requested_at, latency_us, account, bot, symbol, order_id, client_order_id, side,
  price, amount, filled, cost, cancel_id, attempt
FROM cancel_history
WHERE final_outcome = 'closed'
AND requested_at >= :since AND requested_at < :until
ORDER BY requested_at, cancel_id, attempt
