-- All cancels of an account in a window
--
-- Every attempt, oldest first, with what is known of it now.
--
-- :account text = - the account's fingerprint; empty: every account
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT requested_at, responded_at, symbol, order_id, client_order_id, attempt,
  final_outcome, venue_code, latency_us, bot, host, cancel_id
FROM cancel_history
WHERE (:account = '' OR account = :account)
AND requested_at >= :since AND requested_at < :until
ORDER BY requested_at, cancel_id, attempt
