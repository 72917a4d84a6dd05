"""What the pages are made of, each by itself."""

import asyncio
import threading
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.errors import StoreError
from mexc_plugin.review import query_string, showing
from mexc_plugin.review.query_string import Asking
from mexc_plugin.review.web import ranges
from mexc_plugin.review.web.data import feed as feeds
from mexc_plugin.review.web.data import reading
from mexc_plugin.review.web.data.feed import Crowded, Feed
from mexc_plugin.review.web.data.keeping import MOST, Ending, Kept
from mexc_plugin.review.web.data.reading import Busy, Reader
from mexc_plugin.review.web.data.threads import Threads
from mexc_plugin.review.web.ranges import SPANS

NOW = datetime(2026, 11, 23, 14, 5, 6)  # noqa: DTZ001 - naive UTC, as filters are
WORDS = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=40).filter(str.strip)


# -- asking


@given(st.lists(st.tuples(st.sampled_from(sorted(query_string.SEVERAL)), WORDS), max_size=20))
def test_what_is_asked_for_is_the_same_when_it_is_read_again(pairs: list[tuple[str, str]]) -> None:
    once = query_string.read(pairs)
    assert query_string.read(once.pairs) == once
    assert set(once.pairs) == {(name, value.strip()) for name, value in pairs}


@given(st.lists(st.tuples(st.sampled_from(query_string.NAMES) | st.text(), st.text()), max_size=5))
def test_any_words_are_filters_or_a_sentence(pairs: list[tuple[str, str]]) -> None:
    try:
        query_string.read(pairs).filters(NOW)
    except ValueError as error:
        assert len(str(error)) > 10


def test_every_filter_has_a_name() -> None:
    given = Asking(
        (
            ("since", "2h"),
            ("until", "1h"),
            ("symbol", "ltc/btc"),
            ("bot", "b"),
            ("account", "a"),
            ("order-id", "1"),
            ("client-order-id", "c"),
            ("code", "-2011"),
            ("search", "Unknown order"),
            ("outcome", "unresolved"),
            ("latency-over", "1.5s"),
        )
    )
    found = given.filters(NOW)
    assert {name for name, _ in given.pairs} == set(query_string.NAMES)
    assert [found.since, found.until] == [NOW - timedelta(hours=hours) for hours in (2, 1)]
    assert [found.symbols, found.bots, found.accounts] == [("ltc/btc", "LTC/BTC"), ("b",), ("a",)]
    assert [found.order_ids, found.client_order_ids] == [("1",), ("c",)]
    assert [found.codes, found.searches] == [("-2011",), ("Unknown order",)]
    assert [found.outcomes, found.latency_over_us] == [("pending", "unknown"), 1_500_000]


# -- showing


def test_every_outcome_has_a_sign_and_is_of_one_kind() -> None:
    members = [outcome for kind in showing.KINDS.values() for outcome in kind]
    assert sorted(members) == sorted(Outcome) == sorted(showing.SIGNS)


def test_a_word_that_is_no_outcome_of_ours_decides_nothing() -> None:
    assert [showing.kind_of(word) for word in ("canceled", "lost")] == [
        "acknowledged",
        "unresolved",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (7_200, "2 h ago"),
        (86_400 * 1_500, "1,500 d ago"),
        (-2, "ahead of this clock"),
    ],
)
def test_an_age_is_said_in_one_unit(seconds: float, words: str) -> None:
    assert words == showing.age(NOW - timedelta(seconds=seconds), NOW)


@pytest.mark.parametrize(
    ("microseconds", "words"),
    [
        (None, "–"),
        (999, "999 µs"),
        (1_500, "1.50 ms"),
        (23_400, "23.4 ms"),
        (234_000, "234 ms"),
        (5_014_000, "5.01 s"),
        (9_994, "9.99 ms"),
        (9_995, "10.0 ms"),
        (99_949, "99.9 ms"),
        (99_950, "100 ms"),
        (999_499, "999 ms"),
        (999_500, "1.00 s"),
        (999_999, "1.00 s"),
        (9_995_000, "10.0 s"),
        (1_234_567_890, "1235 s"),
    ],
)
def test_a_duration_has_three_digits(microseconds: int | None, words: str) -> None:
    assert words == showing.duration(microseconds)


