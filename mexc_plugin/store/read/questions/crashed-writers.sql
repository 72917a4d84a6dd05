-- Writers that did not end in order
--
-- No `stop` is the last event: the process was killed, the machine stopped, or it is still at work:
-- hence the time.
--
-- :before time = 1h - last heard of before then

SELECT writer_id, host, pid, os_user, started_at, last_at, events, missing
FROM cancel_writers
WHERE stopped_at IS NULL AND last_at < :before
ORDER BY last_at, writer_id
