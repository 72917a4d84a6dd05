"""The attempts in the order of their requests, a page at a time, at a page's cost.

The order is total: requested_at, cancel_id, attempt. A database sorts by the time alone, which an
index serves, and who shares a microsecond is sorted here: a second criterion would make MariaDB
sort the whole table.

Two ways lead to the rows. *Walking* reads the requests in order; the review index says account, bot
and symbol without the table, so that walking past what is not wanted is cheap. Where the answer is
asked for (outcome, latency), each request needs a look at its answer, and walking to one in a
hundred thousand takes a minute. Then the *answers* in the index lead to the requests, in chunks.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.store import schema
from mexc_plugin.store.direction import Direction, Position, key, moved, within
from mexc_plugin.store.filters import Filters, wanted
from mexc_plugin.store.rows import Row, Rows, stream

# So many requests are walked past before their answers are asked; so many answers then, at first.
STEP = 1_000
# Before any answers are: 1,000, 4,000 and 16,000, which finds a page of what is not rare. Looking at
# all reconciliations first costs more than that.
FIRST_WALKS = 3
CHUNK, MOST_CHUNK = 64, 4_000
# No time of a reconciliation says where its request is: all that may count are looked at first.
MOST_RECONCILED = 20_000
# Answers take seconds, and a cancel_id is made when its first request is. But the wall clock may be
# set meanwhile: by less than this, either way.
SLACK = timedelta(days=1)
_IDS = 500
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as in the database


def history(
    connection: Connection,
    filters: Filters,
    limit: int | None = None,
    *,
    after: Position | None = None,
    oldest_first: bool = False,
) -> Rows:
    """The rows of the view `cancel_history`, newest first, with its columns in its order.

    limit: the most rows; after: only what comes after that place in the order.
    """
    listing = _Listing(connection, filters, after, newest_first=not oldest_first)
    with closing(listing.rows(limit)) as rows:
        yield from itertools.islice(rows, limit)


def history_query(filters: Filters, limit: int | None) -> sa.Select[Any]:
    """The wanted rows in one query, newest first, those of one microsecond in any order."""
    requested_at = schema.cancel_history.c.requested_at
    return wanted(filters).order_by(requested_at.desc()).limit(limit)


class _Listing:
    """One run through the order, in one direction."""

    def __init__(
        self,
        connection: Connection,
        filters: Filters,
        after: Position | None,
        *,
        newest_first: bool,
    ) -> None:
        self._connection = connection
        self._filters = filters
        self._direction = Direction(newest_first)
        end = filters.until if newest_first else filters.since
        ends = [] if end is None else [end]
        ends += [after.requested_at] if after is not None else []
        self._start = self._direction.last(ends)
        self._query = wanted(filters)
        if after is not None:
            self._query = self._query.where(self._direction.after(after))

    def rows(self, limit: int | None) -> Rows:
        """All of them in order; limit: how many are going to be taken, about."""
        asks_answers = bool(self._filters.outcomes) or self._filters.latency_over_us is not None
        by_order = bool(self._filters.order_ids or self._filters.client_order_ids)
        if asks_answers and not by_order:
            yield from self._by_answers()
        else:
            yield from self._walk(self._start, None, limit)

    # -- walking

    def _walk(self, here: datetime | None, there: datetime | None, most: int | None = None) -> Rows:
        """The wanted rows from one time to just before another; most: more may be left out."""
        column = schema.cancel_history.c.requested_at
        query = self._query.where(*self._direction.between(column, here, there))
        query = query.order_by(self._direction.sorted(column)).limit(
            None if most is None else most + 1
        )
        with closing(stream(self._connection, query)) as rows:
            count = 0
            group: list[Row] = []
            for row in rows:
                count += 1
                if group and row["requested_at"] != group[0]["requested_at"]:
                    yield from self._direction.in_order(group)
                    group = []
                group.append(row)
        if most is not None and count > most:
            # The last one was cut off perhaps from others of the same microsecond.
            query = self._query.where(column == group[0]["requested_at"])
            group = list(stream(self._connection, query))
        yield from self._direction.in_order(group)

    def _time_after(self, here: datetime | None, requests: int) -> datetime | None:
        """The time that so many requests lie before, None where there are fewer."""
        audit = schema.cancel_audit.c
        bounds = (self._filters.since, self._filters.until)
        query = (
            sa.select(audit.occurred_at)
            .where(audit.kind == "request", *self._direction.between(audit.occurred_at, here, None))
            .where(*within(audit.occurred_at, *bounds))
            .order_by(self._direction.sorted(audit.occurred_at))
            .offset(requests)  # of a step, not of a page: it is as far for every page
            .limit(1)
        )
        found = self._connection.scalar(query)
        return None if found == here else found

    # -- by answers

    def _by_answers(self) -> Rows:
        here, step, most, walks = self._start, STEP, CHUNK, FIRST_WALKS
        reconciled: list[Row] | None = None
        while True:
            there = self._time_after(here, step)
            yield from self._walk(here, there)
            if there is None:
                return
            here = there
            if walks > 1:
                walks, step = walks - 1, 4 * step
                continue
            if reconciled is None and (reconciled := self._reconciled(here)) is None:
                yield from self._walk(here, None)
                return
            ids, safe = self._candidates(here, most)
            most = min(2 * most, MOST_CHUNK)
            if safe is not None and not self._direction.is_before(here, safe):
                step *= 4  # they are that dense: walking finds them
                continue
            known = {key(row): row for row in self._of_cancels(ids, here, safe)}
            known |= {
                key(row): row
                for row in reconciled
                if self._direction.is_in(row["requested_at"], here, safe)
            }
            yield from self._direction.in_order(known.values())
            if safe is None:
                return
            here, step = safe, STEP

    def _candidates(self, here: datetime, most: int) -> tuple[list[str], datetime | None]:
        """Cancels that may be wanted, and the time before which there are no others; None: at all."""
        answers = self._answers(here, most)
        end = answers[-1].occurred_at if len(answers) > most else None
        pending = self._unanswered(here, end, most)
        if len(pending) > most:
            end = self._direction.first([_made_at(pending[-1]), *([end] if end else [])])
        ids = [*(answer.cancel_id for answer in answers), *pending]
        return ids, end and self._direction.further(end, -SLACK)

    def _answers(self, here: datetime, most: int) -> Sequence[Any]:
        """The next answers that may be wanted, one more than most if there are more."""
        audit, filters = schema.cancel_audit.c, self._filters
        query = sa.select(audit.cancel_id, audit.occurred_at).where(audit.kind == "response")
        if filters.latency_over_us is not None:
            query = query.where(audit.latency_us > filters.latency_over_us)
        else:
            query = query.where(audit.outcome.in_(filters.outcomes))
        since, until = self._around(here)
        query = query.where(*within(audit.occurred_at, since, until))
        query = query.order_by(self._direction.sorted(audit.occurred_at)).limit(most + 1)
        return self._connection.execute(query).all()

    def _unanswered(self, here: datetime, there: datetime | None, most: int) -> Sequence[str]:
        """The next cancels that lack an answer, likewise: in the order of ids, which is of time too.

        there: none are needed whose requests are from then on.
        """
        filters = self._filters
        if Outcome.PENDING not in filters.outcomes or filters.latency_over_us is not None:
            return []
        audit = schema.cancel_audit.c
        since, until = self._around(here, there)
        low = "" if since is None else _first_id(since)
        query = sa.select(audit.cancel_id).where(audit.cancel_id >= low)
        if until is not None:
            query = query.where(audit.cancel_id < _first_id(until))
        # Of an attempt's kinds `response` is the last by name: the index alone says that it lacks.
        query = query.group_by(audit.cancel_id, audit.attempt)
        query = query.having(sa.func.max(audit.kind) == "request")
        query = query.order_by(
            self._direction.sorted(audit.cancel_id), self._direction.sorted(audit.attempt)
        )
        return self._connection.scalars(query.limit(most + 1)).all()

    def _reconciled(self, here: datetime) -> list[Row] | None:
        """The wanted rows from here on that have a later word; None if there are too many."""
        if self._filters.latency_over_us is not None:
            return []
        audit = schema.cancel_audit.c
        query = sa.select(audit.cancel_id).where(
            audit.kind == "reconciliation", audit.outcome.in_(self._filters.outcomes)
        )
        found = self._connection.scalars(query.limit(MOST_RECONCILED + 1)).all()
        if len(found) > MOST_RECONCILED:
            return None
        return list(self._of_cancels(found, here, None))

    def _of_cancels(
        self, ids: Iterable[str | None], here: datetime, there: datetime | None
    ) -> Iterator[Row]:
        """The wanted rows of cancels, from one time to just before another, in no order."""
        view = schema.cancel_history.c
        distinct = iter(dict.fromkeys(id_ for id_ in ids if id_ is not None))
        while batch := list(itertools.islice(distinct, _IDS)):
            query = self._query.where(view.cancel_id.in_(batch))
            query = query.where(*self._direction.between(view.requested_at, here, there))
            yield from stream(self._connection, query)

    def _around(
        self, here: datetime, there: datetime | None = None
    ) -> tuple[datetime | None, datetime | None]:
        """Between which times the answers of requests from here to there are; None: there is no end."""
        since, until = self._filters.since, self._filters.until
        if self._direction.newest_first:
            since, until = there or since, here
        else:
            since, until = here, there or until
        return since and moved(since, -SLACK), until and moved(until, SLACK)


def _made_at(cancel_id: str) -> datetime:
    """The time in a UUIDv7. What is none (no recorder writes it) counts as long ago."""
    try:
        milliseconds = int(cancel_id.replace("-", "")[:12], 16)
    except ValueError:
        milliseconds = 0
    return moved(_EPOCH, timedelta(milliseconds=milliseconds))


def _first_id(moment: datetime) -> str:
    """What every UUIDv7 of that time or later is not less than."""
    milliseconds = max(0, (moment - _EPOCH) // timedelta(milliseconds=1))
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"
