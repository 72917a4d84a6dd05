-- Which users of which machines cancelled
--
-- The user of the operating system that the bot ran as, as each writer's `start` says.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT w.host, w.os_user, COUNT(DISTINCT w.writer_id) AS writers, COUNT(*) AS attempts,
  MIN(f.requested_at) AS first_at, MAX(f.requested_at) AS last_at
FROM cancel_facts AS f
JOIN cancel_writers AS w ON w.writer_id = f.writer_id
WHERE f.requested_at >= :since AND f.requested_at < :until
GROUP BY w.host, w.os_user
ORDER BY attempts DESC, first_at
