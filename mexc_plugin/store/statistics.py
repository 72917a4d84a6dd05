"""How many attempts there were, what became of them and how long they took: `audit stats`.

The figures are those of the view `cancel_history`, exactly. Few attempts are read through the view.
Many are counted from the review index alone (see `scanning`), which never touches the table.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Table

from mexc_plugin.audit.outcome import FAILED, Outcome
from mexc_plugin.store import schema, spans
from mexc_plugin.store.dialects import DAY, HOUR, SECOND, clock_text
from mexc_plugin.store.filters import Filters, wanted
from mexc_plugin.store.tallies import Part, Tally

# Up to so many attempts the view is as quick as the index, and there is nothing to correct.
FEW = 20_000
BATCH = 2_000

Key = tuple[Any, ...]
Groups = dict[Key, Tally]


class By(StrEnum):
    """What attempts are counted by."""

    SYMBOL = "symbol"
    BOT = "bot"
    ACCOUNT = "account"
    OUTCOME = "outcome"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Grouping:
    """What the attempts of a group have in common.

    columns: of the event and of the view alike; clock: how much of the time of asking, as text, comes
    first in the key; answered: only attempts with one of these outcomes before any reconciliation.
    """

    columns: tuple[str, ...] = ()
    clock: int | None = None
    answered: frozenset[str] | None = None


ALL = Grouping()
REASONS = Grouping(
    ("outcome", "venue_code", "venue_message", "error_type"), answered=FAILED | {Outcome.UNKNOWN}
)
GROUPINGS = {
    By.SYMBOL: Grouping(("symbol",)),
    By.BOT: Grouping(("bot",)),
    By.ACCOUNT: Grouping(("account",)),
    By.HOUR: Grouping(clock=HOUR),
    By.DAY: Grouping(clock=DAY),
}


@dataclass(slots=True)
class Cells:
    """The parts of every group, as they are counted. Keys as `Grouping` says; by final outcome."""

    grouping: Grouping
    parts: defaultdict[Key, defaultdict[str, Part]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Part))
    )

    def add_attempt(self, row: sa.Row[Any]) -> None:
        """A row of `view_query`."""
        answered = self.grouping.answered
        if answered is None or row.outcome in answered:
            latencies = () if row.latency_us is None else (row.latency_us,)
            self.parts[key_of(self.grouping, row)][row.final_outcome].add(1, latencies)

    def groups(self, filters: Filters) -> Groups:
        """What is left after the filters that speak of answers."""
        found = {key: Tally.of(_wanted(parts, filters)) for key, parts in self.parts.items()}
        return {key: tally for key, tally in found.items() if tally.attempts}


def steady(connection: Connection) -> None:
    """Let everything that is read from now on be of one moment, as SQLite does by itself."""
    if connection.dialect.name != "sqlite":
        connection.rollback()
        connection.execution_options(isolation_level="REPEATABLE READ")


def read(connection: Connection, filters: Filters, groupings: Sequence[Grouping]) -> list[Groups]:
    """The tallies of every group that has any attempt, for each grouping; times are UTC."""
    from mexc_plugin.store import scanning

    if filters.order_ids or filters.client_order_ids or are_few(connection, filters):
        return _through_view(connection, filters, groupings)
    return scanning.read(connection, filters, groupings)


def are_few(connection: Connection, filters: Filters) -> bool:
    """Whether no more than FEW attempts can match; their answers are not looked at."""
    found = sa.select(sa.literal(1)).where(*spans.asked(filters)).limit(FEW + 1).subquery()
    return (connection.scalar(sa.select(sa.func.count()).select_from(found)) or 0) <= FEW


def by(connection: Connection, filters: Filters, what: By) -> list[tuple[str | None, Tally]]:
    """The groups of one kind: times in their order, others by their number of attempts."""
    if what is By.OUTCOME:
        (groups,) = read(connection, filters, [ALL])
        return by_outcome(Tally.together(groups.values()))
    (groups,) = read(connection, filters, [GROUPINGS[what]])
    return ordered(groups, what)


def by_outcome(tally: Tally) -> list[tuple[str | None, Tally]]:
    """A tally taken apart."""
    return [(name, tally.only(name)) for name, _ in tally.outcomes.most_common()]


def ordered(groups: Groups, what: By) -> list[tuple[str | None, Tally]]:
    """Groups with one column in their key: times in their order, others by number of attempts."""
    rows = [(None if key[0] is None else str(key[0]), tally) for key, tally in groups.items()]
    if what in (By.HOUR, By.DAY):
        return sorted(rows, key=lambda row: row[0] or "")
    return sorted(rows, key=lambda row: (-row[1].attempts, row[0] or ""))


def view_query(groupings: Iterable[Grouping]) -> sa.Select[Any]:
    """The columns of the view that these groupings are counted by."""
    view = schema.cancel_history
    names = {"outcome", *(name for grouping in groupings for name in grouping.columns)}
    return sa.select(
        clock_text(view.c.requested_at, SECOND).label("clock"),
        view.c.final_outcome,
        view.c.latency_us,
        *(view.c[name] for name in sorted(names)),
    )


def key_columns(grouping: Grouping, table: Table) -> list[ColumnElement[Any]]:
    """The columns behind a key, without its clock."""
    return [table.c[name] for name in grouping.columns]


def key_of(grouping: Grouping, row: sa.Row[Any]) -> Key:
    """The key of a row that has `clock` and the columns of the grouping."""
    key = tuple(getattr(row, name) for name in grouping.columns)
    return key if grouping.clock is None else (row.clock[: grouping.clock], *key)


def streamed(connection: Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    """The rows of a query, in batches. Nothing else may be asked of the connection meanwhile."""
    with connection.execution_options(yield_per=BATCH).execute(query) as result:
        yield from result


def _through_view(
    connection: Connection, filters: Filters, groupings: Sequence[Grouping]
) -> list[Groups]:
    found = [Cells(grouping) for grouping in groupings]
    columns = view_query(groupings).selected_columns
    query = wanted(filters).with_only_columns(*columns)
    for row in streamed(connection, query):
        for cells in found:
            cells.add_attempt(row)
    return [cells.groups(Filters()) for cells in found]


def _wanted(parts: dict[str, Part], filters: Filters) -> dict[str, Part]:
    kept = {k: v for k, v in parts.items() if not filters.outcomes or k in filters.outcomes}
    if filters.latency_over_us is None:
        return kept
    return {name: part.above(filters.latency_over_us) for name, part in kept.items()}
