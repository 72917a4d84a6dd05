"""One cancel as steps: every event with the time since the one before, what it changed, and raw words.

Pure: rows of `cancel_audit`, oldest first, go in.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mexc_plugin.audit.events import COLUMNS
from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.review.event_view import FIELDS, Findings, Row, document, reindent

if TYPE_CHECKING:
    from mexc_plugin.store.verify.record import Finding

SIDES = ("request", "response", "error")


@dataclass(frozen=True, slots=True)
class Change:
    """A field that an event says for the first time (before is None), or differently."""

    name: str
    before: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One event. since_us: microseconds after the one before, None for the first.

    raw: what its payload holds beyond the columns, as titled text of lines;
    findings: what is wrong with it and its links to its neighbours, empty where the chain holds.
    """

    row: Row
    since_us: int | None
    changes: tuple[Change, ...]
    raw: tuple[tuple[str, str], ...]
    findings: Sequence["Finding"]


def steps(rows: Iterable[Row], findings: Findings) -> Iterator[Step]:
    """The steps of one cancel."""
    known: dict[str, Any] = {}
    before: Row | None = None
    for row in rows:
        since = None if before is None else (row["occurred_ns"] - before["occurred_ns"]) // 1000
        changed = tuple(
            Change(name, known.get(name), row[name])
            for name in FIELDS
            if row[name] is not None and row[name] != known.get(name)
        )
        yield Step(
            row, since, changed, tuple(_raw(document(row))), findings[row["writer_id"], row["seq"]]
        )
        known |= {name: row[name] for name in FIELDS if row[name] is not None}
        before = row


def name_of(row: Row) -> str:
    """An event's name: its kind, and no response where all that it says is that no answer came."""
    kind = str(row["kind"])
    if kind != "response" or document(row).get("response"):
        return kind
    return "not sent" if row["outcome"] == Outcome.NOT_SENT else "no answer"


def _raw(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    columns = set(COLUMNS) - {"payload"}
    others = sorted(set(found) - set(SIDES) - columns - {"v"})
    for name in (*SIDES, *others):
        part = found.get(name)
        if part is not None:
            yield name.replace("_", " "), "\n".join(_lines(part))


def _lines(part: object) -> Iterator[str]:
    if not isinstance(part, Mapping):
        yield part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
        return
    # A body is the longest, and stands behind the rest as it did on the wire.
    for name, value in sorted(part.items(), key=lambda item: item[0] == "body"):
        if value == {}:
            continue
        if isinstance(value, Mapping):
            yield f"{name}:"
            yield from (f"  {key}: {item}" for key, item in value.items())
        elif name == "body" and isinstance(value, str):
            yield ""
            yield reindent(value) or value
        elif value is not None:
            yield f"{name}: {value}"
