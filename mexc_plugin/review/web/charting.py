"""What the charts page counts, and its pictures."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mexc_plugin.review.charts import drawings, periods
from mexc_plugin.review.charts.periods import Periods
from mexc_plugin.review.web.ranges import Span
from mexc_plugin.store.read import queries
from mexc_plugin.store.read.statistics import counts, highlights
from mexc_plugin.store.read.statistics.counts import By
from mexc_plugin.store.read.statistics.highlights import Reason
from mexc_plugin.store.read.statistics.tallies import Tally

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mexc_plugin.store.read.queries import Filters, Row

MOST_GROUPS = 12
# Before the venue began, nothing was cancelled there.
EARLIEST = datetime(2018, 1, 1)  # noqa: DTZ001 - naive UTC, as the record has its times

Groups = Sequence[tuple[str | None, Tally]]


@dataclass(frozen=True, slots=True)
class Counted:
    """The figures of a span. periods: every bar, also the empty ones; bots, symbols: the largest.

    since: where the first bar begins, None if nothing is left out; at: when it was counted.
    newest: of an empty span, the newest row of `cancel_history` that the filters want at any time.
    """

    since: datetime | None
    at: datetime
    total: Tally
    periods: Periods
    bots: Groups
    symbols: Groups
    reasons: Sequence[Reason]
    newest: "Row | None"


def read(connection: "Connection", filters: "Filters", span: Span, now: datetime) -> Counted:
    """Count what the filters want of a span that ends now. now: naive UTC."""
    since = max(filter(None, (filters.since, span.since(now))), default=None)
    counts.steady(connection)
    wanted = replace(filters, since=since)
    times, bots, symbols = counts.by(connection, wanted, span.by, By.BOT, By.SYMBOL)
    counted = {str(name): tally for name, tally in times}
    total = Tally.together(counted.values())
    return Counted(
        since=since,
        at=now,
        total=total,
        periods=_periods(counted, span, since, now),
        bots=bots[:MOST_GROUPS],
        symbols=symbols[:MOST_GROUPS],
        reasons=highlights.reasons(connection, wanted)[:MOST_GROUPS],
        newest=None if total.attempts else _newest(connection, filters),
    )


def _newest(connection: "Connection", filters: "Filters") -> "Row | None":
    with closing(queries.history(connection, replace(filters, since=None), 1)) as found:
        return next(found, None)


def _periods(
    counted: dict[str, Tally], span: Span, since: datetime | None, now: datetime
) -> Periods:
    """From the beginning of the span to now, however little happened at its ends."""
    if not counted:
        return []
    # A century of empty days before is a long time to draw, and tells nothing.
    first = max(since, EARLIEST) if since is not None else None
    ends = {span.period(moment): Tally({}) for moment in (first, now) if moment is not None}
    found = periods.whole(sorted((ends | counted).items()))
    return periods.by_month(found) if len(found) > periods.MOST_DAYS else found


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart: its title and how it is drawn, for a width."""

    title: str
    draw: Callable[[Counted, int], str]


PICTURES: Mapping[str, Picture] = {
    "outcomes": Picture(
        "Outcomes over time",
        lambda seen, width: drawings.outcomes_over_time(seen.periods, width=width),
    ),
    "latency": Picture(
        "Latency over time",
        lambda seen, width: drawings.latency_over_time(seen.periods, width=width),
    ),
    "heat": Picture(
        "How long answers took",
        lambda seen, width: drawings.latency_heat(seen.periods, width=width),
    ),
    "bots": Picture(
        "Outcomes by bot", lambda seen, width: drawings.outcomes_of(seen.bots, "bot", width=width)
    ),
    "symbols": Picture(
        "Outcomes by symbol",
        lambda seen, width: drawings.outcomes_of(seen.symbols, "symbol", width=width),
    ),
}
WIDTHS: Mapping[str, int] = {"wide": drawings.WIDE, "narrow": drawings.NARROW}
