"""Makes from the files of SQL what shows them: docs/compliance.md and docs/datasette/metadata.json.

python -m docs.questions [--check]
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mexc_plugin.review.times import moment
from mexc_plugin.store.read.questions import Parameter, Question, catalogue
from mexc_plugin.store.schema import tables
from mexc_plugin.store.schema.dictionary import CHECKPOINTS, EVENTS, HISTORY, KEPT, ORDERS
from mexc_plugin.store.schema.view_columns import VIEW_COLUMNS, VIEW_PURPOSES

DOCS = Path(__file__).parent
COMPLIANCE = DOCS / "compliance.md"
METADATA = DOCS / "datasette" / "metadata.json"
MARK = "<!-- From here on: made by `make docs` from mexc_plugin/store/questions. -->\n"

GROUPS = {
    "What was cancelled, and by whom": (
        "cancels-of-an-account",
        "order-trail",
        "accounts",
        "bots-and-hosts",
        "users",
        "outside-hours",
        "cancel-alls",
        "cancel-all-orders",
    ),
    "How many": ("daily-summary", "by-hour", "by-symbol", "bursts"),
    "What failed": (
        "failed",
        "refusals-by-code",
        "never-sent",
        "retries",
        "repeated-orders",
        "latency-percentiles",
        "slowest",
    ),
    "What was filled": ("already-filled", "partially-filled", "filled-totals"),
    "What nobody knew": (
        "unresolved",
        "pending",
        "unknown-for-long",
        "unknown-by-cause",
        "reconciled",
    ),
    "Whether the record is whole": (
        "gaps",
        "recorded-late",
        "crashed-writers",
        "clock-anomalies",
        "versions",
    ),
}
# Datasette serves SQLite, and without a function of ours there is no exact sum there.
NOT_IN_DATASETTE = ("filled-totals",)
TABLES = {
    "cancel_audit": "the record: a row for each event, append-only",
    "cancel_audit_order": "the orders of events that have several, such as a cancel-all",
    "audit_checkpoint": "signed notes that say how far the record was",
    "cancel_history": "start here: a row for each attempt to cancel, with what is known of it now",
}
OWN = {
    "audit_checkpoint": CHECKPOINTS,
    "cancel_audit": EVENTS,
    "cancel_audit_order": ORDERS,
    "cancel_history": HISTORY,
}
MEANINGS = {name: field.meaning for fields in OWN.values() for name, field in fields.items()}


def compliance() -> str:
    """The page, its handwritten beginning as it is."""
    written, mark, _ = COMPLIANCE.read_text(encoding="utf-8").partition(MARK)
    return written + MARK + "".join(_pages()) if mark else written


def _pages() -> Iterator[str]:
    known = catalogue()
    for heading, names in GROUPS.items():
        yield f"\n## {heading}\n"
        for name in names:
            yield _page(known[name])


def _page(question: Question) -> str:
    required = [p for p in question.parameters if p.default is None]
    words = "".join(f" --param {p.name}=133734823834447872" for p in required)
    parts = [
        f"\n### {question.title}\n\n{textwrap.fill(question.about, 115)}\n",
        f"\n```sh\nmexc-plugin audit sql {question.name}{words}\n```\n",
    ]
    if question.parameters:
        listed = "; ".join(_parameter(parameter) for parameter in question.parameters)
        parts.append(f"\n{textwrap.fill(f'Takes {listed}.', 115)}\n")
    for dialect in sorted(question.sql):
        if dialect:
            why = "it needs a function that Python's SQLite has not"
            parts.append(f"\nOn {NAMES[dialect]}:\n\n<!-- not run: {why} -->")
        parts.append(f"\n```sql\n{question.sql[dialect]}\n```\n")
    return "".join(parts)


def _parameter(parameter: Parameter) -> str:
    if parameter.name in EVERYWHERE:
        return f"`{parameter.name}`"
    default = f", else `{parameter.default}`" if parameter.default else ""
    return f"`{parameter.name}` ({parameter.meaning}{default})"


# Said once, at the top of the page.
EVERYWHERE = ("since", "until")
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL and MariaDB"}


def metadata() -> str:
    """What Datasette shows beside the database `audit`."""
    described = {
        name: _table(name, about) for name, about in (TABLES | dict(VIEW_PURPOSES)).items()
    }
    queries = {
        name: _query(question)
        for name, question in catalogue().items()
        if name not in NOT_IN_DATASETTE
    }
    audit = {
        "description": "Every cancel that was sent to MEXC. Times are UTC; decimals are exact text.",
        "tables": described,
        "queries": queries,
    }
    document = {"title": "Cancels on record", "databases": {"audit": audit}}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _table(name: str, about: str) -> dict[str, Any]:
    if name in VIEW_COLUMNS:
        columns = {column: text or MEANINGS[column] for column, text in VIEW_COLUMNS[name].items()}
    else:
        columns = {column: field.meaning for column, field in OWN[name].items()}
        columns |= KEPT if name == tables.HISTORY_TABLE else {}
    sort = {"sort_desc": "requested_at"} if "requested_at" in columns else {}
    described = {column: _plain(text) for column, text in columns.items()}
    return {"description": _plain(about), "columns": described} | sort


def _query(question: Question) -> dict[str, Any]:
    sql = question.sql_for("sqlite")
    for parameter in question.parameters:
        pattern = rf"(?<![:\w]):{parameter.name}\b"
        sql = re.sub(pattern, lambda _, p=parameter: _with_default(p), sql)
    meanings = "; ".join(f"{p.name}: {p.meaning}" for p in question.parameters)
    about = (
        f"{question.about} Leave a field empty for its default. {meanings}."
        if meanings
        else question.about
    )
    params = {"params": [p.name for p in question.parameters]} if question.parameters else {}
    return {"title": question.title, "description": _plain(about), "sql": sql} | params


def _with_default(parameter: Parameter) -> str:
    """Datasette has empty text where nothing is given, and text where a number is."""
    given = f":{parameter.name}"
    if parameter.type == "number":
        return f"CAST(COALESCE(NULLIF({given}, ''), {parameter.default}) AS INTEGER)"
    if parameter.type == "time":
        return f"COALESCE(NULLIF({given}, ''), {_time(str(parameter.default))})"
    return given


def _time(default: str) -> str:
    if default[:4].isdigit():
        return f"'{default}'"
    now = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    seconds = int((now - moment(default, now)).total_seconds())
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{seconds} seconds')"


def _plain(text: str) -> str:
    return text.replace("`", "")


MADE = {COMPLIANCE: compliance, METADATA: metadata}


def main() -> int:
    """Write what is out of date, or with --check only name it and return 1."""
    stale = [path for path, make in MADE.items() if not _is(path, make())]
    for path in stale:
        print(f"{path.relative_to(DOCS.parent)} is out of date; run: make docs", file=sys.stderr)  # noqa: T201
    if sys.argv[1:] == ["--check"]:
        return 1 if stale else 0
    for path in stale:
        path.write_text(MADE[path](), encoding="utf-8")
    return 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
