"""Views that keep the auditors' SQL short: one text where the databases agree, parts where not.

`cancel_facts` is `cancel_history` with what SQL counts by: exact times, days, hours and decimals as
numbers where the database has exact ones. The others are what is asked most.
"""

from alembic.operations import Operations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FACTS = """
SELECT
  r.cancel_id AS cancel_id,
  r.attempt AS attempt,
  r.occurred_at AS requested_at,
  p.occurred_at AS responded_at,
  c.occurred_at AS reconciled_at,
  r.occurred_ns AS requested_ns,
  p.occurred_ns AS responded_ns,
  c.occurred_ns AS reconciled_ns,
  {day} AS day,
  {hour} AS hour_of_day,
  {weekday} AS weekday,
  {resolved} AS resolved_after_seconds,
  p.latency_us AS latency_us,
  r.account AS account,
  r.bot AS bot,
  r.host AS host,
  r.market_type AS market_type,
  r.symbol AS symbol,
  r.native_symbol AS native_symbol,
  COALESCE(r.order_id, p.order_id) AS order_id,
  COALESCE(r.client_order_id, p.client_order_id) AS client_order_id,
  COALESCE(r.cancel_client_order_id, p.cancel_client_order_id) AS cancel_client_order_id,
  r.method AS method,
  r.path AS path,
  p.http_status AS http_status,
  p.venue_code AS venue_code,
  p.venue_message AS venue_message,
  COALESCE(p.outcome, 'pending') AS outcome,
  COALESCE(c.outcome, p.outcome, 'pending') AS final_outcome,
  p.order_status AS order_status,
  p.side AS side,
  p.type AS type,
  p.time_in_force AS time_in_force,
  {price} AS price,
  {amount} AS amount,
  {filled} AS filled,
  {cost} AS cost,
  p.error_type AS error_type,
  r.writer_id AS writer_id,
  r.seq AS seq
FROM cancel_audit r
LEFT JOIN cancel_audit p
  ON p.cancel_id = r.cancel_id AND p.attempt = r.attempt AND p.kind = 'response'
LEFT JOIN cancel_audit c
  ON c.cancel_id = r.cancel_id AND c.attempt = r.attempt AND c.kind = 'reconciliation'
  AND NOT EXISTS (
    SELECT 1 FROM cancel_audit n
    WHERE n.cancel_id = c.cancel_id AND n.attempt = c.attempt AND n.kind = 'reconciliation'
    AND (n.occurred_ns > c.occurred_ns
      OR (n.occurred_ns = c.occurred_ns AND n.writer_id > c.writer_id)
      OR (n.occurred_ns = c.occurred_ns AND n.writer_id = c.writer_id AND n.seq > c.seq))
  )
WHERE r.kind = 'request'
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
  COUNT(CASE WHEN final_outcome = 'canceled' THEN 1 END) AS canceled,
  COUNT(CASE WHEN final_outcome = 'partially_canceled' THEN 1 END) AS partially_canceled,
  COUNT(CASE WHEN final_outcome = 'closed' THEN 1 END) AS closed,
  COUNT(CASE WHEN final_outcome = 'accepted' THEN 1 END) AS accepted,
  COUNT(CASE WHEN final_outcome = 'not_found' THEN 1 END) AS not_found,
  COUNT(CASE WHEN final_outcome = 'rejected' THEN 1 END) AS rejected,
  COUNT(CASE WHEN final_outcome = 'unauthorized' THEN 1 END) AS unauthorized,
  COUNT(CASE WHEN final_outcome = 'rate_limited' THEN 1 END) AS rate_limited,
  COUNT(CASE WHEN final_outcome = 'not_sent' THEN 1 END) AS not_sent,
  COUNT(CASE WHEN final_outcome = 'unknown' THEN 1 END) AS unknown,
  COUNT(CASE WHEN final_outcome = 'pending' THEN 1 END) AS pending,
  COUNT(reconciled_at) AS reconciled,
  MAX(latency_us) AS max_latency_us
FROM cancel_history
GROUP BY DATE(requested_at), account, bot, market_type, symbol
"""

