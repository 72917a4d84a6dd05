"""Counting from the review index alone, and what it takes to be exact all the same.

An answer carries outcome and latency, and says whose cancel it was, in the same words as its request:
so answers alone are counted, and almost all of them stand for their attempt. For the others (the strays)
what was counted is taken back, and they are read through the view. Strays are

- attempts that have not exactly one request, one answer and no reconciliation;
- attempts with a border of a group between request and answer: whatever the clock did, they are looked
  for around each border, and among those that took long.

Where a clock was set by more than MARGIN in mid-cancel, a group and the number of its requests differ:
then all of its attempts are read through the view.
"""

import contextlib
import functools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from mexc_plugin.store import schema, spans
from mexc_plugin.store.dialects import DAY, HOUR, SECOND, clock_text
from mexc_plugin.store.filters import Filters, conditions
from mexc_plugin.store.statistics import (
    Cells,
    Grouping,
    Groups,
    key_columns,
    key_of,
    view_query,
)

LONG_US = 25_000_000

audit = schema.cancel_audit.c


def read(connection: Connection, filters: Filters, groupings: Sequence[Grouping]) -> list[Groups]:
    """As `statistics.read`, for filters that name no order."""
    # What an attempt's answer says is chosen afterwards: until then everything can be checked.
    broad = replace(filters, outcomes=(), latency_over_us=None)
    with _irregular(connection) as irregular:
        return [
            _Scan(connection, broad, grouping).counted(irregular).groups(filters)
            for grouping in groupings
        ]


@contextlib.contextmanager
def _irregular(connection: Connection) -> Iterator[Callable[[], set[str]]]:
    """The irregular cancels, when they are needed. SQLite looks for them on another core meanwhile.

    It then sees them as of a moment later. A cancel that was answered since is found all the same:
    in its day or hour there are more requests than attempts.
    """
    if connection.dialect.name != "sqlite":
        yield functools.cache(lambda: set(spans.irregular(connection)))
        return

    def elsewhere() -> set[str]:
        with connection.engine.connect() as another:
            return set(spans.irregular(another))

    with ThreadPoolExecutor(1, "mexc-plugin-statistics") as pool:
        future = pool.submit(elsewhere)
        yield lambda: future.result() | set(spans.reconciled(connection))


