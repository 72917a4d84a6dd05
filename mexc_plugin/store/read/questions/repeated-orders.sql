-- Orders that were cancelled more than once
--
-- By the venue's id where it is known, else by the client's. Counts cancels that somebody asked for;
-- retries of one cancel are in `retries`.
--
-- :since time = 1970-01-01 - asked from then on
-- :until time = 9999-12-31 - asked before then

SELECT named.order_ref, COUNT(DISTINCT named.cancel_id) AS cancels,
  MIN(named.requested_at) AS first_at, MAX(named.requested_at) AS last_at
FROM (
  SELECT COALESCE(order_id, client_order_id) AS order_ref, cancel_id, requested_at
  FROM cancel_history
  WHERE requested_at >= :since AND requested_at < :until
  UNION
  SELECT COALESCE(o.order_id, o.client_order_id) AS order_ref, h.cancel_id, h.requested_at
  FROM cancel_audit_order AS o
  JOIN cancel_history AS h ON h.cancel_id = o.cancel_id
  WHERE h.requested_at >= :since AND h.requested_at < :until
) AS named
WHERE named.order_ref IS NOT NULL
GROUP BY named.order_ref
HAVING COUNT(DISTINCT named.cancel_id) > 1
ORDER BY cancels DESC, named.order_ref
