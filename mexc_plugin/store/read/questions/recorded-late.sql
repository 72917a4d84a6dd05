-- Events that were recorded late, from a spool
--
-- The database did not take them in time: they were kept in a file, and inserted later. The writer
-- says so in its next event, which the chain covers. `certain` is no where it
-- named a range of numbers, and only some of those were kept in the file. A writer that died before its next event said nothing: `crashed-writers`.
--
-- :since time = 1970-01-01 - said from then on
-- :until time = 9999-12-31 - said before then

SELECT a.occurred_at, a.kind, a.outcome, a.bot, a.host, a.cancel_id, a.attempt,
  s.marked_at AS said_at,
  CASE WHEN s.events = s.last_seq - s.first_seq + 1 THEN 'yes' ELSE 'no' END AS certain,
  a.writer_id, a.seq
FROM cancel_spooled AS s
JOIN cancel_audit AS a
  ON a.writer_id = s.writer_id AND a.seq >= s.first_seq AND a.seq <= s.last_seq
WHERE s.marked_at >= :since AND s.marked_at < :until
ORDER BY a.writer_id, a.seq
