"""Periods of time for charts: no hole between the first and the last, and no more than fit. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from mexc_plugin.store.read.statistics.tallies import Tally

Periods = list[tuple[str, Tally]]

# Up to so many days they are shown by the hour; beyond so many, by the month.
MOST_DAYS_OF_HOURS = 3
MOST_DAYS = 400
DAY, MONTH = len("2026-11-23"), len("2026-11")


def spread(first: str, last: str) -> str:
    """`hour`, `day` or `month`: how to show what lies between two days."""
    days = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).days + 1
    if days <= MOST_DAYS_OF_HOURS:
        return "hour"
    return "day" if days <= MOST_DAYS else "month"


def whole(periods: Sequence[tuple[str, Tally]]) -> Periods:
    """The same with an empty tally wherever nothing was asked for; all of one length."""
    if not periods:
        return []
    known = dict(periods)
    names = [name for name, _ in periods]
    return [(name, known.get(name, Tally({}))) for name in _between(min(names), max(names))]


def by_month(days: Sequence[tuple[str, Tally]]) -> Periods:
    """Days, put together."""
    months: dict[str, list[Tally]] = {}
    for day, tally in days:
        months.setdefault(day[:MONTH], []).append(tally)
    return [(month, Tally.together(tallies)) for month, tallies in months.items()]


def _between(first: str, last: str) -> Iterator[str]:
    if len(first) == MONTH:
        yield from _months(first, last)
        return
    step = timedelta(days=1) if len(first) == DAY else timedelta(hours=1)
    moment, end = (datetime.fromisoformat(_full(name)) for name in (first, last))
    while moment <= end:
        yield moment.isoformat(sep=" ")[: len(first)]
        moment += step


def _full(name: str) -> str:
    return name if len(name) == DAY else f"{name}:00:00"


def _months(first: str, last: str) -> Iterator[str]:
    year, month = int(first[:4]), int(first[5:])
    while (name := f"{year:04}-{month:02}") <= last:
        yield name
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
