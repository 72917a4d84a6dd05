-- The orders that requests for several of them hit
--
-- Each order that the venue named in its answer, with its own outcome.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT h.responded_at, h.account, h.bot, h.symbol, h.path, o.position,
  o.order_id, o.client_order_id, o.outcome, o.venue_code, h.cancel_id, h.attempt
FROM cancel_history AS h
JOIN cancel_audit_order AS o ON o.writer_id = h.response_writer_id AND o.seq = h.response_seq
WHERE o.outcome IS NOT NULL
AND h.requested_at >= :since AND h.requested_at < :until
ORDER BY h.responded_ns, h.cancel_id, o.position
