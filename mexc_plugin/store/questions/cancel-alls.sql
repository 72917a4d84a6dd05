-- Requests that named no single order
--
-- Cancel-all and cancels of several orders: how many were asked for by id (none in a cancel-all), and
-- how many the venue named in its answer.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT h.requested_at, h.account, h.bot, h.symbol, h.path, h.final_outcome,
  COUNT(CASE WHEN o.outcome IS NULL THEN o.position END) AS asked_for,
  COUNT(o.outcome) AS named, h.cancel_id, h.attempt
FROM cancel_facts AS h
LEFT JOIN (
  SELECT e.cancel_id, e.attempt, n.outcome, n.position
  FROM cancel_audit_order AS n
  JOIN cancel_audit AS e ON e.writer_id = n.writer_id AND e.seq = n.seq
  WHERE e.kind = 'request' OR n.outcome IS NOT NULL
) AS o ON o.cancel_id = h.cancel_id AND o.attempt = h.attempt
WHERE h.order_id IS NULL AND h.client_order_id IS NULL
AND h.requested_at >= :since AND h.requested_at < :until
GROUP BY h.requested_at, h.account, h.bot, h.symbol, h.path, h.final_outcome, h.cancel_id, h.attempt
ORDER BY h.requested_at, h.cancel_id, h.attempt
