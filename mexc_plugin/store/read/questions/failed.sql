-- Cancels that failed, and why
--
-- Refused by the venue, or never sent. Cancels that nobody knows the end of are not here: `unresolved`.
--
-- :account text = - the account's fingerprint; empty: every account
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT requested_at, account, bot, symbol, order_id, client_order_id, final_outcome,
  http_status, venue_code, venue_message, error_type, cancel_id, attempt
FROM cancel_history
WHERE final_outcome IN ('not_found', 'rejected', 'unauthorized', 'rate_limited', 'not_sent', 'still_open')
AND (:account = '' OR account = :account)
AND requested_at >= :since AND requested_at < :until
ORDER BY requested_at, cancel_id, attempt
