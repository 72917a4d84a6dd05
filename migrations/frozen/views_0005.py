"""The views of revision 0005: over the table `cancel_history`, and over nothing else. Frozen with it.

How each database says days, ages and decimals is what revision 0003 says, of other columns.
"""

import re
import runpy
from pathlib import Path

VERSIONS = Path(__file__).parents[1] / "versions"
OUTCOMES = (
    *("canceled", "partially_canceled", "closed", "accepted", "not_found", "rejected"),
    *("unauthorized", "rate_limited", "not_sent", "unknown", "still_open", "pending"),
)
FACTS = """
SELECT
  h.cancel_id AS cancel_id,
  h.attempt AS attempt,
  h.requested_at AS requested_at,
  h.responded_at AS responded_at,
  h.reconciled_at AS reconciled_at,
  h.requested_ns AS requested_ns,
  h.responded_ns AS responded_ns,
  h.reconciled_ns AS reconciled_ns,
  {day} AS day,
  {hour} AS hour_of_day,
  {weekday} AS weekday,
  {resolved} AS resolved_after_seconds,
  h.latency_us AS latency_us,
  h.account AS account,
  h.bot AS bot,
  h.host AS host,
  h.market_type AS market_type,
  h.symbol AS symbol,
  h.native_symbol AS native_symbol,
  h.order_id AS order_id,
  h.client_order_id AS client_order_id,
  h.cancel_client_order_id AS cancel_client_order_id,
  h.method AS method,
  h.path AS path,
  h.http_status AS http_status,
  h.venue_code AS venue_code,
  h.venue_message AS venue_message,
  h.outcome AS outcome,
  h.final_outcome AS final_outcome,
  h.order_status AS order_status,
  h.side AS side,
  h.type AS type,
  h.time_in_force AS time_in_force,
  {price} AS price,
  {amount} AS amount,
  {filled} AS filled,
  {cost} AS cost,
  h.error_type AS error_type,
  h.request_writer_id AS writer_id,
  h.request_seq AS seq
FROM cancel_history h
WHERE h.requested_ns IS NOT NULL
"""
DAILY = """
SELECT
  DATE(requested_at) AS day,
  account AS account,
  bot AS bot,
  market_type AS market_type,
  symbol AS symbol,
  COUNT(*) AS attempts,
  COUNT(CASE WHEN attempt = 1 THEN 1 END) AS cancels,
  COUNT(CASE WHEN attempt > 1 THEN 1 END) AS retries,
  {outcomes},
  COUNT(reconciled_at) AS reconciled,
  MAX(latency_us) AS max_latency_us
FROM cancel_history
WHERE requested_ns IS NOT NULL
GROUP BY DATE(requested_at), account, bot, market_type, symbol
"""
UNRESOLVED = """
SELECT
  h.requested_at AS requested_at,
  {age} AS age_seconds,
  h.cancel_id AS cancel_id,
  h.attempt AS attempt,
  h.final_outcome AS outcome,
  h.account AS account,
  h.bot AS bot,
  h.host AS host,
  h.market_type AS market_type,
  h.symbol AS symbol,
  h.native_symbol AS native_symbol,
  h.order_id AS order_id,
  h.client_order_id AS client_order_id,
  h.cancel_client_order_id AS cancel_client_order_id,
  h.http_status AS http_status,
  h.venue_code AS venue_code,
  h.venue_message AS venue_message,
  h.error_type AS error_type
FROM cancel_history h
WHERE h.final_outcome IN ('unknown', 'pending') AND h.reconciled_ns IS NULL AND h.requested_ns IS NOT NULL
"""
BODIES = {"cancel_facts": FACTS, "cancel_daily": DAILY, "cancel_unresolved": UNRESOLVED}
# In 0003 the request is `r`, its answer `p`, and the newest reconciliation `c`.
OTHER_NAMES = (
    (r"\br\.occurred_", "h.requested_"),
    (r"\bc\.occurred_", "h.reconciled_"),
    (r"\bp\.(?=\w)", "h."),
)


def views(dialect: str) -> dict[str, str]:
    """By name, what each view selects."""
    third = runpy.run_path(str(VERSIONS / "0003_views.py"))
    parts = {name: third["PARTS"][dialect](name) for name in third["NAMES"]}
    for pattern, other in OTHER_NAMES:
        parts = {name: re.sub(pattern, other, text) for name, text in parts.items()}
    parts["outcomes"] = ",\n  ".join(
        f"COUNT(CASE WHEN final_outcome = '{outcome}' THEN 1 END) AS {outcome}"
        for outcome in OUTCOMES
    )
    return {view: body.strip().format(**parts) for view, body in BODIES.items()}
