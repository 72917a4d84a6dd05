"""The order of attempts, newest or oldest first: what comes after what, here and in SQL. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from mexc_plugin.store.connect.rows import Row
from mexc_plugin.store.schema.tables import cancel_history

Columns = ReadOnlyColumnCollection[str, Any]


@dataclass(frozen=True, slots=True)
class Position:
    """The place of an attempt in the order."""

    requested_at: datetime
    cancel_id: str
    attempt: int


def key(row: Row) -> tuple[datetime, str, int]:
    """What rows of `cancel_history` are in order by: total, as no attempt is there twice."""
    return row["requested_at"], row["cancel_id"], row["attempt"]


@dataclass(frozen=True, slots=True)
class Direction:
    """One of the two directions through the order. All times are naive UTC."""

    newest_first: bool

    def order_by(self, columns: Columns = cancel_history.c) -> list[ColumnElement[Any]]:
        """For ORDER BY."""
        found = (columns[name] for name in ("requested_at", "cancel_id", "attempt"))
        return [column.desc() if self.newest_first else column.asc() for column in found]

    def after(self, place: Position) -> ColumnElement[bool]:
        """Rows that come after that place."""
        kept = cancel_history.c
        pairs: tuple[tuple[ColumnElement[Any], Any], ...] = (
            (kept.requested_at, place.requested_at),
            (kept.cancel_id, place.cancel_id),
            (kept.attempt, place.attempt),
        )
        beyond = [c < value if self.newest_first else c > value for c, value in pairs]
        same_time, same_cancel = (column == value for column, value in pairs[:2])
        further = sa.or_(
            beyond[0], sa.and_(same_time, sa.or_(beyond[1], sa.and_(same_cancel, beyond[2])))
        )
        # Said once more for the time alone, which an index serves.
        at = kept.requested_at
        return sa.and_(
            at <= place.requested_at if self.newest_first else at >= place.requested_at, further
        )
