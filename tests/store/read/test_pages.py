"""Whatever is filtered, and wherever a page ends: the rows are those of the view, in their order.

A page begins behind the last row of the page before it, whatever else shares its time.
"""

import datetime as dt
import itertools
import random
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import history as made_up
from benchmarks.traffic import Traffic
from mexc_plugin.audit import chain, events
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.audit.outcome import FAILED, UNRESOLVED, Outcome
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.read import queries
from mexc_plugin.store.read.filters import Filters
from mexc_plugin.store.read.ordering import Position, key
from mexc_plugin.store.schema import migrate, tables
from mexc_plugin.store.write.open_database import Database
from tests.conftest import BACKENDS, Audit

DAY = 86_400_000_000_000
FIRST = 1_795_435_200_000_000_000
BOTS = ("a", "b")
SYMBOLS = ("LTC/BTC", "BTC/USDT")
STORED = sorted(set(Outcome) - {Outcome.PENDING})


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepared") / "audit.db"
    engine = engines.create(f"sqlite:///{path}")
    migrate.upgrade(engine)
    engine.dispose()
    return path


# -- any audit, any filters, any pages

attempts = st.fixed_dictionaries(
    {
        # In halves of a day, or of a microsecond apart, so that times are shared and lie close.
        "at": st.integers(0, 40).map(lambda n: n * DAY // 2) | st.integers(0, 3).map(lambda n: n * 1000),
        "latency": st.integers(-DAY // 2, DAY // 2) | st.just(10_000_000_000),
        "outcome": st.none() | st.sampled_from(STORED),
        "reconciled": st.none() | st.sampled_from(STORED),
        "reconciled_after": st.integers(0, 60 * DAY),
        "bot": st.sampled_from(BOTS),
        "symbol": st.sampled_from(SYMBOLS),
        "tries": st.integers(1, 2),
    }
)  # fmt: skip
moments = st.none() | st.integers(-1, 21).map(
    lambda n: dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=(FIRST + n * DAY) // 1000)  # noqa: DTZ001
)


def some(values: Any) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(sorted(values)), max_size=2).map(tuple)


filters = st.builds(
    Filters,
    since=moments,
    until=moments,
    symbols=some([*SYMBOLS, "LTCBTC", "none"]),
    bots=some([*BOTS, "none"]),
    outcomes=some(map(str, Outcome)) | st.sampled_from([tuple(map(str, group)) for group in (FAILED, UNRESOLVED)]),
    latency_over_us=st.none() | st.sampled_from([0, 1_500, 10_000_000]),
)  # fmt: skip


def sealed(drafts: list[dict[str, Any]]) -> Iterator[events.Event]:
    writer, last = str(uuid.uuid4()), chain.GENESIS
    for seq, draft in enumerate(drafts, 1):
        event = events.seal(draft, writer, seq, last)
        last = event.hash
        yield event


def drafts(attempt: dict[str, Any]) -> Iterator[dict[str, Any]]:
    at = FIRST + attempt["at"]
    common = {
        "cancel_id": uuid7(at // 1_000_000),
        "bot": attempt["bot"],
        "symbol": attempt["symbol"],
        "native_symbol": attempt["symbol"].replace("/", ""),
    }
    for number in range(1, attempt["tries"] + 1):
        common["attempt"] = number
        yield common | {"kind": "request", "occurred_ns": at + 1000 * (number - 1)}
        if attempt["outcome"]:
            answered = {"outcome": attempt["outcome"], "occurred_ns": at + attempt["latency"]}
            answered["latency_us"] = abs(attempt["latency"]) // 1000
            yield common | {"kind": "response"} | answered
        if attempt["reconciled"]:
            later = {"outcome": attempt["reconciled"]}
            later["occurred_ns"] = at + attempt["reconciled_after"]
            yield common | {"kind": "reconciliation"} | later


def expected(rows: list[Any], wanted: Filters, *, oldest_first: bool) -> list[Any]:
    """By hand, in Python: nothing of the code that is tested."""
    found = [
        row
        for row in rows
        if (wanted.since is None or row["requested_at"] >= wanted.since)
        and (wanted.until is None or row["requested_at"] < wanted.until)
        and (not wanted.symbols or {row["symbol"], row["native_symbol"]} & set(wanted.symbols))
        and (not wanted.bots or row["bot"] in wanted.bots)
        and (not wanted.outcomes or row["final_outcome"] in wanted.outcomes)
        and (
            wanted.latency_over_us is None
            or (row["latency_us"] is not None and row["latency_us"] > wanted.latency_over_us)
        )
    ]
    return sorted(found, key=key, reverse=not oldest_first)


def paged(connection: Any, wanted: Filters, size: int, *, oldest_first: bool) -> Iterator[Any]:
    after = None
    while page := list(
        queries.history(connection, wanted, size, after=after, oldest_first=oldest_first)
    ):
        assert len(page) <= size
        yield from page
        after = Position(*key(page[-1]))


def check(url: str, wanted: Filters, size: int, *, oldest_first: bool) -> None:
    with queries.reading(url) as connection:
        rows = list(queries.stream(connection, queries.sa.select(tables.cancel_history)))
        right = expected(rows, wanted, oldest_first=oldest_first)
        whole = list(queries.history(connection, wanted, oldest_first=oldest_first))
        pages = list(paged(connection, wanted, size, oldest_first=oldest_first))
    assert right == whole
    assert right == pages


class TestAnyAudit:
    @pytest.fixture
    def backend(self) -> str:
        return "sqlite"

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        cancels=st.lists(attempts, max_size=25),
        wanted=filters,
        size=st.integers(1, 7),
        oldest_first=st.booleans(),
    )
    def test_the_pages_of_a_listing_are_the_rows_of_the_view(
        self, prepared, tmp_path, cancels, wanted, size, oldest_first
    ) -> None:
        path = tmp_path / f"{uuid.uuid4()}.db"
        shutil.copy(prepared, path)
        store = Database(f"sqlite:///{path}", 5_000)
        if cancels:
            store.insert([*sealed(list(itertools.chain.from_iterable(map(drafts, cancels))))])
        store.close()
        check(f"sqlite:///{path}", wanted, size, oldest_first=oldest_first)
        path.unlink()


# -- the same on every database, on traffic as bots make it

EVENTS = 1_500


def test_pages_are_the_rows_of_the_view_on_every_database(database: Audit) -> None:
    store = Database(database.url, 20_000)
    traffic = itertools.islice(Traffic(EVENTS, 3).drafts(), EVENTS)
    store.insert([*made_up.sealed(traffic, 3)])
    store.close()
    rng = random.Random(5)
    every = [
        Filters(),
        Filters(bots=("by-hand", "grid-old")),
        Filters(symbols=("BTCUSDT",)),
        Filters(outcomes=("pending",)),
        *(Filters(outcomes=tuple(map(str, group))) for group in (FAILED, UNRESOLVED)),
        Filters(outcomes=("canceled",), bots=("freqtrade",)),
        Filters(latency_over_us=1_000_000),
        Filters(since=dt.datetime(2026, 6, 1), outcomes=("unknown",)),  # noqa: DTZ001
    ]
    for wanted in every:
        for oldest_first in (False, True):
            check(database.url, wanted, rng.randint(20, 90), oldest_first=oldest_first)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_attempts_of_one_microsecond_are_neither_lost_nor_doubled_between_pages(
    database: Audit, size: int
) -> None:
    same = [
        {"kind": "request", "occurred_ns": FIRST, "cancel_id": uuid7(FIRST // 10**6), "attempt": n}
        for n in (1, 2, 3)
        for _ in range(3)
    ]
    store = Database(database.url, 20_000)
    store.insert([*sealed(same)])
    store.close()
    for wanted in (Filters(), Filters(outcomes=("pending",))):
        check(database.url, wanted, size, oldest_first=False)


def test_a_cancel_id_that_is_no_uuid_breaks_no_list(database: Audit) -> None:
    """No recorder writes one; whoever may insert can. It counts as long ago."""
    pending = [
        {"kind": "request", "occurred_ns": at, "cancel_id": cancel_id, "attempt": 1}
        for n in range(12)
        for at in [FIRST + n * DAY]
        for cancel_id in [uuid7(at // 10**6)]
    ]
    odd = {"kind": "request", "occurred_ns": FIRST - DAY, "cancel_id": "0-none", "attempt": 1}
    store = Database(database.url, 20_000)
    store.insert([*sealed([odd, *pending])])
    store.close()
    for size in range(1, 8):
        check(database.url, Filters(outcomes=("pending",)), size, oldest_first=False)
