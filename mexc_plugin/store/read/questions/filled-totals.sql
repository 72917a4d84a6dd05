-- How much had been filled, by symbol
--
-- How much of the cancelled orders had been filled before, by the venue's answers, added up exactly. An
-- order that was cancelled twice counts twice.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT symbol, COUNT(*) AS attempts, SUM(filled) AS filled, SUM(cost) AS cost
FROM cancel_facts
WHERE final_outcome IN ('canceled', 'partially_canceled', 'closed')
AND symbol IS NOT NULL AND filled IS NOT NULL
AND requested_at >= :since AND requested_at < :until
GROUP BY symbol
ORDER BY symbol
