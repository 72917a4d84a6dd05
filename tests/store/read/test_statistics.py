"""The statistics are those of the rows of `cancel_history`."""

import math
import shutil
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mexc_plugin.audit.outcome import FAILED, UNRESOLVED, Outcome
from mexc_plugin.store.read import queries
from mexc_plugin.store.read.queries import Filters
from mexc_plugin.store.read.statistics import counts, highlights, overview
from mexc_plugin.store.read.statistics.counts import By
from mexc_plugin.store.schema import tables
from tests.cli.conftest import Ledger, prepared

__all__ = ["prepared"]

HOUR = 3_600
MIDNIGHT = 12 * HOUR  # the ledger's times start at noon
PERCENTS = (50, 95, 99)
STORED = sorted(set(Outcome) - {Outcome.PENDING})

moments = st.builds(
    lambda border, offset: border + offset,
    st.sampled_from([0, HOUR, MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + 24 * HOUR]),
    st.sampled_from([-31, -29.5, -2, -0.5, -0.000001, 0, 0.000001, 0.5, 29.5, 100, 1800]),
)
attempts = st.fixed_dictionaries(
    {
        "at": moments,
        "latency_us": st.sampled_from(
            [None, 0, 1_000, 700_000, 12_000_000, 26_000_000, 40_000_000]
        ),
        "outcome": st.sampled_from([None, *STORED]),
        "resolved": st.lists(st.sampled_from(STORED), max_size=2),
        # By how much the wall clock was set between request and answer.
        "step": st.sampled_from([0, 0, 0, 0, -5, 5, -20]),
        "again": st.booleans(),
        "bot": st.sampled_from(["grid", "market maker", None]),
        "symbol": st.sampled_from(["LTC/BTC", "BTC/USDT"]),
        "order_id": st.sampled_from(["1", "2", "3", None]),
        "client_order_id": st.sampled_from(["mine", "its", None]),
    }
)
NOON = datetime(2026, 11, 23, 12)  # noqa: DTZ001 - naive UTC, as in the database
filters = st.builds(
    Filters,
    since=st.one_of(st.none(), moments.map(lambda at: NOON + timedelta(seconds=at))),
    until=st.one_of(st.none(), moments.map(lambda at: NOON + timedelta(seconds=at))),
    symbols=st.sampled_from([(), ("LTC/BTC",), ("BTCUSDT",)]),
    bots=st.sampled_from([(), ("grid",), ("grid", "market maker")]),
    outcomes=st.sampled_from([(), tuple(sorted(FAILED)), tuple(sorted(UNRESOLVED)), ("canceled",)]),
    latency_over_us=st.sampled_from([None, None, 0, 700_000, 13_000_000]),
)


ONE = {
    "at": MIDNIGHT - 1,
    "latency_us": 2_000_000,
    "outcome": Outcome.CANCELED,
    "resolved": [],
    "step": 0,
    "again": False,
    "bot": "grid",
    "symbol": "LTC/BTC",
    "order_id": "1",
    "client_order_id": None,
}
# Each is answered on the other's day: the number of answers is right on both.
SWAPPED = [ONE, ONE | {"at": MIDNIGHT + 1, "step": -5, "outcome": Outcome.REJECTED}]


@pytest.fixture
def backend() -> str:
    """SQLite alone: what is tried here is the same on a server."""
    return "sqlite"


def with_retries(audit):
    """The same attempts; one that is sent again names the order that it named before."""
    made = []
    for one in audit:
        names = ("symbol", "order_id", "client_order_id")
        same = {name: made[-1][name] for name in names} if one["again"] and made else {}
        made.append(one | same)
    return made


def record(ledger, audit):
    """Write the attempts; `again` belongs to the cancel before it."""
    sealed, cancel_id, number = [], "", 0
    for index, one in enumerate(audit):
        if one["again"] and index:
            number += 1
        else:
            cancel_id, number = f"{index:08x}-0000-7000-8000-000000000000", 1
        common = {
            "cancel_id": cancel_id,
            "attempt": number,
            "account": "0123456789abcdef",
            "native_symbol": one["symbol"].replace("/", ""),
            **{name: one[name] for name in ("bot", "symbol", "order_id", "client_order_id")},
        }
        sealed.append(ledger.seal(kind="request", at=one["at"], **common))
        if one["outcome"] is not None:
            after = (one["latency_us"] or 0) / 1e6 + one["step"]
            failed = one["outcome"] in FAILED
            answer = {"venue_code": "-2011", "venue_message": "=no"} if failed else {}
            sealed.append(
                ledger.seal(
                    kind="response",
                    at=one["at"] + after,
                    outcome=str(one["outcome"]),
                    latency_us=one["latency_us"],
                    **common,
                    **answer,
                )
            )
        sealed += [
            ledger.seal(
                kind="reconciliation",
                at=one["at"] + 90 + later,
                outcome=str(outcome),
                cancel_id=cancel_id,
                attempt=number,
            )
            for later, outcome in enumerate(one["resolved"])
        ]
    ledger.store(*sealed)


