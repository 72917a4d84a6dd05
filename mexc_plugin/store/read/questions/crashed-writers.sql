-- Writers that did not end in order
--
-- The last event is no `stop`: the process was killed, the machine stopped, or the bot still runs. So
-- only writers are listed that nothing was heard of since `before`.
--
-- :before time = 1h - last heard of before then

SELECT writer_id, host, pid, os_user, started_at, last_at, events, missing
FROM cancel_writers
WHERE stopped_at IS NULL AND last_at < :before
ORDER BY last_at, writer_id
