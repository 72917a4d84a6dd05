-- Requests that named no single order
--
-- Cancel-all and cancels of several orders: how many were asked for by id (none in a cancel-all), and
-- how many the venue named in its answer.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT h.requested_at, h.account, h.bot, h.symbol, h.path, h.final_outcome,
  (SELECT COUNT(*) FROM cancel_audit_order AS n
   WHERE n.writer_id = h.request_writer_id AND n.seq = h.request_seq
   AND n.outcome IS NULL) AS asked_for,
  (SELECT COUNT(*) FROM cancel_audit_order AS n
   WHERE n.writer_id = h.response_writer_id AND n.seq = h.response_seq
   AND n.outcome IS NOT NULL) AS named,
  h.cancel_id, h.attempt
FROM cancel_history AS h
WHERE h.order_id IS NULL AND h.client_order_id IS NULL
AND h.requested_at >= :since AND h.requested_at < :until
ORDER BY h.requested_at, h.cancel_id, h.attempt
