"""What revision 0005 makes of events: the rows of `cancel_history`, in SQL. Frozen with it.

Two ways lead to a row, and both give the same. `derived` computes it from all events of an attempt;
`inserted`, `assigned` and `counts` say how one event that comes in changes it, whatever came before.
"""

import re

MYSQL = ("mysql", "mariadb")

# From the request, where there is none from the response: who, and what was asked.
ASKED = ("account", "bot", "host", "market_type", "symbol", "native_symbol", "method", "path")
# From the request where it says them, else from the response.
IDS = ("order_id", "client_order_id", "cancel_client_order_id")
ANSWERED = (
    *("latency_us", "http_status", "venue_code", "venue_message", "order_status", "side", "type"),
    *("time_in_force", "price", "amount", "filled", "cost", "error_type"),
)
# Each kind of event, what its own times are called, and which of several counts.
ROLES = ("request", "response", "reconciliation")
TIMES = {"request": "requested", "response": "responded", "reconciliation": "reconciled"}
FIRST, NEWEST = "<", ">"
COUNTS = {"request": FIRST, "response": FIRST, "reconciliation": NEWEST}

COLUMNS = (
    *("cancel_id", "attempt", "requested_at", "responded_at", "latency_us"),
    *("account", "bot", "host", "market_type", "symbol", "native_symbol", *IDS),
    *("http_status", "venue_code", "venue_message", "outcome", "order_status", "side", "type"),
    *("price", "amount", "filled", "cost", "error_type", "reconciled_at", "final_outcome"),
    *("method", "path", "time_in_force", "reconciled_outcome"),
    *(f"{time}_ns" for time in TIMES.values()),
    *(f"{role}_{part}" for role in ROLES for part in ("writer_id", "seq")),
)


def derived(dialect: str, within: str) -> str:
    """The rows of attempts computed from their events. within: a condition on `cancel_id`."""
    collate = ' COLLATE "C"' if dialect == "postgresql" else ""
    joins = "".join(
        f"""
LEFT JOIN cancel_audit {role[:3]}
  ON {role[:3]}.cancel_id = k.cancel_id AND {role[:3]}.attempt = k.attempt AND {role[:3]}.kind = '{role}'
  AND NOT EXISTS (
    SELECT 1 FROM cancel_audit n
    WHERE n.cancel_id = k.cancel_id AND n.attempt = k.attempt AND n.kind = '{role}'
    AND (n.occurred_ns, n.writer_id{collate}, n.seq)
      {COUNTS[role]} ({role[:3]}.occurred_ns, {role[:3]}.writer_id{collate}, {role[:3]}.seq))"""
        for role in ROLES
    )
    values = {
        "cancel_id": "k.cancel_id",
        "attempt": "k.attempt",
        **{n: f"CASE WHEN req.seq IS NULL THEN res.{n} ELSE req.{n} END" for n in ASKED},
        **{name: f"COALESCE(req.{name}, res.{name})" for name in IDS},
        **{name: f"res.{name}" for name in ANSWERED},
        "outcome": "COALESCE(res.outcome, 'pending')",
        "reconciled_outcome": "rec.outcome",
        "final_outcome": "COALESCE(rec.outcome, res.outcome, 'pending')",
    }
    for role, time in TIMES.items():
        values |= {f"{time}_at": f"{role[:3]}.occurred_at", f"{time}_ns": f"{role[:3]}.occurred_ns"}
        values |= {f"{role}_{part}": f"{role[:3]}.{part}" for part in ("writer_id", "seq")}
    selected = ", ".join(f"{values[name]} AS {name}" for name in COLUMNS)
    return f"""SELECT {selected}
FROM (
  SELECT DISTINCT cancel_id, attempt FROM cancel_audit
  WHERE {within} AND attempt IS NOT NULL AND kind IN ('request', 'response', 'reconciliation')
) k{joins}"""


def put(dialect: str, table: str, within: str) -> str:
    """Write the rows of attempts as their events have them, where they are not there as such."""
    head = f"INSERT INTO {table} ({', '.join(COLUMNS)})\n{derived(dialect, within)}"
    if dialect in MYSQL:
        return f"{head}\nON DUPLICATE KEY UPDATE " + ", ".join(
            f"{name} = VALUES({name})" for name in COLUMNS
        )
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"
    return (
        f"{head}\nWHERE true\nON CONFLICT (cancel_id, attempt) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])
        + " WHERE "
        + " OR ".join(f"{table}.{name} {differs} excluded.{name}" for name in COLUMNS[2:])
    )


