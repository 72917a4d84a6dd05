-- Cancels by symbol and day
--
-- `orders` counts the different orders that were named.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT day, symbol, COUNT(*) AS attempts, COUNT(DISTINCT cancel_id) AS cancels,
  COUNT(DISTINCT COALESCE(order_id, client_order_id)) AS orders
FROM cancel_facts
WHERE symbol IS NOT NULL
AND requested_at >= :since AND requested_at < :until
GROUP BY day, symbol
ORDER BY day, symbol