@given(st.lists(st.integers(0, 100), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(
    values: list[int], percent: int
) -> None:
    rows = [{"final_outcome": "canceled", "latency_us": value} for value in [*values, None]]
    found = showing.Sum(rows).percentile(percent)
    enough = [v for v in values if sum(w <= v for w in values) * 100 >= percent * len(values)]
    assert min(enough) == found


# -- spans


@pytest.mark.parametrize("name", SPANS)
def test_a_span_begins_with_a_whole_bar_and_ends_with_the_one_of_now(name: str) -> None:
    span = SPANS[name]
    since = span.since(NOW)
    if since is None:
        assert name == "all"
        return
    assert span.back is not None
    assert ranges.bounds(span.period(since))[0] == since.isoformat() + "Z"
    assert span.back - timedelta(days=1) < NOW - since <= span.back


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        ("2026-11-23 23", "2026-11-23T23:00:00Z", "2026-11-24T00:00:00Z"),
        ("2026-12-31", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ],
)
def test_a_bar_s_filters_are_its_beginning_and_end(period: str, since: str, until: str) -> None:
    assert (since, until) == ranges.bounds(period)


# -- keeping


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_who_asks_meanwhile_waits_for_the_same_answer() -> None:
    kept, made = Kept(), []

    async def make() -> int:
        await asyncio.sleep(0.01)
        made.append(1)
        return len(made)

    assert await asyncio.gather(*(kept.get("x", 60, make) for _ in range(9))) == [1] * 9


async def test_an_answer_is_made_anew_when_it_is_too_old() -> None:
    clock = Clock()
    kept, made = Kept(clock), []

    async def make() -> int:
        made.append(1)
        return len(made)

    found = []
    for clock.now in (0.0, 4.9, 5.0):
        found.append(await kept.get("x", 5, make))
    assert found == [1, 1, 2]


async def test_a_failure_is_not_kept() -> None:
    kept = Kept()

    async def fail() -> int:
        raise StoreError("gone")

    async def make() -> int:
        return 7

    with pytest.raises(StoreError):
        await kept.get("x", 60, fail)
    assert await kept.get("x", 60, make) == 7


async def test_one_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    kept, going_on = Kept(), asyncio.Event()

    async def make() -> int:
        await going_on.wait()
        return 7

    first = asyncio.create_task(kept.get("x", 60, make))
    second = asyncio.create_task(kept.get("x", 60, make))
    await asyncio.sleep(0)
    first.cancel()
    going_on.set()
    assert await second == 7


async def test_no_more_than_the_newest_answers_are_kept() -> None:
    kept, made = Kept(), []

    async def make() -> int:
        made.append(1)
        return len(made)

    for key in (*range(MOST + 1), 0):
        await kept.get(key, 60, make)
    assert len(made) == MOST + 2


async def test_nobody_waits_for_an_answer_when_the_server_ends() -> None:
    kept = Kept()
    waiting = [asyncio.create_task(kept.get("x", 60, asyncio.Event().wait)) for _ in range(2)]
    await asyncio.sleep(0)
    kept.close()
    assert [type(e) for e in await asyncio.gather(*waiting, return_exceptions=True)] == [Ending] * 2


# -- reading and watching


async def test_calls_run_in_so_many_threads_and_give_back_what_they_find() -> None:
    threads = Threads(2, "test")
    running = threading.Barrier(2)
    assert await asyncio.gather(*(threads.call(running.wait, 5) for _ in range(2))) in (
        [0, 1],
        [1, 0],
    )
    with pytest.raises(ZeroDivisionError):
        await threads.call(divmod, 1, 0)
    assert await threads.call(divmod, 7, 2) == (3, 1)
    threads.close()


async def test_a_call_that_nobody_waits_for_any_more_is_not_made() -> None:
    threads, going_on, called = Threads(1, "test"), threading.Event(), []
    first = asyncio.create_task(threads.call(going_on.wait, 5))
    second = asyncio.create_task(threads.call(called.append, 1))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await asyncio.sleep(0)  # the thread's future hears of it one turn later
    going_on.set()
    assert [await first, await threads.call(len, called)] == [True, 0]
    threads.close()


async def test_more_than_are_served_are_told_to_come_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_WAITING", 1)
    reader = Reader(url)
    first = asyncio.create_task(reader.ask(lambda _: 7))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await reader.ask(lambda _: 8)
    assert await first == 7
    assert await reader.ask(lambda _: 9) == 9
    reader.close()


async def test_more_watchers_than_there_is_room_for_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "MOST_WATCHERS", 1)

    async def mark() -> int:
        return 1

    feed = Feed(mark)
    feed.require_room()
    watching = feed.watch()
    await anext(watching)
    with pytest.raises(Crowded):
        feed.require_room()
    await watching.aclose()
    feed.require_room()


async def test_nobody_looks_while_nobody_watches() -> None:
    looked = []

    async def mark() -> int:
        looked.append(1)
        return len(looked)

    feed = Feed(mark, tick_s=0.001)
    polling = asyncio.create_task(feed.poll())
    await asyncio.sleep(0.02)
    assert looked == []
    watching = feed.watch()
    versions = {(await anext(watching)).version for _ in range(3)}
    assert len(versions) == 3
    await watching.aclose()
    await asyncio.sleep(0.01)
    seen = len(looked)
    await asyncio.sleep(0.02)
    assert len(looked) == seen
    polling.cancel()


async def test_a_watcher_hears_that_there_is_nothing_to_hear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "BEAT_S", 0.01)

    async def mark() -> int:
        return 1

    watching = Feed(mark).watch()
    assert [(await anext(watching)) is None for _ in range(3)] == [False, True, True]
    await watching.aclose()


async def test_a_feed_that_is_closed_sends_its_watchers_home() -> None:
    async def mark() -> int:
        return 1

    feed = Feed(mark)
    watching = feed.watch()
    await anext(watching)
    closing = asyncio.create_task(feed.close())
    assert [state async for state in watching] == []
    await closing
