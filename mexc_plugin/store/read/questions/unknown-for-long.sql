-- Cancels that were unknown for long before the venue's word decided
--
-- From the request to the reconciliation, in whole seconds.
--
-- :seconds number = 60 - unknown for at least so long
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT requested_at, reconciled_at, resolved_after_seconds, outcome, final_outcome,
  symbol, order_id, client_order_id, cancel_id, attempt
FROM cancel_facts
WHERE resolved_after_seconds >= :seconds
AND requested_at >= :since AND requested_at < :until
ORDER BY requested_at, cancel_id, attempt