def assigned(role: str) -> dict[str, str]:
    """How an event of a kind changes a row `h` that is there, in an order that MySQL needs.

    It assigns one after the other: what the condition reads comes last. An id whose event is not
    the one that said it so far is looked up, which only happens when an attempt has two of a kind.
    """
    other = "response" if role == "request" else "request"
    looked_up = (
        "(SELECT a.{name} FROM cancel_audit a"
        f" WHERE a.writer_id = h.{other}_writer_id AND a.seq = h.{other}_seq)"
    )
    found: dict[str, str] = {}
    if role == "request":
        found |= {name: f"excluded.{name}" for name in ASKED}
        mine = "CASE WHEN h.request_seq IS NULL THEN h.{name} ELSE " + looked_up + " END"
        found |= {n: f"COALESCE(excluded.{n}, {mine.format(name=n)})" for n in IDS}
    elif role == "response":
        keep = "CASE WHEN h.request_seq IS NULL THEN excluded.{name} ELSE h.{name} END"
        found |= {name: keep.format(name=name) for name in ASKED}
        asked = (
            "CASE WHEN h.request_seq IS NULL THEN NULL"
            " WHEN h.response_seq IS NULL THEN h.{name} ELSE " + looked_up + " END"
        )
        found |= {n: f"COALESCE({asked.format(name=n)}, excluded.{n})" for n in IDS}
        found |= {name: f"excluded.{name}" for name in ANSWERED}
        found["outcome"] = "excluded.outcome"
        found["final_outcome"] = "COALESCE(h.reconciled_outcome, excluded.outcome)"
    else:
        found["final_outcome"] = "COALESCE(excluded.reconciled_outcome, h.outcome)"
        found["reconciled_outcome"] = "excluded.reconciled_outcome"
    own = (f"{TIMES[role]}_at", f"{role}_seq", f"{role}_writer_id", f"{TIMES[role]}_ns")
    return found | {name: f"excluded.{name}" for name in own}


def inserted(role: str) -> dict[str, str]:
    """What an event `n` of a kind says, where its attempt has no row yet."""
    found = {"cancel_id": "n.cancel_id", "attempt": "n.attempt"}
    if role != "reconciliation":
        found |= {name: f"n.{name}" for name in (*ASKED, *IDS)}
    if role == "response":
        found |= {name: f"n.{name}" for name in ANSWERED}
    outcome = {"request": "'pending'", "response": "COALESCE(n.outcome, 'pending')"}
    found["outcome"] = outcome.get(role, "'pending'")
    found["final_outcome"] = outcome.get(role, "COALESCE(n.outcome, 'pending')")
    if role == "reconciliation":
        found["reconciled_outcome"] = "n.outcome"
    found |= {f"{TIMES[role]}_at": "n.occurred_at", f"{TIMES[role]}_ns": "n.occurred_ns"}
    return found | {f"{role}_{part}": f"n.{part}" for part in ("writer_id", "seq")}


def counts(role: str, collate: str = "") -> str:
    """Whether an event of a kind is the one that counts, by time, then writer and sequence."""
    time = f"{TIMES[role]}_ns"
    names = (time, f"{role}_writer_id", f"{role}_seq")
    new, old = (
        ", ".join(f"{side}.{name}{collate if 'writer' in name else ''}" for name in names)
        for side in ("excluded", "h")
    )
    return f"(h.{time} IS NULL OR ({new}) {COUNTS[role]} ({old}))"


# -- the triggers that keep the table, and those that refuse everybody else

WITHIN_AN_ATTEMPT = "n.cancel_id IS NOT NULL AND n.attempt IS NOT NULL"
REFUSAL = "cancel_history is kept from cancel_audit: no"


def triggers(dialect: str, table: str = "cancel_history") -> dict[str, str]:
    """By name, what follows an insert into `cancel_audit`."""
    suffix = table.removeprefix("cancel_history")
    if dialect == "sqlite":
        return {f"cancel_audit_{role}_kept{suffix}": _sqlite(role, table, suffix) for role in ROLES}
    if dialect == "postgresql":
        return {
            f"cancel_audit_kept{suffix}": (
                f"CREATE TRIGGER cancel_audit_kept{suffix} AFTER INSERT ON cancel_audit"
                " REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT"
                f" EXECUTE FUNCTION cancel_audit_keep{suffix}()"
            )
        }
    return {f"cancel_audit_kept{suffix}": _mysql(table, suffix)}


