"""Makes docs/data-dictionary.md from the schema and from what its columns mean.

python -m docs.dictionary [--check]
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from mexc_plugin.store.schema import tables
from mexc_plugin.store.schema.dictionary import (
    CHECKPOINTS,
    EVENTS,
    HISTORY,
    KEPT,
    ORDERS,
    PAYLOAD,
    Field,
)
from mexc_plugin.store.schema.view_columns import VIEW_COLUMNS, VIEW_PURPOSES

PAGE = Path(__file__).parent / "data-dictionary.md"
DIALECTS = {
    "SQLite": sqlite.dialect(),
    "PostgreSQL": postgresql.dialect(),
    "MySQL, MariaDB": mysql.dialect(),
}


EVENTS_ABOUT = """\
One row for each event; append-only. Every column but the hashes is a projection of `payload`: text is cut
to the column's length, the payload has all of it."""
ORDERS_ABOUT = """\
One row for each order of an event that has several, such as a cancel-all: each that was asked for, and each
that the venue named. Append-only, a projection of `payload` too."""
CHECKPOINTS_ABOUT = """\
One row for each signed note about the record, as `mexc-plugin audit checkpoint` takes them; append-only. What
they prove is in [what the record proves](evidence.md)."""
HEAD = """\
# Data dictionary

<!-- Made by `make docs` from mexc_plugin/store: change it there. -->

Every table, view, column and field, with what it means, when it is null and who says so. How it hangs
together is in [the record](record.md); what an outcome means is [there too](record.md#outcomes).

## How values are written

| | in SQL | json, jsonl | csv | parquet |
| --- | --- | --- | --- | --- |
| text | as it is | string; characters that a terminal would obey are written `\\u…` | see below | string |
| decimals | text, the venue's own | string | as they are | string |
| whole numbers | integer | number | digits | int64 |
| times | UTC, without a zone | string, `2026-11-23T12:00:00.000000Z` | the same | timestamp in µs, UTC |
| null | NULL | `null` | an empty cell | null |

In csv a text that starts with `=`, `+`, `-`, `@`, a tab, a carriage return, the full-width form of one of them, or `'`
has a `'` in front, so that no spreadsheet runs it as a formula; numbers stay as they are. To have the
text back, remove one `'` from the beginning of each cell that starts with one. Control characters are
written out, like `\\x1b`. The exact text is in jsonl and parquet.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_table_section(), *_history_section(), *_views(), *_events_section()])


def _table_section() -> Iterator[str]:
    sections = (
        (tables.cancel_audit, EVENTS, EVENTS_ABOUT),
        (tables.cancel_audit_order, ORDERS, ORDERS_ABOUT),
        (tables.audit_checkpoint, CHECKPOINTS, CHECKPOINTS_ABOUT),
    )
    for table, fields, about in sections:
        yield f"## Table `{table.name}`\n\n{about}\n"
        yield from _rows(("column", *DIALECTS, "meaning", "null", "from"))
        for name, field in fields.items():
            types = [_type(table.c[name], dialect) for dialect in DIALECTS.values()]
            yield _row([f"`{name}`", *types, *_words(field)])
        keys = ", ".join(f"`{column.name}`" for column in table.primary_key)
        yield f"\nPrimary key: {keys}.\n"


def _history_section() -> Iterator[str]:
    yield (
        f"## Table `{tables.HISTORY_TABLE}`\n\n"
        "One row for each attempt: its request, its response and the newest reconciliation. Kept from the "
        "events by triggers,\nin the transaction of each event; derived, and never evidence. These are the "
        "fields of a line of\n`mexc-plugin audit list --format jsonl`, in this order, of `audit tail`, and of "
        "`audit export`, whose csv and parquet\nfiles have the same columns. A field is always there; what is "
        "not known is null.\n"
    )
    yield from _rows(("field", "json", "meaning", "null", "from"))
    for name, field in HISTORY.items():
        yield _row([f"`{name}`", _json_type(name), *_words(field)])
    keys = ", ".join(f"`{column.name}`" for column in tables.kept_history.primary_key)
    yield f"\nPrimary key: {keys}. Beside them the table has, for SQL:\n"
    yield from _rows(("column", *DIALECTS, "meaning"))
    for name, meaning in KEPT.items():
        kept = tables.kept_history.c[name]
        types = [_type(kept, dialect) for dialect in DIALECTS.values()]
        yield _row([f"`{name}`", *types, meaning])
    yield ""


def _views() -> Iterator[str]:
    for view, columns in VIEW_COLUMNS.items():
        yield f"## View `{view}`\n\n{_sentence(VIEW_PURPOSES[view])}\n"
        yield from _rows(("column", "meaning"))
        for name, meaning in columns.items():
            yield _row([f"`{name}`", meaning or _shared(name)])
        yield ""


def _events_section() -> Iterator[str]:
    yield (
        "## A line of `audit export --what events`\n\n"
        "In jsonl: `prev_hash`, `hash` and `payload`, in this order and without a blank. The payload is "
        "byte for byte what\nwas hashed: the line without its first 164 characters and its last one. In csv and "
        "parquet an event has the columns of\n`cancel_audit`; a payload in csv is the same JSON, but not "
        "always the same bytes.\n\n"
        "A payload has sorted keys; what is null is left out; numbers are whole. It has the "
        "columns of `cancel_audit`,\nwithout `occurred_at`, `payload` and the hashes, and:\n"
    )
    yield from _rows(("field", "json", "in", "meaning"))
    for name, part in PAYLOAD.items():
        kinds = ", ".join(f"`{kind}`" for kind in part.kinds) or "any"
        yield _row([f"`{name}`", part.kind, kinds, part.meaning])
    yield ""


def _words(field: Field) -> tuple[str, str, str]:
    return field.meaning, field.null or "never", field.source


def _shared(name: str) -> str:
    """What a column means that a view has from the history, or from the table."""
    found = {**EVENTS, **HISTORY}
    return found[name].meaning


def _json_type(name: str) -> str:
    kind = tables.cancel_history.c[name].type.python_type
    return "number" if kind is int else "string" if kind is str else "string, a time"


def _type(column: sa.Column[object], dialect: sa.Dialect) -> str:
    return str(column.type.compile(dialect=dialect))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _rows(heads: Iterable[str]) -> Iterator[str]:
    names = list(heads)
    yield _row(names)
    yield _row(["---"] * len(names))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Write the page, or with --check say whether it is up to date."""
    text = page()
    stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
    if stale and "--check" in sys.argv[1:]:
        print(f"docs/{PAGE.name} is stale; run: make docs", file=sys.stderr)  # noqa: T201
        return 1
    if stale:
        PAGE.write_text(text, encoding="utf-8")
        print(PAGE.name, file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
