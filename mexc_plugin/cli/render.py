"""Rows of `cancel_history` as text: one renderer for each format."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mexc_plugin.cli.terminal import Screen, cells, visible

Row = Mapping[str, Any]
Renderer = Callable[[Iterable[Row], Sequence[str], Screen], Iterator[str]]

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

_NUMBER = re.compile(r"[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?")
_GAP = "  "


def encode(value: object) -> str:
    """JSON in one line; what a terminal would obey or not show is escaped."""
    encoded = json.dumps(value, ensure_ascii=False, default=plain, separators=(", ", ": "))
    if encoded.isprintable():
        return encoded
    # Outside of strings JSON is printable, so that these escapes stand inside of them.
    return "".join(
        char if char.isprintable() else json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"
        for char in encoded
    )


def plain(value: object) -> str:
    """A time as ISO 8601 with microseconds and Z; anything else as its text."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return str(value)


def cell(value: object) -> str:
    """A CSV cell that no spreadsheet takes for a formula and no terminal for a command."""
    if value is None:
        return ""
    text = plain(value)
    if text.startswith(FORMULA_STARTS) and not _NUMBER.fullmatch(text):
        text = "'" + text
    return visible(text)


def array(values: Iterable[object]) -> Iterator[str]:
    """One JSON array, a line for each value."""
    empty = True
    for value in values:
        yield ("[" if empty else ",") + encode(value)
        empty = False
    yield "[]" if empty else "]"


def as_json(rows: Iterable[Row], columns: Sequence[str], _screen: Screen) -> Iterator[str]:
    """One array, a line for each row."""
    return array(_ordered(row, columns) for row in rows)


def as_jsonl(rows: Iterable[Row], columns: Sequence[str], _screen: Screen) -> Iterator[str]:
    """One object a line."""
    for row in rows:
        yield encode(_ordered(row, columns))


def as_csv(rows: Iterable[Row], columns: Sequence[str], _screen: Screen) -> Iterator[str]:
    """A line of names, then one line for each row."""
    yield _csv_line(columns)
    for row in rows:
        yield _csv_line(cell(row[name]) for name in columns)


def as_table(rows: Iterable[Row], _columns: Sequence[str], screen: Screen) -> Iterator[str]:
    """Aligned columns; where they do not fit, less of them; where ids do not fit, a few lines a row.

    Ids are never cut.
    """
    kept = list(rows)
    texts = {name: [visible(show(row)) for row in kept] for name, show, _ in TABLE}
    names = [name for name, values in texts.items() if any(values)]
    widths = {name: max(map(cells, [name, *texts[name]])) for name in names}
    if screen.width is not None:
        for name, _, droppable in sorted(TABLE, key=lambda column: -column[2]):
            if droppable and name in names and _total(names, widths) > screen.width:
                names.remove(name)
        if _total(names, widths) > screen.width:
            yield from _stacked(kept, screen)
            return
    if kept:
        head = _GAP.join(_padded(name, widths[name]) for name in names).rstrip()
        yield screen.styled(head, bold=True)
    for index, row in enumerate(kept):
        yield _line(row, {name: texts[name][index] for name in names}, widths, screen)


def _line(row: Row, texts: Mapping[str, str], widths: Mapping[str, int], screen: Screen) -> str:
    parts = []
    for position, (name, text) in enumerate(texts.items(), 1):
        padding = " " * (widths[name] - cells(text)) if position < len(texts) else ""
        shown = screen.outcome(text, row["final_outcome"]) if name == "outcome" else text
        parts.append(shown + padding)
    return _GAP.join(parts).rstrip()


def _stacked(rows: Iterable[Row], screen: Screen) -> Iterator[str]:
    for row in rows:
        rest = [_text("symbol")(row), _filled(row), _latency(row)]
        texts = [visible(text) for text in (_time(row), _outcome(row), *rest) if text]
        for line in _wrapped(texts, screen.width or 0):
            yield line.replace(texts[1], screen.outcome(texts[1], row["final_outcome"]), 1)
        yield f"  order   {visible(_order(row))}"
        yield f"  cancel  {visible(_text('cancel_id')(row))}"


def _wrapped(texts: Iterable[str], width: int) -> Iterator[str]:
    line = ""
    for text in texts:
        if line and cells(line) + len(_GAP) + cells(text) > width:
            yield line
            line = _GAP + text
        else:
            line = f"{line}{_GAP}{text}" if line else text
    yield line


def _time(row: Row) -> str:
    moment = row["requested_at"]
    return moment.isoformat(sep=" ", timespec="milliseconds") if moment else ""


def _outcome(row: Row) -> str:
    final, first = row["final_outcome"], row["outcome"]
    return str(final) if final == first else f"{final} (was {first})"


def _order(row: Row) -> str:
    return str(row["order_id"] or row["client_order_id"] or "")


def _filled(row: Row) -> str:
    if row["filled"] is None and row["amount"] is None:
        return ""
    return f"{row['filled'] or '?'}/{row['amount'] or '?'}"


def _latency(row: Row) -> str:
    microseconds = row["latency_us"]
    return "" if microseconds is None else f"{microseconds / 1000:.1f} ms"


def _answer(row: Row) -> str:
    known = [str(row[name]) for name in ("http_status", "venue_code") if row[name] is not None]
    return " ".join(known)


def _attempt(row: Row) -> str:
    return "" if row["attempt"] == 1 else str(row["attempt"])


def _text(name: str) -> Callable[[Row], str]:
    return lambda row: "" if row[name] is None else str(row[name])


# Heading, text, and how early it is left out where room is short; 0: never.
TABLE: tuple[tuple[str, Callable[[Row], str], int], ...] = (
    ("requested (UTC)", _time, 0),
    ("symbol", _text("symbol"), 0),
    ("order", _order, 0),
    ("outcome", _outcome, 0),
    ("filled", _filled, 1),
    ("took", _latency, 3),
    ("answer", _answer, 4),
    ("try", _attempt, 2),
    ("bot", _text("bot"), 5),
    ("cancel", _text("cancel_id"), 0),
    ("message", _text("venue_message"), 6),
)

RENDERERS: dict[str, Renderer] = {
    "table": as_table,
    "json": as_json,
    "jsonl": as_jsonl,
    "csv": as_csv,
}


def _total(names: Sequence[str], widths: Mapping[str, int]) -> int:
    return sum(widths[name] for name in names) + len(_GAP) * (len(names) - 1)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _ordered(row: Row, columns: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in columns}


def _csv_line(values: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()
