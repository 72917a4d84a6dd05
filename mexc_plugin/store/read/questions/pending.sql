-- Requests that no answer was ever recorded for
--
-- The process died between the request and its answer, or it still waits for the answer: so only requests
-- from before `before` are listed. The cancel may have been executed.
--
-- :before time = 1m - asked before then

SELECT requested_at, account, bot, host, symbol, order_id, client_order_id, cancel_id, attempt
FROM cancel_unresolved
WHERE outcome = 'pending' AND requested_at < :before
ORDER BY requested_at, cancel_id, attempt
