"""How many attempts there were, what became of them and how long they took: `audit stats`.

A GROUP BY over `cancel_history`: one, however many kinds of groups are wanted of it, for reading and sorting the attempts
is what it costs. Latencies come with it, all of them, so that percentiles are exact.
"""

import json
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.store.connect.expressions import DAY, HOUR, clock_text, joined_numbers
from mexc_plugin.store.read.filters import Filters, select_wanted
from mexc_plugin.store.read.statistics.tallies import Part, Tally
from mexc_plugin.store.schema import tables

BATCH = 2_000
# Where the latencies of a group come as one text: reading that costs less than a row for each of them.
_JOINED = ("sqlite", "postgresql")

# Names and what is counted under each; None is what has no such name.
Groups = list[tuple[str | None, Tally]]

kept = tables.cancel_history.c


class By(StrEnum):
    """What attempts are counted by."""

    SYMBOL = "symbol"
    BOT = "bot"
    ACCOUNT = "account"
    OUTCOME = "outcome"
    CODE = "code"
    HOUR = "hour"
    DAY = "day"


_NAMES: Mapping[By, ColumnElement[Any]] = {
    By.SYMBOL: kept.symbol,
    By.BOT: kept.bot,
    By.ACCOUNT: kept.account,
    By.OUTCOME: kept.final_outcome,
    By.CODE: kept.venue_code,
    By.HOUR: clock_text(kept.requested_at, HOUR),
    By.DAY: clock_text(kept.requested_at, DAY),
}
_PLACES = {outcome.value: place for place, outcome in enumerate(Outcome)}


def steady(connection: Connection) -> None:
    """Let everything that is read from now on be of one moment, as SQLite does by itself."""
    if connection.dialect.name != "sqlite":
        connection.rollback()
        connection.execution_options(isolation_level="REPEATABLE READ")


def by(connection: Connection, filters: Filters, *kinds: By) -> list[Groups]:
    """The groups of each kind that have any attempt, times in UTC.

    Times are in their order, others by their number of attempts, equal outcomes as the record lists them.
    """
    found: list[defaultdict[Any, defaultdict[str, Part]]]
    found = [defaultdict(lambda: defaultdict(Part)) for _ in kinds]
    as_text = connection.dialect.name in _JOINED
    for row in _rows(connection, _query(filters, kinds, as_text)):
        *names, outcome, number, latencies = tuple[Any, ...](row)
        values = _parse(latencies) if as_text else _repeat(latencies, number)
        for parts, name in zip(found, names, strict=True):
            parts[name][outcome].add(number, values)
    return [_order(kind, parts) for kind, parts in zip(kinds, found, strict=True)]


def _order(kind: By, parts: Mapping[Any, Mapping[str, Part]]) -> Groups:
    groups = [(None if name is None else str(name), Tally.of(of)) for name, of in parts.items()]
    if kind in (By.HOUR, By.DAY):
        return sorted(groups, key=lambda group: group[0] or "")
    places = _PLACES if kind is By.OUTCOME else {}
    return sorted(groups, key=lambda g: (-g[1].attempts, places.get(g[0] or "", 99), g[0] or ""))


def _query(filters: Filters, kinds: Sequence[By], as_text: bool) -> sa.Select[Any]:
    keys = [*(_NAMES[kind] for kind in kinds), kept.final_outcome]
    latencies = joined_numbers(kept.latency_us) if as_text else kept.latency_us
    query = select_wanted(filters).with_only_columns(*keys, sa.func.count(), latencies)
    return query.group_by(*dict.fromkeys(keys), *([] if as_text else [kept.latency_us]))


def _rows(connection: Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    """In batches. Nothing else may be asked of the connection meanwhile."""
    with connection.execute(query, execution_options={"yield_per": BATCH}) as result:
        yield from result


def _parse(text: str | None) -> Sequence[int]:
    """Numbers with commas between: a JSON array without its brackets."""
    return array("q", sorted(json.loads(f"[{text}]"))) if text else ()


def _repeat(latency_us: int | None, number: int) -> Sequence[int]:
    return () if latency_us is None else (latency_us,) * number
