-- Gaps in a writer's sequence
--
-- `admitted` is how many events the writer itself says that it could not keep. What is missing beyond
-- that was removed, or waits in a spool: `mexc-plugin audit recover`.

SELECT writer_id, first_missing, last_missing, missing, admitted, before_at, after_at
FROM cancel_gaps
ORDER BY writer_id, first_missing
