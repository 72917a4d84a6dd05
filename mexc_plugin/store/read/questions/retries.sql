-- Cancels that were sent more than once
--
-- ccxt and bots send again after a failure. The outcome is that of the last attempt.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT f.first_at, h.requested_at AS last_at, h.attempt AS attempts, h.final_outcome,
  h.account, h.bot, h.symbol, h.order_id, h.client_order_id, h.cancel_id
FROM (
  SELECT cancel_id, MAX(attempt) AS attempts, MIN(requested_at) AS first_at
  FROM cancel_history
  WHERE requested_at >= :since AND requested_at < :until
  GROUP BY cancel_id
  HAVING MAX(attempt) > 1
) AS f
JOIN cancel_history AS h ON h.cancel_id = f.cancel_id AND h.attempt = f.attempts
ORDER BY f.first_at, h.cancel_id