def _on_conflict(role: str, collate: str = "") -> str:
    changes = ",\n    ".join(f"{name} = {value}" for name, value in assigned(role).items())
    return f"ON CONFLICT (cancel_id, attempt) DO UPDATE SET\n    {changes}\n  WHERE {counts(role, collate)}"


def _sqlite(role: str, table: str, suffix: str) -> str:
    new = {name: value.replace("n.", "NEW.") for name, value in inserted(role).items()}
    body = f"INSERT INTO {table} ({', '.join(new)})\n  VALUES ({', '.join(new.values())})"
    if role == "response":
        body += "\n  ON CONFLICT (cancel_id, attempt) DO NOTHING;\n  " + _sqlite_updates(new, table)
    else:
        body += f"\n  {_ROW.sub(f'{table}.', _on_conflict(role))}"
    return f"""CREATE TRIGGER cancel_audit_{role}_kept{suffix} AFTER INSERT ON cancel_audit
WHEN NEW.kind = '{role}' AND {WITHIN_AN_ATTEMPT.replace("n.", "NEW.")}
BEGIN
  {body};
END"""


def _sqlite_updates(new: dict[str, str], table: str) -> str:
    """How an answer changes the row of its request.

    SQLite writes every index of which a column is set, to whatever value. So what a request almost always
    says itself is set by itself, and first: by what of the row was there before.
    """
    changes, mine = assigned("response"), (*ASKED, *IDS)
    lacking = " OR ".join(f"h.{name} IS NULL AND excluded.{name} IS NOT NULL" for name in IDS)
    rarely = f"(h.request_seq IS NULL OR h.response_seq IS NOT NULL OR {lacking})"
    found = []
    for names, condition in (
        (mine, f"{counts('response')} AND {rarely}"),
        ([name for name in changes if name not in mine], counts("response")),
    ):
        values = ",\n    ".join(f"{name} = {changes[name]}" for name in names)
        found.append(
            f"UPDATE {table} SET\n    {values}\n"
            f"  WHERE cancel_id = NEW.cancel_id AND attempt = NEW.attempt AND {condition}"
        )
    text = _ROW.sub(f"{table}.", ";\n  ".join(found))
    return _EXCLUDED.sub(lambda name: new[name[1]], text)


def _mysql(table: str, suffix: str) -> str:
    """One for all kinds. The guards let pass what it does, by a variable of the session."""
    cases = ""
    for role in ROLES:
        wins = _of_mysql(counts(role), table)
        changes = ",\n      ".join(
            f"{name} = IF({wins}, {_of_mysql(value, table)}, {table}.{name})"
            for name, value in assigned(role).items()
        )
        values = ", ".join(value.replace("n.", "NEW.") for value in inserted(role).values())
        cases += f"""
    WHEN '{role}' THEN
      INSERT INTO {table} ({", ".join(inserted(role))})
      VALUES ({values})
      ON DUPLICATE KEY UPDATE
      {changes};"""
    return f"""CREATE TRIGGER cancel_audit_kept{suffix} AFTER INSERT ON cancel_audit FOR EACH ROW
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN SET @cancel_history_kept = NULL; RESIGNAL; END;
  IF {WITHIN_AN_ATTEMPT.replace("n.", "NEW.")} THEN
    SET @cancel_history_kept = 1;
    CASE NEW.kind{cases}
    ELSE BEGIN END;
    END CASE;
    SET @cancel_history_kept = NULL;
  END IF;
END"""


def _of_mysql(expression: str, table: str) -> str:
    return _ROW.sub(f"{table}.", _EXCLUDED.sub(r"VALUES(\1)", expression))


_EXCLUDED = re.compile(r"\bexcluded\.(\w+)")
_ROW = re.compile(r"\bh\.")


