"""Which events may leave: of each writer a beginning, all of it old, and never a part of a cancel.

A cancel has events of several writers: who asked, who reconciled. Where one of its events stays, all do, and with
them every later event of the writers that they belong to; so that may go on and on. What stays of a writer with a
key begins with a ladder. What is left is the most that can leave: a date that is later lets more go, never less.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit.outcome import UNRESOLVED
from mexc_plugin.evidence import statements
from mexc_plugin.store.schema.tables import cancel_audit, kept_history
from mexc_plugin.store.verify import stretches
from mexc_plugin.store.verify.stretches import Stretch

_key = cancel_audit.c
# By writer, the number of its last event that leaves; 0 for none.
Ends = dict[str, int]


def select(connection: Connection, before_ns: int) -> list[Stretch]:
    """The most that may leave of what happened before that time (ns since the epoch), by writer."""
    there = {
        stretch.writer_id: stretch
        for stretch in stretches.plan(connection)
        if statements.may_be_stated(stretch.writer_id, stretch.first, "0" * 64)
    }
    young = (
        sa.select(_key.writer_id, sa.func.min(_key.seq))
        .where(_key.occurred_ns >= before_ns)
        .group_by(_key.writer_id)
    )
    firsts = {row[0]: row[1] for row in connection.execute(young)}
    ends = {
        writer_id: _at_ladder(connection, writer_id, firsts[writer_id] - 1)
        if writer_id in firsts
        else stretch.last
        for writer_id, stretch in there.items()
    }
    _keep_whole(connection, ends, _find_divided(connection, ends, there, before_ns))
    found = [
        Stretch(writer_id, stretch.first, ends[writer_id], _count(connection, stretch, ends))
        for writer_id, stretch in sorted(there.items())
        if ends[writer_id] >= stretch.first
    ]
    connection.rollback()
    return found


def find_unresolved(
    connection: Connection, leaving: Iterable[Stretch], before_ns: int
) -> list[str]:
    """The cancels among them whose outcome nobody knows."""
    ends = {stretch.writer_id: stretch.last for stretch in leaving}
    kept = kept_history.c
    query = sa.select(kept.cancel_id, kept.request_writer_id, kept.request_seq).where(
        kept.final_outcome.in_([outcome.value for outcome in UNRESOLVED]),
        kept.requested_ns < before_ns,
    )
    found = {row[0] for row in connection.execute(query) if row[2] <= ends.get(row[1], 0)}
    connection.rollback()
    return sorted(found)


def _find_divided(
    connection: Connection, ends: Ends, there: dict[str, Stretch], before_ns: int
) -> set[str]:
    """The cancels of which some is old and some is not, or comes after what is not."""
    both = (
        sa.select(_key.cancel_id)
        .where(_key.cancel_id.is_not(None))
        .group_by(_key.cancel_id)
        .having(
            sa.func.min(_key.occurred_ns) < before_ns, sa.func.max(_key.occurred_ns) >= before_ns
        )
    )
    found = set(connection.scalars(both))
    for writer_id, stretch in there.items():
        if ends[writer_id] < stretch.last:  # a clock may have been set back after that
            found |= _cancels(
                connection, writer_id, ends[writer_id] + 1, _key.occurred_ns < before_ns
            )
    return found


def _keep_whole(connection: Connection, ends: Ends, divided: set[str]) -> None:
    """Have every cancel of which an event stays stay whole, and those that stay by that."""
    while divided:
        cancel_id = divided.pop()
        query = sa.select(_key.writer_id, _key.seq).where(_key.cancel_id == cancel_id)
        for writer_id, seq in connection.execute(query).all():
            end = ends.get(writer_id, 0)
            if seq <= end:
                ends[writer_id] = _at_ladder(connection, writer_id, seq - 1)
                divided |= _cancels(connection, writer_id, ends[writer_id] + 1, _key.seq <= end)


def _at_ladder(connection: Connection, writer_id: str, end: int) -> int:
    """The highest end up to there behind which a bot's key signs again: what stays is to be tied to it by itself."""
    following = sa.select(_key.payload).where(_key.writer_id == writer_id, _key.seq == end + 1)
    if '"rung":' not in str(connection.scalar(following)):
        return end  # it begins a ladder, or the writer has no key
    ladders = sa.select(_key.seq).where(
        _key.writer_id == writer_id, _key.seq <= end, _key.payload.like('%"ladder":{%')
    )
    found = connection.scalar(ladders.order_by(_key.seq.desc()).limit(1))
    return end if found is None else int(found) - 1


def _cancels(
    connection: Connection, writer_id: str, first: int, condition: sa.ColumnElement[bool]
) -> set[str]:
    query = sa.select(_key.cancel_id).where(
        _key.writer_id == writer_id, _key.seq >= first, _key.cancel_id.is_not(None), condition
    )
    return set(connection.scalars(query.distinct()))


def _count(connection: Connection, stretch: Stretch, ends: Ends) -> int:
    last = ends[stretch.writer_id]
    if last >= stretch.last:
        return stretch.events
    query = sa.select(sa.func.count()).where(
        _key.writer_id == stretch.writer_id, _key.seq >= stretch.first, _key.seq <= last
    )
    return connection.scalar(query) or 0
