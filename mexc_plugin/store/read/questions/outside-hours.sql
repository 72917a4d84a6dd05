-- Cancels outside of trading hours
--
-- On Saturdays and Sundays, and before or after the hours given. All of it in UTC.
--
-- :from_hour number = 8 - the first hour of a working day
-- :to_hour number = 18 - the hour at which it ends
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT requested_at, weekday, hour_of_day, account, bot, host, symbol, order_id, client_order_id,
  final_outcome, cancel_id, attempt
FROM cancel_facts
WHERE (weekday > 5 OR hour_of_day < :from_hour OR hour_of_day >= :to_hour)
AND requested_at >= :since AND requested_at < :until
ORDER BY requested_at, cancel_id, attempt
