"""Attempts as a table for people: it fits its terminal, and an id is never cut."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mexc_plugin.cli.terminal import Screen, cells
from mexc_plugin.review.showing import age
from mexc_plugin.review.text import visible

Row = Mapping[str, Any]

# So many rows decide how wide the columns are; memory holds no more of them.
LAYOUT_ROWS = 1_000
_GAP = "  "


def as_table(rows: Iterable[Row], _columns: Sequence[str], screen: Screen) -> Iterator[str]:
    """Aligned columns; where they do not fit, less of them; where ids do not fit, a few lines a row."""
    rest = iter(rows)
    first = list(itertools.islice(rest, LAYOUT_ROWS))
    layout = Layout.of(first, screen)
    if layout and first:
        yield screen.styled(layout.heading(screen), bold=True)
    for row in itertools.chain(first, rest):
        line = layout.line(row, screen) if layout else None
        if line is None:
            yield from _stacked(row, screen)
        else:
            yield line


@dataclass(frozen=True, slots=True)
class Column:
    """Heading, text, and how early it is left out where room is short; 0: never."""

    name: str
    text: Callable[[Row, Screen], str]
    droppable: int

    def heading(self, screen: Screen) -> str:
        return f"{self.name} ({screen.zone})" if self.name == "requested" else self.name


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns that fit, and their widths."""

    widths: Mapping[Column, int]

    @classmethod
    def of(cls, rows: Sequence[Row], screen: Screen) -> "Layout | None":
        """What suits these rows; None where the terminal is too narrow for a table."""
        texts = {column: [visible(column.text(row, screen)) for row in rows] for column in TABLE}
        # What is empty in all of them may not be so in those that are still to come.
        kept = [column for column in TABLE if any(texts[column]) or len(rows) == LAYOUT_ROWS]
        widths = {
            column: max(map(cells, [column.heading(screen), *texts[column]])) for column in kept
        }
        layout = cls(widths)
        if screen.width is None:
            return layout
        for column in sorted(kept, key=lambda column: -column.droppable):
            if column.droppable and layout.width > screen.width:
                del widths[column]
        return layout if layout.width <= screen.width else None

    @property
    def width(self) -> int:
        return sum(self.widths.values()) + len(_GAP) * (len(self.widths) - 1)

    def heading(self, screen: Screen) -> str:
        heads = (_padded(column.heading(screen), width) for column, width in self.widths.items())
        return _GAP.join(heads).rstrip()

    def line(self, row: Row, screen: Screen) -> str | None:
        """The row; None where it is wider than the rows that were laid out, and than the screen."""
        texts = [visible(column.text(row, screen)) for column in self.widths]
        excess = sum(
            max(0, cells(text) - width)
            for text, width in zip(texts, self.widths.values(), strict=True)
        )
        if excess and screen.width is not None and self.width + excess > screen.width:
            return None
        parts = []
        for text, (column, width) in zip(texts, self.widths.items(), strict=True):
            padding = " " * (width - cells(text))
            shown = screen.outcome(text, row["final_outcome"]) if column is OUTCOME else text
            parts.append(shown + padding)
        return _GAP.join(parts).rstrip()


def _stacked(row: Row, screen: Screen) -> Iterator[str]:
    rest = [_text("symbol")(row, screen), _filled(row, screen), _latency(row, screen)]
    outcome = visible(_outcome(row, screen))
    texts = [visible(_time(row, screen)), outcome, *(visible(text) for text in rest if text)]
    for line in _wrapped(texts, screen.width or 0):
        yield line.replace(outcome, screen.outcome(outcome, row["final_outcome"]), 1)
    yield f"  order   {visible(_order(row, screen))}"
    yield f"  cancel  {visible(_text('cancel_id')(row, screen))}"


def _wrapped(texts: Iterable[str], width: int) -> Iterator[str]:
    line = ""
    for text in texts:
        if line and cells(line) + len(_GAP) + cells(text) > width:
            yield line
            line = _GAP + text
        else:
            line = f"{line}{_GAP}{text}" if line else text
    yield line


def _time(row: Row, screen: Screen) -> str:
    moment = row["requested_at"]
    return screen.time(moment) if moment else ""


def _ago(row: Row, screen: Screen) -> str:
    # Only for who reads it now: in a file it would soon be wrong.
    if screen.width is None or row["requested_at"] is None:
        return ""
    return age(row["requested_at"], _now())


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _outcome(row: Row, _screen: Screen) -> str:
    final, first = row["final_outcome"], row["outcome"]
    return str(final) if final == first else f"{final} (was {first})"


def _order(row: Row, _screen: Screen) -> str:
    return str(row["order_id"] or row["client_order_id"] or "")


def _filled(row: Row, _screen: Screen) -> str:
    if row["filled"] is None and row["amount"] is None:
        return ""
    return f"{row['filled'] or '?'}/{row['amount'] or '?'}"


def _latency(row: Row, _screen: Screen) -> str:
    microseconds = row["latency_us"]
    return "" if microseconds is None else f"{microseconds / 1000:.1f} ms"


def _answer(row: Row, _screen: Screen) -> str:
    known = [str(row[name]) for name in ("http_status", "venue_code") if row[name] is not None]
    return " ".join(known)


def _attempt(row: Row, _screen: Screen) -> str:
    return "" if row["attempt"] == 1 else str(row["attempt"])


def _text(name: str) -> Callable[[Row, Screen], str]:
    return lambda row, _screen: "" if row[name] is None else str(row[name])


OUTCOME = Column("outcome", _outcome, 0)
TABLE = (
    Column("requested", _time, 0),
    Column("ago", _ago, 6),
    Column("symbol", _text("symbol"), 0),
    Column("order", _order, 0),
    OUTCOME,
    Column("filled", _filled, 1),
    Column("took", _latency, 3),
    Column("answer", _answer, 4),
    Column("try", _attempt, 2),
    Column("bot", _text("bot"), 5),
    Column("cancel", _text("cancel_id"), 0),
    Column("message", _text("venue_message"), 7),
)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))
