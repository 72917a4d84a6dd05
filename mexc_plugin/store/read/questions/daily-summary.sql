-- The summary of each day
--
-- By account, bot, market and symbol, from the view `cancel_daily`. Days are UTC, and only whole ones are
-- listed: not the one that `until` falls on.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT day, account, bot, market_type, symbol, attempts, cancels, retries,
  canceled + partially_canceled + accepted AS succeeded,
  closed AS already_ended,
  attempts - canceled - partially_canceled - accepted - closed - unknown - pending AS failed,
  unknown + pending AS unresolved, reconciled, max_latency_us
FROM cancel_daily
WHERE day >= DATE(:since) AND day < DATE(:until)
ORDER BY day, account, bot, market_type, symbol
