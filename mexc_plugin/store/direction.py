"""The order of attempts, newest or oldest first: what comes after what, here and in SQL. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from mexc_plugin.store.rows import Row
from mexc_plugin.store.schema import cancel_history

Moment = datetime | None


@dataclass(frozen=True, slots=True)
class Position:
    """The place of an attempt in the order."""

    requested_at: datetime
    cancel_id: str
    attempt: int


def key(row: Row) -> tuple[datetime, str, int]:
    """What rows of `cancel_history` are in order by: total, as no attempt is there twice."""
    return row["requested_at"], row["cancel_id"] or "", row["attempt"] or 0


@dataclass(frozen=True, slots=True)
class Direction:
    """One of the two directions through the order. All times are naive UTC."""

    newest_first: bool

    def sorted(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """For ORDER BY."""
        return column.desc() if self.newest_first else column.asc()

    def in_order(self, rows: Iterable[Row]) -> list[Row]:
        return sorted(rows, key=key, reverse=self.newest_first)

    def last(self, moments: Iterable[datetime]) -> Moment:
        """The one furthest on; None where there is none."""
        return (min if self.newest_first else max)(moments, default=None)

    def first(self, moments: Iterable[datetime]) -> Moment:
        return (max if self.newest_first else min)(moments, default=None)

    def further(self, moment: datetime, by: timedelta) -> datetime:
        """Further on in the order; back for a negative time."""
        return moved(moment, -by if self.newest_first else by)

    def is_before(self, one: datetime, other: datetime) -> bool:
        return one > other if self.newest_first else one < other

    def is_in(self, moment: datetime, here: datetime, there: Moment) -> bool:
        """Whether a time is from `here` on, and before `there`."""
        return not self.is_before(moment, here) and (there is None or self.is_before(moment, there))

    def between(
        self, column: ColumnElement[Any], here: Moment, there: Moment
    ) -> list[ColumnElement[bool]]:
        """The same in SQL."""
        found = []
        if here is not None:
            found.append(column <= here if self.newest_first else column >= here)
        if there is not None:
            found.append(column > there if self.newest_first else column < there)
        return found

    def after(self, place: Position) -> ColumnElement[bool]:
        """Rows of the view that come after that place."""
        view = cancel_history.c
        pairs: tuple[tuple[ColumnElement[Any], Any], ...] = (
            (view.requested_at, place.requested_at),
            (view.cancel_id, place.cancel_id),
            (view.attempt, place.attempt),
        )
        beyond = [c < value if self.newest_first else c > value for c, value in pairs]
        same_time, same_cancel = (column == value for column, value in pairs[:2])
        further = sa.or_(
            beyond[0], sa.and_(same_time, sa.or_(beyond[1], sa.and_(same_cancel, beyond[2])))
        )
        return sa.and_(*self.between(view.requested_at, place.requested_at, None), further)


def within(column: ColumnElement[Any], since: Moment, until: Moment) -> list[ColumnElement[bool]]:
    """From `since` on, and before `until`, where they are given."""
    return [
        *([column >= since] if since is not None else []),
        *([column < until] if until is not None else []),
    ]


def moved(moment: datetime, by: timedelta) -> datetime:
    """Moved, but not out of the calendar."""
    try:
        return moment + by
    except OverflowError:
        return datetime.max if by > timedelta(0) else datetime.min  # noqa: DTZ901 - naive UTC
