"""What the page tells: read from the record once, of one moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mexc_plugin.audit.outcome import FAILED, UNRESOLVED
from mexc_plugin.review.charts import periods
from mexc_plugin.review.charts.periods import Periods
from mexc_plugin.store.read import queries
from mexc_plugin.store.read.queries import Filters, Row
from mexc_plugin.store.read.statistics import counts, highlights, overview
from mexc_plugin.store.read.statistics.counts import By, Groups
from mexc_plugin.store.read.statistics.overview import Overview

if TYPE_CHECKING:
    from sqlalchemy import Connection

SLOWEST = 20
# What is embedded at most: the newest of each kind, and the slowest.
MOST = {"unresolved": 2_000, "failed": 3_000, "of any outcome": 2_000}


@dataclass(frozen=True, slots=True)
class Facts:
    """unit: what the periods are; rows: of `cancel_history`, newest first, each once."""

    seen: Overview
    unit: str
    periods: Periods
    groups: Mapping[str, Groups]
    slowest: list[Row]
    still_open: list[Row]
    rows: list[Row]


def gather(connection: "Connection", filters: Filters, now: datetime) -> Facts:
    """now: naive UTC."""
    kinds = (By.DAY, By.BOT, By.SYMBOL, By.ACCOUNT)
    seen = overview.read(connection, filters, now, kinds)
    days, *others = seen.groups
    unit = periods.spread(str(days[0][0]), str(days[-1][0])) if days else "day"
    slowest = highlights.slowest(connection, filters, SLOWEST)
    still_open = highlights.newest(connection, filters, UNRESOLVED, MOST["unresolved"])
    return Facts(
        seen,
        unit,
        periods.whole(_in(unit, connection, filters, days)),
        {kind.value: groups for kind, groups in zip(kinds[1:], others, strict=True)},
        slowest,
        still_open,
        _choose_rows(connection, filters, still_open, slowest),
    )


def _in(unit: str, connection: "Connection", filters: Filters, days: Groups) -> Periods:
    named = [(str(name), tally) for name, tally in days]
    if unit == "month":
        return periods.by_month(named)
    if unit == "day":
        return named
    (hours,) = counts.by(connection, filters, By.HOUR)
    return [(str(name), tally) for name, tally in hours]


def _choose_rows(
    connection: "Connection", filters: Filters, still_open: Iterable[Row], slowest: Iterable[Row]
) -> list[Row]:
    failed = highlights.newest(connection, filters, FAILED, MOST["failed"])
    newest = queries.history(connection, filters, MOST["of any outcome"])
    known = {
        (row["cancel_id"], row["attempt"]): row for row in (*still_open, *slowest, *failed, *newest)
    }
    return sorted(
        known.values(),
        key=lambda row: (row["requested_at"], row["cancel_id"], row["attempt"]),
        reverse=True,
    )
