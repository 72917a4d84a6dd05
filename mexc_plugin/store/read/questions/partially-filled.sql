-- Orders that were filled in part when they were cancelled
--
-- Prices and amounts are the venue's text, with all of its digits.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT requested_at, account, bot, symbol, order_id, client_order_id, side,
  price, amount, filled, cost, cancel_id, attempt
FROM cancel_history
WHERE final_outcome = 'partially_canceled'
AND requested_at >= :since AND requested_at < :until
ORDER BY requested_at, cancel_id, attempt