# Two searches instead of a look at every attempt: answers that said nothing, and answers missing.
UNRESOLVED = """
SELECT
  r.occurred_at AS requested_at,
  {age} AS age_seconds,
  r.cancel_id AS cancel_id,
  r.attempt AS attempt,
  'unknown' AS outcome,
  r.account AS account,
  r.bot AS bot,
  r.host AS host,
  r.market_type AS market_type,
  r.symbol AS symbol,
  r.native_symbol AS native_symbol,
  COALESCE(r.order_id, p.order_id) AS order_id,
  COALESCE(r.client_order_id, p.client_order_id) AS client_order_id,
  COALESCE(r.cancel_client_order_id, p.cancel_client_order_id) AS cancel_client_order_id,
  p.http_status AS http_status,
  p.venue_code AS venue_code,
  p.venue_message AS venue_message,
  p.error_type AS error_type
FROM cancel_audit p
JOIN cancel_audit r
  ON r.cancel_id = p.cancel_id AND r.attempt = p.attempt AND r.kind = 'request'
WHERE p.kind = 'response' AND p.outcome = 'unknown'
AND NOT EXISTS (
  SELECT 1 FROM cancel_audit c
  WHERE c.cancel_id = p.cancel_id AND c.attempt = p.attempt AND c.kind = 'reconciliation')
UNION ALL
SELECT
  r.occurred_at AS requested_at,
  {age} AS age_seconds,
  r.cancel_id AS cancel_id,
  r.attempt AS attempt,
  'pending' AS outcome,
  r.account AS account,
  r.bot AS bot,
  r.host AS host,
  r.market_type AS market_type,
  r.symbol AS symbol,
  r.native_symbol AS native_symbol,
  r.order_id AS order_id,
  r.client_order_id AS client_order_id,
  r.cancel_client_order_id AS cancel_client_order_id,
  r.http_status AS http_status,
  r.venue_code AS venue_code,
  r.venue_message AS venue_message,
  r.error_type AS error_type
FROM cancel_audit r
WHERE r.kind = 'request'
AND NOT EXISTS (
  SELECT 1 FROM cancel_audit a
  WHERE a.cancel_id = r.cancel_id AND a.attempt = r.attempt
  AND a.kind IN ('response', 'reconciliation'))
"""

WRITERS = """
SELECT
  w.writer_id AS writer_id,
  l.host AS host,
  {pid} AS pid,
  {os_user} AS os_user,
  {plugin} AS plugin_version,
  {ccxt} AS ccxt_version,
  {python} AS python_version,
  s.occurred_at AS started_at,
  l.occurred_at AS last_at,
  CASE WHEN l.kind = 'stop' THEN l.occurred_at END AS stopped_at,
  w.events AS events,
  w.last_seq - w.events AS missing
FROM (
  SELECT writer_id, COUNT(*) AS events, MAX(seq) AS last_seq FROM cancel_audit GROUP BY writer_id
) w
JOIN cancel_audit l ON l.writer_id = w.writer_id AND l.seq = w.last_seq
LEFT JOIN cancel_audit s ON s.writer_id = w.writer_id AND s.seq = 1 AND s.kind = 'start'
"""

GAPS = """
SELECT
  g.writer_id AS writer_id,
  g.seq_before + 1 AS first_missing,
  g.seq - 1 AS last_missing,
  g.seq - g.seq_before - 1 AS missing,
  COALESCE({lost}, 0) AS admitted,
  b.occurred_at AS before_at,
  a.occurred_at AS after_at
FROM (
  SELECT writer_id, seq,
    COALESCE(LAG(seq) OVER (PARTITION BY writer_id ORDER BY seq), 0) AS seq_before
  FROM cancel_audit
) g
JOIN cancel_audit a ON a.writer_id = g.writer_id AND a.seq = g.seq
LEFT JOIN cancel_audit b ON b.writer_id = g.writer_id AND b.seq = g.seq_before
WHERE g.seq - g.seq_before > 1
"""

SPOOLED = """
SELECT
  a.writer_id AS writer_id,
  a.seq AS marked_seq,
  a.occurred_at AS marked_at,
  {count} AS events,
  {first} AS first_seq,
  {last} AS last_seq
FROM cancel_audit a
WHERE a.payload LIKE '%"spooled":{{"count":%'
"""

BODIES = {
    "cancel_facts": FACTS,
    "cancel_daily": DAILY,
    "cancel_unresolved": UNRESOLVED,
    "cancel_writers": WRITERS,
    "cancel_gaps": GAPS,
    "cancel_spooled": SPOOLED,
}
DECIMALS = ("price", "amount", "filled", "cost")
# A text of this length may be one that was cut to it, and then it is another number.
CUT = 64