def functions(
    dialect: str, table: str = "cancel_history", schema: str = "public"
) -> dict[str, str]:
    """By name, what the triggers of PostgreSQL call: whoever inserts an event, with its maker's rights."""
    if dialect != "postgresql":
        return {}
    suffix = table.removeprefix("cancel_history")
    statements = "".join(
        f"""
  IF has_{role} THEN
    INSERT INTO {table} AS h ({", ".join(inserted(role))})
    SELECT DISTINCT ON (n.cancel_id, n.attempt) {", ".join(inserted(role).values())}
    FROM fresh n WHERE n.kind = '{role}' AND {WITHIN_AN_ATTEMPT}
    ORDER BY n.cancel_id, n.attempt, {_order(role)}
  {_on_conflict(role, _COLLATE)};
  END IF;"""
        for role in ROLES
    )
    named = ", ".join(f"bool_or(kind = '{role}')" for role in ROLES)
    return {
        f"cancel_audit_keep{suffix}": f"""CREATE FUNCTION cancel_audit_keep{suffix}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE
  {" ".join(f"has_{role} boolean;" for role in ROLES)}
BEGIN
  SELECT {named} INTO {", ".join(f"has_{role}" for role in ROLES)} FROM fresh;{statements}
  RETURN NULL;
END $$""",
        f"cancel_history_kept{suffix}": f"""CREATE FUNCTION cancel_history_kept{suffix}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 AND current_setting('mexc_plugin.rebuild', true) IS DISTINCT FROM 'on' THEN
    RAISE EXCEPTION '{REFUSAL} %', TG_OP;
  END IF;
  RETURN NULL;
END $$""",
    }


_COLLATE = ' COLLATE "C"'


def _order(role: str) -> str:
    how = " DESC" if COUNTS[role] == NEWEST else ""
    return ", ".join(f"n.{name}{how}" for name in ("occurred_ns", f"writer_id{_COLLATE}", "seq"))


def guards(dialect: str) -> dict[str, str]:
    """By name, the triggers of `cancel_history` that refuse what no event says.

    SQLite does not tell who writes: there a row has to be what its events say, and one with events stays.
    """
    if dialect == "postgresql":
        return {
            "cancel_history_no_change": (
                "CREATE TRIGGER cancel_history_no_change"
                " BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON cancel_history"
                " FOR EACH STATEMENT EXECUTE FUNCTION cancel_history_kept()"
            )
        }
    if dialect == "sqlite":
        found = {}
        for change in ("INSERT", "UPDATE"):
            name = f"cancel_history_no_{change.lower()}"
            found[name] = f"""CREATE TRIGGER {name} AFTER {change} ON cancel_history
WHEN NOT ({_agrees()})
BEGIN SELECT RAISE(ABORT, '{REFUSAL} {change}'); END"""
        found[
            "cancel_history_no_delete"
        ] = f"""CREATE TRIGGER cancel_history_no_delete BEFORE DELETE ON cancel_history
WHEN EXISTS (
  SELECT 1 FROM cancel_audit
  WHERE cancel_id = OLD.cancel_id AND attempt = OLD.attempt AND kind IN {ROLES})
BEGIN SELECT RAISE(ABORT, '{REFUSAL} DELETE'); END"""
        return found
    return {
        f"cancel_history_no_{change.lower()}": f"""CREATE TRIGGER cancel_history_no_{change.lower()} BEFORE {change} ON cancel_history
FOR EACH ROW IF @cancel_history_kept IS NULL THEN
  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{REFUSAL} {change}'; END IF"""
        for change in ("INSERT", "UPDATE", "DELETE")
    }


def _agrees() -> str:
    """Whether a row of SQLite says what the events say that it names, and names any."""
    said = {"request": ASKED, "response": (*ANSWERED, "outcome"), "reconciliation": ()}
    parts = [
        "COALESCE(NEW.request_seq, NEW.response_seq, NEW.reconciliation_seq) IS NOT NULL",
        "NEW.final_outcome = COALESCE(NEW.reconciled_outcome, NEW.outcome)",
    ]
    for role, time in TIMES.items():
        pairs = {f"{time}_at": "e.occurred_at", f"{time}_ns": "e.occurred_ns"}
        pairs |= {name: f"e.{name}" for name in said[role]}
        if role == "response":
            pairs["outcome"] = "COALESCE(e.outcome, 'pending')"
        if role == "reconciliation":
            pairs["reconciled_outcome"] = "e.outcome"
        same = " AND ".join(f"NEW.{name} IS {value}" for name, value in pairs.items())
        parts.append(
            f"""(NEW.{role}_seq IS NULL AND NEW.{time}_ns IS NULL OR EXISTS (
    SELECT 1 FROM cancel_audit e
    WHERE e.writer_id = NEW.{role}_writer_id AND e.seq = NEW.{role}_seq AND e.kind = '{role}'
    AND e.cancel_id = NEW.cancel_id AND e.attempt = NEW.attempt
    AND {same}))"""
        )
    return "\n  AND ".join(parts)