class _Scan:
    """One grouping, counted."""

    def __init__(self, connection: Connection, filters: Filters, grouping: Grouping) -> None:
        self._connection = connection
        self._filters = filters
        self._grouping = grouping
        self._cells = Cells(grouping)
        self._slices: list[spans.Slice] = []
        self._slow: list[spans.Slice] = []
        self._corrected: set[str] = set()

    def counted(self, irregular: Callable[[], set[str]]) -> Cells:
        for part in spans.slices(self._connection, "response", self._filters):
            self._slices.append(part)
            self._count(part)
        self._correct(irregular())
        self._correct(self._crossing())
        if self._grouping.answered is None:
            for part in self._doubtful():
                self._correct(spans.cancels_within(self._connection, part))
        return self._cells

    def _count(self, part: spans.Slice) -> None:
        """Every answer of a slice."""
        slow = False
        as_lists = self._connection.dialect.name == "sqlite"
        for row in self._connection.execute(self._query(part, as_lists)):
            # Reading one long text costs SQLite less than a row for each latency.
            found = _listed(row.latencies) if as_lists else _repeated(row.latencies, row.number)
            self._cells.parts[self._key(part, row)][row.answered].add(row.number, found)
            slow = slow or (bool(found) and max(found) >= LONG_US)
        if slow:
            self._slow.append(part)

    def _query(self, part: spans.Slice, as_lists: bool) -> sa.Select[Any]:
        keys = self._keys()
        latencies = sa.func.group_concat(audit.latency_us) if as_lists else audit.latency_us
        by = [*keys, audit.outcome, *([] if as_lists else [audit.latency_us])]
        return (
            sa.select(
                *keys,
                audit.outcome.label("answered"),
                sa.func.count().label("number"),
                latencies.label("latencies"),
            )
            .where(*self._answered(), part.holds(audit.occurred_at))
            .group_by(*by)
        )

    def _keys(self) -> list[ColumnElement[Any]]:
        keys = key_columns(self._grouping, schema.cancel_audit)
        if self._grouping.clock == HOUR:
            keys.insert(0, clock_text(audit.occurred_at, HOUR).label("clock"))
        return keys

    def _key(self, part: spans.Slice, row: sa.Row[Any]) -> tuple[Any, ...]:
        if self._grouping.clock == DAY:  # is the slice's, and need not be asked of each row
            return (str(part.start.date()), *(getattr(row, n) for n in self._grouping.columns))
        return key_of(self._grouping, row)

    def _answered(self) -> list[ColumnElement[bool]]:
        found = [audit.kind == "response", *spans.of_whom(self._filters)]
        if self._grouping.answered is not None:
            found.append(audit.outcome.in_(sorted(self._grouping.answered)))
        return found

    def _correct(self, cancels: Iterable[str]) -> None:
        """Take back what was counted of these cancels, and count what the view says of them."""
        fresh = sorted(set(cancels) - self._corrected)
        self._corrected.update(fresh)
        counted = sa.select(
            clock_text(audit.occurred_at, SECOND).label("clock"),
            *key_columns(self._grouping, schema.cancel_audit),
            audit.outcome.label("answered"),
            audit.latency_us,
        ).where(*self._answered(), *spans.within(audit.occurred_at, self._filters))
        shown = view_query([self._grouping]).where(*conditions(self._filters))
        for batch in spans.batches(fresh):
            for row in self._connection.execute(counted.where(audit.cancel_id.in_(batch))):
                self._cells.parts[key_of(self._grouping, row)][row.answered].remove(row.latency_us)
            of_view = shown.where(schema.cancel_history.c.cancel_id.in_(batch))
            for row in self._connection.execute(of_view):
                self._cells.add_attempt(row)

    def _crossing(self) -> Iterator[str]:
        """Cancels with a border between a request and its answer."""
        for border in self._borders():
            yield from spans.across(self._connection, border)
        for part in self._slow if self._has_borders() else ():
            query = sa.select(audit.cancel_id).where(
                *self._answered(), part.holds(audit.occurred_at), audit.latency_us >= LONG_US
            )
            yield from self._connection.scalars(query)

    def _has_borders(self) -> bool:
        filters = self._filters
        return bool(self._grouping.clock or filters.since or filters.until)

    def _borders(self) -> list[datetime]:
        given = (self._filters.since, self._filters.until)
        found = {moment for moment in given if moment is not None}
        if self._grouping.clock is not None:
            step = spans.HOUR_LONG if self._grouping.clock == HOUR else spans.DAY_LONG
            for part in self._slices:
                first = part.start.replace(minute=0, second=0, microsecond=0)
                hours = (first + step * n for n in range(int(spans.DAY_LONG / step) + 1))
                found.update(border for border in hours if border <= part.end)
                found.add(part.end)
        return sorted(found)

    def _doubtful(self) -> list[spans.Slice]:
        """Where there are more or less attempts than requests."""
        if self._grouping.clock is None:
            asked = sa.select(sa.func.count()).where(*spans.asked(self._filters))
            if self._connection.scalar(asked) == _attempts(self._cells).total():
                return []
            return list(spans.slices(self._connection, "request", self._filters))
        attempts = _attempts(self._cells)
        found = []
        for part in spans.slices(self._connection, "request", self._filters):
            for key, number in spans.requests(
                self._connection, self._filters, part, self._grouping.clock
            ):
                if attempts.pop(key, 0) != number:
                    found.append(spans.period(key))
        return found + [spans.period(key) for key, number in attempts.items() if number]


def _attempts(cells: Cells) -> Counter[str]:
    """By the clock in the key, how many attempts were counted."""
    found: Counter[str] = Counter()
    for key, parts in cells.parts.items():
        clock = key[0] if cells.grouping.clock is not None else ""
        found[clock] += sum(part.count for part in parts.values())
    return found


def _listed(text: str | None) -> list[int]:
    """Numbers as GROUP_CONCAT joins them: a JSON array without its brackets."""
    return json.loads(f"[{text}]") if text else []


def _repeated(latency_us: int | None, number: int) -> list[int]:
    return [] if latency_us is None else [latency_us] * number
