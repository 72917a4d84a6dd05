-- Cancels that were reconciled, and with what
--
-- What the venue said when it was asked later. An attempt may have been asked about several times:
-- the newest word counts.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT h.requested_at, c.occurred_at AS reconciled_at, h.outcome, c.outcome AS reconciled_outcome,
  c.order_status, c.filled, c.venue_code, h.symbol, h.order_id, h.client_order_id,
  h.cancel_id, h.attempt
FROM cancel_history AS h
JOIN cancel_audit AS c
  ON c.cancel_id = h.cancel_id AND c.attempt = h.attempt AND c.kind = 'reconciliation'
WHERE h.reconciled_at IS NOT NULL
AND h.requested_at >= :since AND h.requested_at < :until
ORDER BY c.occurred_ns, h.cancel_id, h.attempt