# Payloads are canonical JSON: their keys are sorted, and within a text every quote is escaped. So
# these fields can be found by what they look like, also in a payload that somebody made unreadable.
FIELDS = {
    "pid": ("s", "$.pid", '"pid":([0-9]+)', "number"),
    "os_user": ("s", "$.os_user", '"os_user":"([^"]*)"', "text"),
    "plugin": ("s", '$.versions."mexc-plugin"', '"mexc-plugin":"([^"]*)"', "text"),
    "ccxt": ("s", "$.versions.ccxt", '"ccxt":"([^"]*)"', "text"),
    "python": ("s", "$.versions.python", '"python":"([^"]*)"', "text"),
    "lost": ("a", "$.lost", '"lost":([0-9]+)', "number"),
    "count": ("a", "$.spooled.count", '"spooled":[{]"count":([0-9]+)', "number"),
    "first": ("a", "$.spooled.first", '"spooled":[{][^}]*"first":([0-9]+)', "number"),
    "last": ("a", "$.spooled.last", '"spooled":[{][^}]*"last":([0-9]+)', "number"),
}


def sqlite(part: str) -> str:
    if part in DECIMALS:
        return f"p.{part}"  # there is no exact number but a text
    if part in FIELDS:
        table, path, _, _ = FIELDS[part]
        payload = f"{table}.payload"
        return f"CASE WHEN json_valid({payload}) THEN json_extract({payload}, '{path}') END"
    return {
        "day": "date(r.occurred_at)",
        "hour": "CAST(strftime('%H', r.occurred_at) AS INTEGER)",
        "weekday": "(CAST(strftime('%w', r.occurred_at) AS INTEGER) + 6) % 7 + 1",
        "resolved": "(c.occurred_ns - r.occurred_ns) / 1000000000",
        "age": "CAST((julianday('now') - julianday(r.occurred_at)) * 86400 AS INTEGER)",
    }[part]


def postgresql(part: str) -> str:
    if part in DECIMALS:
        is_number = f"p.{part} ~ '^-?[0-9]+([.][0-9]+)?$' AND CHAR_LENGTH(p.{part}) < {CUT}"
        return f"CASE WHEN {is_number} THEN CAST(p.{part} AS NUMERIC) END"
    if part in FIELDS:
        table, _, pattern, kind = FIELDS[part]
        found = f"SUBSTRING({table}.payload FROM '{pattern}')"
        return f"CAST({found} AS BIGINT)" if kind == "number" else found
    return {
        "day": "DATE(r.occurred_at)",
        "hour": "CAST(EXTRACT(HOUR FROM r.occurred_at) AS INTEGER)",
        "weekday": "CAST(EXTRACT(ISODOW FROM r.occurred_at) AS INTEGER)",
        "resolved": "(c.occurred_ns - r.occurred_ns) / 1000000000",
        "age": "CAST(FLOOR(EXTRACT(EPOCH FROM timezone('UTC', now()) - r.occurred_at)) AS BIGINT)",
    }[part]


def mysql(part: str) -> str:
    if part in DECIMALS:
        # The widest that both have: what does not fit is NULL, never rounded. The second pattern
        # is for a line feed at the end, which the first one lets pass.
        is_number = (
            f"p.{part} REGEXP '^-?[0-9]{{1,35}}([.][0-9]{{1,30}})?$'"
            f" AND p.{part} NOT REGEXP '[^0-9.-]' AND CHAR_LENGTH(p.{part}) < {CUT}"
        )
        return f"CASE WHEN {is_number} THEN CAST(p.{part} AS DECIMAL(65,30)) END"
    if part in FIELDS:
        table, path, _, kind = FIELDS[part]
        found = f"JSON_VALUE({table}.payload, '{path}')"
        return f"CAST({found} AS SIGNED)" if kind == "number" else found
    return {
        "day": "DATE(r.occurred_at)",
        "hour": "HOUR(r.occurred_at)",
        "weekday": "WEEKDAY(r.occurred_at) + 1",
        "resolved": "(c.occurred_ns - r.occurred_ns) DIV 1000000000",
        "age": "TIMESTAMPDIFF(SECOND, r.occurred_at, UTC_TIMESTAMP(6))",
    }[part]


PARTS = {"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql, "mariadb": mysql}
NAMES = (*DECIMALS, *FIELDS, "day", "hour", "weekday", "resolved", "age")


def views(dialect: str) -> dict[str, str]:
    """By name, what each view selects."""
    parts = {name: PARTS[dialect](name) for name in NAMES}
    return {view: body.strip().format(**parts) for view, body in BODIES.items()}


def upgrade(op: Operations) -> None:
    dialect = op.get_bind().dialect.name
    # Each statement commits there: an interrupted run may have made some.
    is_mysql = dialect in ("mysql", "mariadb")
    how = "CREATE OR REPLACE SQL SECURITY INVOKER VIEW" if is_mysql else "CREATE VIEW"
    for name, body in views(dialect).items():
        op.execute(f"{how} {name} AS\n{body}".replace(":", r"\:"))


def downgrade(op: Operations) -> None:
    for name in reversed(BODIES):
        op.execute(f"DROP VIEW IF EXISTS {name}")
