-- Which versions of the software wrote the record
--
-- From each writer's `start`.

SELECT plugin_version, ccxt_version, python_version, COUNT(*) AS writers,
  MIN(started_at) AS first_at, MAX(last_at) AS last_at
FROM cancel_writers
GROUP BY plugin_version, ccxt_version, python_version
ORDER BY first_at, plugin_version, ccxt_version
