"""How many attempts there were, what became of them and how long they took: `audit stats`.

A GROUP BY over `cancel_history`. Latencies come with it, all of them, so that percentiles are exact.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from mexc_plugin.audit.outcome import FAILED, Outcome
from mexc_plugin.store.connect.expressions import DAY, HOUR, clock_text, joined_numbers
from mexc_plugin.store.read.filters import Filters, wanted
from mexc_plugin.store.read.statistics.tallies import Part, Tally
from mexc_plugin.store.schema import tables

BATCH = 2_000
# Where the latencies of a group come as one text: reading that costs less than a row for each of them.
_JOINED = ("sqlite", "postgresql")

Key = tuple[Any, ...]
Groups = dict[Key, Tally]


class By(StrEnum):
    """What attempts are counted by."""

    SYMBOL = "symbol"
    BOT = "bot"
    ACCOUNT = "account"
    OUTCOME = "outcome"
    CODE = "code"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Grouping:
    """What the attempts of a group have in common.

    columns: of `cancel_history`; clock: how much of the time of asking, as text, comes
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
    By.CODE: Grouping(("venue_code",)),
    By.HOUR: Grouping(clock=HOUR),
    By.DAY: Grouping(clock=DAY),
}


def steady(connection: Connection) -> None:
    """Let everything that is read from now on be of one moment, as SQLite does by itself."""
    if connection.dialect.name != "sqlite":
        connection.rollback()
        connection.execution_options(isolation_level="REPEATABLE READ")


def read(connection: Connection, filters: Filters, groupings: Sequence[Grouping]) -> list[Groups]:
    """The tallies of every group that has any attempt, for each grouping; times are UTC."""
    return [_count(connection, filters, grouping) for grouping in groupings]


def by(connection: Connection, filters: Filters, what: By) -> list[tuple[str | None, Tally]]:
    """The groups of one kind: times in their order, others by their number of attempts."""
    if what is By.OUTCOME:
        (groups,) = read(connection, filters, [ALL])
        return by_outcome(Tally.together(groups.values()))
    (groups,) = read(connection, filters, [GROUPINGS[what]])
    return ordered(groups, what)


def by_outcome(tally: Tally) -> list[tuple[str | None, Tally]]:
    """A tally taken apart, the most frequent first, of equals as the record lists them."""
    known = {outcome.value: place for place, outcome in enumerate(Outcome)}
    counted = sorted(tally.outcomes.items(), key=lambda item: (-item[1], known.get(item[0], 99)))
    return [(name, tally.only(name)) for name, _ in counted]


def ordered(groups: Groups, what: By) -> list[tuple[str | None, Tally]]:
    """Groups with one column in their key: times in their order, others by number of attempts."""
    rows = [(None if key[0] is None else str(key[0]), tally) for key, tally in groups.items()]
    if what in (By.HOUR, By.DAY):
        return sorted(rows, key=lambda row: row[0] or "")
    return sorted(rows, key=lambda row: (-row[1].attempts, row[0] or ""))


def _count(connection: Connection, filters: Filters, grouping: Grouping) -> Groups:
    parts: defaultdict[Key, defaultdict[str, Part]] = defaultdict(lambda: defaultdict(Part))
    as_text = connection.dialect.name in _JOINED
    for row in _rows(connection, _query(filters, grouping, as_text)):
        *key, outcome, number, latencies = tuple[Any, ...](row)
        found = _listed(latencies) if as_text else _repeated(latencies, number)
        parts[tuple(key)][outcome].add(number, found)
    return {key: Tally.of(by_outcome) for key, by_outcome in parts.items()}


def _query(filters: Filters, grouping: Grouping, as_text: bool) -> sa.Select[Any]:
    kept = tables.cancel_history.c
    keys: list[ColumnElement[Any]] = [kept[name] for name in grouping.columns]
    if grouping.clock is not None:
        keys.insert(0, clock_text(kept.requested_at, grouping.clock))
    keys.append(kept.final_outcome)
    latencies = joined_numbers(kept.latency_us) if as_text else kept.latency_us
    query = wanted(filters).with_only_columns(*keys, sa.func.count(), latencies)
    if grouping.answered is not None:
        query = query.where(kept.outcome.in_(sorted(grouping.answered)))
    return query.group_by(*keys, *([] if as_text else [kept.latency_us]))


def _rows(connection: Connection, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    """In batches. Nothing else may be asked of the connection meanwhile."""
    with connection.execute(query, execution_options={"yield_per": BATCH}) as result:
        yield from result


def _listed(text: str | None) -> list[int]:
    """Numbers with commas between: a JSON array without its brackets."""
    return json.loads(f"[{text}]") if text else []


def _repeated(latency_us: int | None, number: int) -> list[int]:
    return [] if latency_us is None else [latency_us] * number
