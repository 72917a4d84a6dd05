-- How long the venue took to answer
--
-- By symbol, in microseconds, by the nearest rank: half of the answers took at most `p50_us`. Only
-- answers count; a timeout is none.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT symbol, COUNT(*) AS answers,
  MIN(CASE WHEN place * 100 >= total * 50 THEN latency_us END) AS p50_us,
  MIN(CASE WHEN place * 100 >= total * 95 THEN latency_us END) AS p95_us,
  MIN(CASE WHEN place * 100 >= total * 99 THEN latency_us END) AS p99_us,
  MAX(latency_us) AS max_us
FROM (
  SELECT symbol, latency_us,
    ROW_NUMBER() OVER (PARTITION BY symbol ORDER BY latency_us) AS place,
    COUNT(*) OVER (PARTITION BY symbol) AS total
  FROM cancel_history
  WHERE latency_us IS NOT NULL AND http_status IS NOT NULL
  AND requested_at >= :since AND requested_at < :until
) AS ranked
GROUP BY symbol
ORDER BY answers DESC, symbol
