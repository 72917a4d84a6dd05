"""Attempts as a table for people: it fits its terminal, and an id is never cut."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mexc_plugin.audit import naive_utc
from mexc_plugin.audit.outcome import FAILED, UNRESOLVED
from mexc_plugin.cli.output.terminal import GAP, Screen, align, cells, cut, total_width
from mexc_plugin.review.showing import age, duration, show_filled
from mexc_plugin.review.text import visible

Row = Mapping[str, Any]

# So many rows decide how wide the columns are; memory holds no more of them.
LAYOUT_ROWS = 1_000
# So much of outcome and reason comes before any column that can be left out.
REASON = 36
# Whose reason is told.
EXPLAINED = FAILED | UNRESOLVED


def as_table(rows: Iterable[Row], _columns: Sequence[str], screen: Screen) -> Iterator[str]:
    """Aligned columns; where they do not fit, less of them; where ids do not fit, a few lines a row.

    Why a cancel failed stands beside its outcome. It is the one text that is cut, never to less than
    its code.
    """
    rest = iter(rows)
    first = list(itertools.islice(rest, LAYOUT_ROWS))
    layout = Layout.of(first, screen, more=len(first) == LAYOUT_ROWS)
    if layout and first:
        yield screen.style(layout.heading(screen), bold=True)
    for row in itertools.chain(first, rest):
        line = layout.line(row, screen) if layout else None
        if line is None:
            yield from stack(row, screen)
        else:
            yield line


@dataclass(frozen=True, slots=True)
class Column:
    """Heading, text, and how late it is taken in where room is short; 0: always."""

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
    def of(
        cls,
        rows: Sequence[Row],
        screen: Screen,
        columns: Sequence[Column] | None = None,
        *,
        more: bool = False,
    ) -> "Layout | None":
        """What suits these rows; None where the terminal is too narrow for a table.

        more: others follow, in which a column may be full that is empty in these.
        """
        texts = {
            column: [visible(column.text(row, screen)) for row in rows]
            for column in columns or TABLE
        }
        kept = [column for column in texts if more or any(texts[column])]
        widths = {
            column: max(map(cells, [column.heading(screen), *texts[column]])) for column in kept
        }
        if screen.width is None:
            return cls(widths)
        natural = widths.get(OUTCOME, 0)
        least = max((cells(_outcome_and_code(row)) for row in rows), default=0)
        least = min(natural, max(least, cells(OUTCOME.name)))
        widths[OUTCOME] = min(natural, max(least, REASON))
        layout = cls({column: widths[column] for column in kept if not column.droppable})
        for column in sorted(kept, key=lambda column: column.droppable):
            chosen = {*layout.widths, column}
            wider = cls({other: widths[other] for other in kept if other in chosen})
            if wider.width <= screen.width:
                layout = wider
        # The reason takes the room that is left, and gives what is missing.
        room = screen.width - layout.width
        outcome = max(least, min(natural, widths[OUTCOME] + room))
        layout = cls({**layout.widths, OUTCOME: outcome})
        return layout if layout.width <= screen.width else None

    @property
    def width(self) -> int:
        return total_width([*self.widths.values()])

    def heading(self, screen: Screen) -> str:
        return align((column.heading(screen) for column in self.widths), self.widths.values())

    def line(self, row: Row, screen: Screen) -> str | None:
        """The row; None where it is wider than the rows that were laid out, and than the screen."""
        texts = {column: visible(column.text(row, screen)) for column in self.widths}
        if screen.width is not None and cells(_outcome_and_code(row)) <= self.widths[OUTCOME]:
            texts[OUTCOME] = cut(texts[OUTCOME], self.widths[OUTCOME])
        excess = sum(max(0, cells(text) - self.widths[column]) for column, text in texts.items())
        if excess and screen.width is not None and self.width + excess > screen.width:
            return None
        parts = []
        for column, text in texts.items():
            padding = " " * (self.widths[column] - cells(text))
            parts.append((_colour(text, row, screen) if column is OUTCOME else text) + padding)
        return GAP.join(parts).rstrip()


def stack(row: Row, screen: Screen) -> Iterator[str]:
    """The row as a few lines, for a terminal that is too narrow for one."""
    rest = [_text("symbol")(row, screen), show_filled(row), _latency(row, screen)]
    outcome = visible(_outcome(row, screen))
    if screen.width is not None:
        outcome = cut(outcome, screen.width - len(GAP))
    texts = [visible(_time(row, screen)), outcome, *(visible(text) for text in rest if text)]
    for line in wrap(texts, screen.width or 0):
        yield line.replace(outcome, _colour(outcome, row, screen), 1)
    yield f"  order   {visible(_order(row, screen))}"
    yield f"  cancel  {visible(_text('cancel_id')(row, screen))}"


def wrap(texts: Iterable[str], width: int, gap: str = GAP, indent: str = GAP) -> Iterator[str]:
    """Lines of that width, broken between texts and never within one; all but the first are indented."""
    line = ""
    for text in texts:
        if line and cells(line) + len(gap) + cells(text) > width:
            yield line
            line = indent + text
        else:
            line = f"{line}{gap}{text}" if line else text
    yield line


def _time(row: Row, screen: Screen) -> str:
    moment = row["requested_at"]
    return screen.time(moment) if moment else ""


def _ago(row: Row, screen: Screen) -> str:
    # Only for who reads it now: in a file it would soon be wrong.
    if screen.width is None or row["requested_at"] is None:
        return ""
    return age(row["requested_at"], naive_utc.now())


def _outcome(row: Row, _screen: Screen) -> str:
    """What became of it, and why it failed: the venue's code and words, else what the bot saw."""
    parts = [str(row["final_outcome"])]
    if row["final_outcome"] != row["outcome"]:
        parts.append(f"(was {row['outcome']})")
    failed = row["final_outcome"] in EXPLAINED
    said = [row["venue_code"] if failed else None, row["venue_message"]]
    if failed and not any(said):
        said = [row["error_type"]]
    return " ".join([*parts, *(str(words) for words in said if words)])


def _outcome_and_code(row: Row) -> str:
    """The part of it that is never cut."""
    code = row["venue_code"] if row["final_outcome"] in EXPLAINED else None
    whole = [str(part) for part in (row["final_outcome"], code) if part]
    return visible(" ".join(whole)) if row["final_outcome"] == row["outcome"] else visible(whole[0])


def _colour(text: str, row: Row, screen: Screen) -> str:
    outcome = visible(str(row["final_outcome"]))
    if not text.startswith(outcome):
        return text
    return screen.outcome(outcome, row["final_outcome"]) + text[len(outcome) :]


def _order(row: Row, _screen: Screen) -> str:
    return str(row["order_id"] or row["client_order_id"] or "")


def _latency(row: Row, _screen: Screen) -> str:
    return "" if row["latency_us"] is None else duration(row["latency_us"])


def _attempt(row: Row, _screen: Screen) -> str:
    return "" if row["attempt"] == 1 else str(row["attempt"])


def _text(name: str) -> Callable[[Row, Screen], str]:
    return lambda row, _screen: "" if row[name] is None else str(row[name])


OUTCOME = Column("outcome", _outcome, 0)
TABLE = (
    Column("requested", _time, 0),
    Column("ago", _ago, 7),
    Column("symbol", _text("symbol"), 0),
    Column("order", _order, 1),
    OUTCOME,
    Column("filled", lambda row, _screen: show_filled(row), 3),
    Column("took", _latency, 4),
    Column("http", _text("http_status"), 6),
    Column("try", _attempt, 2),
    Column("bot", _text("bot"), 5),
    Column("cancel", _text("cancel_id"), 0),
)