def wanted(connection, filters):
    """The rows of the view that a plain reading of the filters leaves."""
    view = tables.cancel_history
    rows = [row._mapping for row in connection.execute(sa.select(view))]
    symbols = set(filters.symbols)
    return [
        row
        for row in rows
        if (filters.since is None or row["requested_at"] >= filters.since)
        and (filters.until is None or row["requested_at"] < filters.until)
        and (not symbols or {row["symbol"], row["native_symbol"]} & symbols)
        and (not filters.bots or row["bot"] in filters.bots)
        and (not filters.outcomes or row["final_outcome"] in filters.outcomes)
        and (
            filters.latency_over_us is None
            or (row["latency_us"] is not None and row["latency_us"] > filters.latency_over_us)
        )
    ]


KEYS = {
    By.SYMBOL: lambda row: row["symbol"],
    By.BOT: lambda row: row["bot"],
    By.ACCOUNT: lambda row: row["account"],
    By.OUTCOME: lambda row: row["final_outcome"],
    By.CODE: lambda row: row["venue_code"],
    By.HOUR: lambda row: f"{row['requested_at']:%Y-%m-%d %H}",
    By.DAY: lambda row: f"{row['requested_at']:%Y-%m-%d}",
}


def naively(rows, what):
    groups = defaultdict(list)
    for row in rows:
        groups[KEYS[what](row)].append(row)
    return {name: plain(found) for name, found in groups.items()}


def plain(rows):
    latencies = sorted(row["latency_us"] for row in rows if row["latency_us"] is not None)
    ranks = [max(1, math.ceil(percent * len(latencies) / 100)) for percent in (*PERCENTS, 100)]
    return (
        Counter(row["final_outcome"] for row in rows),
        [latencies[rank - 1] if latencies else None for rank in ranks],
    )


def counted(tally):
    ranking = tally.ranking()
    percentiles = [ranking.percentile(percent) for percent in PERCENTS]
    return tally.outcomes, [*percentiles, ranking.maximum]


def reasons(rows):
    answered = FAILED | {Outcome.UNKNOWN}
    names = ("outcome", "venue_code", "venue_message", "error_type")
    return Counter(tuple(row[name] for name in names) for row in rows if row["outcome"] in answered)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(audit=st.lists(attempts, max_size=12), filters=filters)
@example(audit=[], filters=Filters())
@example(audit=SWAPPED, filters=Filters())
def test_the_statistics_are_those_of_the_rows(prepared, tmp_path, audit, filters):
    path = tmp_path / "audit.db"
    shutil.copy(prepared, path)
    ledger = Ledger(f"sqlite:///{path}")
    audit = with_retries(audit)
    record(ledger, audit)
    with queries.reading(ledger.url) as connection:
        rows = wanted(connection, filters)
        assert_counted(connection, filters, rows)
        seen = overview.read(connection, filters, NOON)
        slowest = highlights.slowest(connection, filters, 3)
        unresolved = highlights.newest(connection, filters, UNRESOLVED, 3)
    assert counted(seen.total) == plain(rows)
    assert reasons(rows) == {
        (r.outcome, r.code, r.message, r.error_type): r.attempts for r in seen.reasons
    }
    seconds = Counter(f"{row['requested_at']:%Y-%m-%d %H:%M:%S}" for row in rows)
    assert sorted(seconds.items(), key=lambda item: (-item[1], item[0]))[:5] == seen.bursts
    open_ = [row["requested_at"] for row in rows if row["final_outcome"] in UNRESOLVED]
    assert (seen.open.attempts, seen.open.oldest) == (len(open_), min(open_, default=None))
    assert sorted(open_, reverse=True)[:3] == [row["requested_at"] for row in unresolved]
    took = sorted(
        (row["latency_us"] for row in rows if row["latency_us"] is not None), reverse=True
    )
    assert took[:3] == [row["latency_us"] for row in slowest]
    assert repeated(audit, rows) == {one.order: one.cancels for one in seen.repetitions.most}


def assert_counted(connection, filters, rows):
    """Each kind by itself, and all of them at once."""
    for kinds in (*([kind] for kind in By), list(By)):
        for kind, groups in zip(kinds, counts.by(connection, filters, *kinds), strict=True):
            expected = naively(rows, kind)
            assert {name: counted(tally) for name, tally in groups} == expected, (kinds, kind)
            assert [name for name, _ in groups] == sorted(expected, key=rank(kind, expected))


def rank(kind, groups):
    """Where a name stands: times by themselves, others by their attempts, equal outcomes as the record lists them."""
    if kind in (By.HOUR, By.DAY):
        return str
    places = list(Outcome) if kind is By.OUTCOME else []
    return lambda name: (
        -groups[name][0].total(),
        places.index(name) if places else 0,
        name or "",
    )


def repeated(audit, rows):
    cancels = defaultdict(set)
    matching = {row["cancel_id"] for row in rows}
    cancel_id = ""
    for index, one in enumerate(audit):
        if not (one["again"] and index):
            cancel_id = f"{index:08x}-0000-7000-8000-000000000000"
        order = one["order_id"] or one["client_order_id"]
        if order is not None and cancel_id in matching:
            cancels[order].add(cancel_id)
    return {order: len(found) for order, found in cancels.items() if len(found) > 1}
