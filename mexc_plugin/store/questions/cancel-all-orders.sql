-- The orders that requests for several of them hit
--
-- Each order that the venue named in its answer, with its own outcome.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT e.occurred_at AS responded_at, e.account, e.bot, e.symbol, e.path, o.position,
  o.order_id, o.client_order_id, o.outcome, o.venue_code, e.cancel_id, e.attempt
FROM cancel_audit_order AS o
JOIN cancel_audit AS e ON e.writer_id = o.writer_id AND e.seq = o.seq
WHERE o.outcome IS NOT NULL
AND e.occurred_at >= :since AND e.occurred_at < :until
ORDER BY e.occurred_ns, e.cancel_id, o.position
