-- The whole trail of one order
--
-- Every event of every cancel that named it, by either id, also in a cancel of several orders.
-- `payload`, which is left out here, has the request and the answer as they were.
--
-- :order text - the venue's id of the order, or the client's

SELECT occurred_at, kind, cancel_id, attempt, bot, method, path, http_status, venue_code,
  venue_message, outcome, order_status, filled, error_type, writer_id, seq
FROM cancel_audit
WHERE cancel_id IN (
  SELECT cancel_id FROM cancel_history WHERE order_id = :order
  UNION SELECT cancel_id FROM cancel_history WHERE client_order_id = :order
  UNION SELECT cancel_id FROM cancel_audit_order WHERE order_id = :order
  UNION SELECT cancel_id FROM cancel_audit_order WHERE client_order_id = :order
)
ORDER BY occurred_ns, writer_id, seq
