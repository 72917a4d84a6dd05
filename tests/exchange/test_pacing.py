"""Several cancels keep to the venue's pace, go on where one was refused for frequency alone, and a kill switch waits for nobody."""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.exchange.cancels.pacing import LONGEST_WAIT_S, PER_SECOND, Pace, choose_wait
from mexc_plugin.exchange.recording import _retry_after
from mexc_plugin.sandbox import Fault, FaultKind, RateLimit, Sandbox
from tests.conftest import Audit, Bot, MakeBot, assert_complete, logged

SYMBOL, SWAP = "LTC/BTC", "BTC/USDT:USDT"


def place(sandbox: Sandbox, count: int) -> list[str]:
    return [sandbox.place("LTCBTC", "BUY", "2", "0.002") for _ in range(count)]


@pytest.fixture
def loaded(make_bot: MakeBot) -> Bot:
    bot = make_bot()
    bot.load_markets()
    return bot


def check_nothing_was_repeated_that_may_have_been_executed(sandbox: Sandbox, audit: Audit) -> None:
    """Of each order, only the last attempt was anything but a refusal for frequency; and all that arrived is on record."""
    assert_complete(sandbox, audit)
    attempts: dict[str, list[str]] = {}
    for row in sorted(audit.history(), key=lambda row: (row["cancel_id"], row["attempt"])):
        attempts.setdefault(row["order_id"], []).append(row["outcome"])
    for outcomes in attempts.values():
        assert set(outcomes[:-1]) <= {"rate_limited"}
    effects = Counter(order_id for arrival in sandbox.arrivals for order_id in arrival.effect)
    assert set(effects.values()) <= {1}


def most_in_a_second(sandbox: Sandbox) -> int:
    times = [arrival.received_ns for arrival in sandbox.arrivals]
    return max(sum(start <= at < start + 1_000_000_000 for at in times) for start in times)


# -- the pace


def test_more_orders_than_the_venue_takes_in_a_second_are_all_cancelled_and_none_is_refused(
    loaded: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    sandbox.set_rate_limit(RateLimit(ban=1))
    ids = place(sandbox, 2 * PER_SECOND + 3)

    begin = time.monotonic()
    orders = loaded.cancel_orders(ids, SYMBOL)

    assert time.monotonic() - begin < 5
    assert [(order["id"], order["status"]) for order in orders] == [(i, "canceled") for i in ids]
    assert Counter(row["outcome"] for row in audit.history()) == {"canceled": len(ids)}
    assert most_in_a_second(sandbox) <= PER_SECOND
    check_nothing_was_repeated_that_may_have_been_executed(sandbox, audit)


def test_the_pace_is_an_option(make_bot: MakeBot, sandbox: Sandbox) -> None:
    bot = make_bot(options={"cancelsPerSecond": 3})

    orders = bot.cancel_orders(place(sandbox, 7), SYMBOL)

    assert {order["status"] for order in orders} == {"canceled"}
    assert most_in_a_second(sandbox) == 3


@pytest.mark.parametrize("odd", [0, -1, "many", None, 1.5, float("inf"), float("nan"), [], "", True])  # fmt: skip
def test_an_option_that_is_no_pace_stops_no_cancel(
    make_bot: MakeBot, sandbox: Sandbox, caplog, odd: Any
) -> None:
    bot = make_bot(options={"cancelsPerSecond": odd})

    orders = bot.cancel_orders(place(sandbox, 2), SYMBOL)

    assert {order["status"] for order in orders} == {"canceled"}
    assert len(logged(caplog, "cancelsPerSecond")) == 1


def test_calls_at_the_same_time_share_the_pace(loaded: Bot, sandbox: Sandbox, audit: Audit) -> None:
    sandbox.set_rate_limit(RateLimit(ban=1))
    first, second = place(sandbox, 9), place(sandbox, 9)
    exchange = loaded.exchange
    found: list[Any] = []
    if loaded.colour == "sync":

        def cancel(ids: list[str]) -> None:
            found.append(exchange.cancel_orders(ids, SYMBOL))

        threads = [threading.Thread(target=cancel, args=(ids,)) for ids in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:

        async def both() -> list[Any]:
            return await asyncio.gather(
                *(exchange.cancel_orders(ids, SYMBOL) for ids in (first, second))
            )

        found = loaded.run(both())
    assert {order["status"] for orders in found for order in orders} == {"canceled"}
    check_nothing_was_repeated_that_may_have_been_executed(sandbox, audit)


def test_many_threads_may_use_one_pace() -> None:
    pace, problems = Pace(5), []

    def use(name: str) -> None:
        try:
            for turn in range(400):
                pace.delay(turn / 50)
                pace.begin(f"{name}-{turn}")
                pace.end(f"{name}-{turn}", turn / 50)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=use, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert pace.delay(1_000.0) == 0.0


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=60), st.integers(1, 15))
def test_within_no_second_are_there_more_than_the_pace_allows(
    latencies: list[float], per_second: int
) -> None:
    """One after the other, each with a latency of its own: by the times at which they begin, and at which they end."""
    pace, now, began, ended = Pace(per_second), 100.0, [], []
    for number, latency in enumerate(latencies):
        while (delay := pace.delay(now)) > 0:
            now += delay
        pace.begin(str(number))
        began.append(now)
        now += latency
        ended.append(now)
        pace.end(str(number), now)
    for times in (began, ended):
        for start in times:
            assert sum(start <= at < start + 0.999 for at in times) <= per_second


def test_none_goes_while_as_many_as_the_pace_are_under_way() -> None:
    pace = Pace(2)
    assert pace.delay(1.0) == 0.0
    pace.begin("a")
    assert pace.delay(1.0) == 0.0
    pace.begin("b")
    assert 0 < pace.delay(60.0) < 0.1
    pace.end("a", 60.0)
    assert pace.delay(60.5) == pytest.approx(0.5)
    pace.hold(70.0)
    pace.hold(65.0)
    assert pace.delay(61.0) == pytest.approx(9.0)
    assert pace.delay(70.0) == 0.0


# -- refused for frequency


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMIT, FaultKind.BANNED])
def test_what_was_refused_for_frequency_is_sent_again_after_the_time_that_the_venue_says(
    loaded: Bot, sandbox: Sandbox, audit: Audit, kind: FaultKind
) -> None:
    ids = place(sandbox, 3)
    sandbox.inject(Fault(kind, times=1, retry_after=1))

    begin = time.monotonic()
    orders = loaded.cancel_orders(ids, SYMBOL)

    assert 1 <= time.monotonic() - begin < 3
    assert {order["status"] for order in orders} == {"canceled"}
    refused = [row for row in audit.history() if row["outcome"] == "rate_limited"]
    assert [(row["attempt"], row["http_status"]) for row in refused] == [
        (1, 429 if kind is FaultKind.RATE_LIMIT else 418)
    ]
    again = [row for row in audit.history() if row["cancel_id"] == refused[0]["cancel_id"]]
    assert [(row["attempt"], row["outcome"]) for row in again] == [(1, "rate_limited"), (2, "canceled")]  # fmt: skip
    check_nothing_was_repeated_that_may_have_been_executed(sandbox, audit)


def test_a_pace_that_is_too_fast_for_the_venue_is_mended_by_what_the_venue_says(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    """429, and 418 for those that were on their way meanwhile: every attempt is on record, every order is cancelled once."""
    bot = make_bot(options={"cancelsPerSecond": 8})
    bot.load_markets()
    sandbox.set_rate_limit(RateLimit(requests=3, seconds=0.5, retry_after=1, ban=1))
    ids = place(sandbox, 8)

    orders = bot.cancel_orders(ids, SYMBOL)

    assert [(order["id"], order["status"]) for order in orders] == [(i, "canceled") for i in ids]
    statuses = Counter(row["http_status"] for row in audit.history())
    assert statuses[200] == len(ids)
    assert statuses[429] >= 1
    if bot.colour != "sync":
        assert statuses[418] >= 1
    check_nothing_was_repeated_that_may_have_been_executed(sandbox, audit)


MAY_HAVE_BEEN_EXECUTED = {
    "an answer that was lost": Fault(FaultKind.DROP_AFTER, times=1),
    "a 500": Fault(FaultKind.SERVER_ERROR, effect=True, times=1),
    "a 503 with Retry-After": Fault(FaultKind.MAINTENANCE, effect=True, times=1, retry_after=1),
    "a code that is a 5xx": Fault(FaultKind.REFUSAL, code=510, status=200, effect=True, times=1),
    "HTML": Fault(FaultKind.HTML, effect=True, times=1),
    "a 429 that names the order": Fault(FaultKind.RAW, status=429, body=b'{"orderId":"1","code":0}', effect=True, times=1),
    "a 429 that acknowledges another": Fault(FaultKind.RAW, status=429, body=b'{"symbol":"LTCBTC","orderId":"1","status":"CANCELED"}', effect=True, times=1),
}  # fmt: skip


@pytest.mark.parametrize("case", MAY_HAVE_BEEN_EXECUTED)
def test_what_may_have_been_executed_is_never_sent_twice(
    loaded: Bot, sandbox: Sandbox, audit: Audit, case: str
) -> None:
    ids = place(sandbox, 2)
    sandbox.inject(MAY_HAVE_BEEN_EXECUTED[case])

    orders = loaded.cancel_orders(ids, SYMBOL)

    assert sorted(order["status"] for order in orders) == ["canceled", "rejected"]
    assert sorted(row["outcome"] for row in audit.history()) == ["canceled", "unknown"]
    assert len(sandbox.arrivals) == 2


@pytest.mark.parametrize("code", [-2011, 10007, 700002, 403, 30016])
def test_any_other_refusal_is_not_sent_again(
    loaded: Bot, sandbox: Sandbox, audit: Audit, code: int
) -> None:
    sandbox.inject(Fault(FaultKind.REFUSAL, code=code, headers={"Retry-After": "0"}))

    assert loaded.cancel_orders(place(sandbox, 1), SYMBOL)[0]["status"] == "rejected"
    assert len(audit.history()) == 1


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "301"}, {"Retry-After": "inf"}, {"Retry-After": formatdate(time.time() + 3600)}])  # fmt: skip
def test_a_ban_that_is_not_said_to_end_soon_is_not_waited_for(
    loaded: Bot, sandbox: Sandbox, audit: Audit, headers: dict[str, str]
) -> None:
    sandbox.inject(Fault(FaultKind.RAW, status=418, body=b'{"code":418,"msg":"banned"}', headers=headers))  # fmt: skip

    begin = time.monotonic()
    orders = loaded.cancel_orders(place(sandbox, 2), SYMBOL)

    assert time.monotonic() - begin < 3
    assert [order["info"]["outcome"] for order in orders] == ["rate_limited"] * 2
    assert [order["info"]["error"] for order in orders] == ["DDoSProtection"] * 2
    assert len(audit.history()) == 2


def test_a_venue_that_refuses_for_ever_is_asked_a_few_times(
    loaded: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    sandbox.inject(Fault(FaultKind.RATE_LIMIT, retry_after=0))

    order = loaded.cancel_orders(place(sandbox, 1), SYMBOL)[0]

    assert (order["status"], order["info"]["outcome"]) == ("rejected", "rate_limited")
    assert [row["attempt"] for row in audit.history()] == [1, 2, 3, 4, 5]
    assert len(sandbox.arrivals) == 5


def test_one_cancel_by_itself_is_not_repeated(loaded: Bot, sandbox: Sandbox, audit: Audit) -> None:
    """What to do after a 429 is the bot's own decision there, as with plain ccxt."""
    sandbox.inject(Fault(FaultKind.RATE_LIMIT, times=1, retry_after=0))
    with pytest.raises(ccxt.RateLimitExceeded):
        loaded.cancel_order(place(sandbox, 1)[0], SYMBOL)
    assert len(audit.history()) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1", 1.0), ("0", 0.0), ("-5", 0.0), ("1.5", 1.5), (" 2 ", 2.0), ("nan", 0.0), ("soon", None), ("", None), ("1,5", None), (None, None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("Thu, 99 Jan 1970", None), ("9" * 22 + " Jan 2026 00:00:00", None)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    for name in ("Retry-After", "retry-after", "RETRY-AFTER"):
        assert _retry_after({} if value is None else {name: value, "X": "1"}) == seconds


def test_a_date_in_retry_after_is_waited_for() -> None:
    assert _retry_after({"Retry-After": formatdate(time.time() + 30)}) == pytest.approx(30, abs=2)


@pytest.mark.parametrize(
    ("status", "said", "wait"),
    [(429, None, 1.0), (200, None, 1.0), (418, None, None), (429, 0.0, 0.0), (418, 120.0, 120.0), (418, LONGEST_WAIT_S, LONGEST_WAIT_S), (429, LONGEST_WAIT_S + 1, None), (429, float("inf"), None)],
)  # fmt: skip
def test_how_long_to_wait(status: int, said: float | None, wait: float | None) -> None:
    assert choose_wait(status, said) == wait


# -- the kill switch


@contextlib.contextmanager
def took(seconds: list[float]) -> Iterator[None]:
    begin = time.monotonic()
    yield
    seconds.append(time.monotonic() - begin)


def make_throttled(make_bot: MakeBot) -> Bot:
    """Markets are loaded, and ccxt's throttle makes the next request wait for a moment."""
    bot = make_bot(enableRateLimit=True, rateLimit=2)
    if bot.colour != "sync":
        bot.load_markets()  # a debt that only requests pay
        return bot
    bot.exchange.enableRateLimit = False
    bot.load_markets()
    bot.exchange.enableRateLimit = True
    bot.exchange.rateLimit = 150  # each waits for the one before it, and for no more
    bot.fetch_time()
    return bot


KILLS = {
    "cancel_order": lambda bot, ids, params: bot.cancel_order(ids[0], SYMBOL, params),
    "cancel_order by client id": lambda bot, ids, params: bot.cancel_order(None, SYMBOL, params | {"clientOrderId": "mine"}),
    "cancel_orders": lambda bot, ids, params: bot.cancel_orders(ids, SYMBOL, params),
    "cancel_all_orders": lambda bot, ids, params: bot.cancel_all_orders(SYMBOL, params),
    "cancel_all_orders of a swap": lambda bot, ids, params: bot.cancel_all_orders(SWAP, params),
    "cancel_order of a swap": lambda bot, ids, params: bot.cancel_order(ids[-1], SWAP, params),
    "cancel_orders of swaps": lambda bot, ids, params: bot.cancel_orders([ids[-1]], SWAP, params),
    "cancel_order of margin": lambda bot, ids, params: bot.cancel_order(ids[0], SYMBOL, params | {"marginMode": "isolated"}),
}  # fmt: skip


@pytest.mark.parametrize("way", KILLS)
def test_a_kill_switch_right_after_load_markets_waits_for_no_throttle(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, way: str
) -> None:
    """ccxt's debt makes the first cancel after it wait: here for a moment, and in the same run without."""
    times: dict[bool, list[float]] = {False: [], True: []}
    for kill in (False, True):
        bot = make_throttled(make_bot)
        sandbox.place("LTCBTC", "BUY", "2", "0.002", "mine")
        ids = [*place(sandbox, 1), sandbox.place_futures("BTC_USDT", 1, "1", "20000")]
        with took(times[kill]), contextlib.suppress(ccxt.OrderNotFound):
            KILLS[way](bot, ids[:1] if way == "cancel_orders" else ids, {"killSwitch": True} if kill else {})  # fmt: skip
    (without,), (at_once,) = times[False], times[True]
    assert without > 0.1
    assert at_once < without / 3
    recorded = [event.get("kill_switch") for event in audit.payloads("request")]
    assert recorded == [None, True]
    assert not any("killSwitch" in str(arrival.params) for arrival in sandbox.arrivals)


def test_a_kill_switch_lets_nobody_else_past_the_throttle(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_throttled(make_bot)
    first, second = place(sandbox, 2)
    waited: list[float] = []
    bot.cancel_order(first, SYMBOL, {"killSwitch": True})
    with took(waited):
        bot.cancel_order(second, SYMBOL)
    assert waited[0] > 0.1
    assert [event.get("kill_switch") for event in audit.payloads("request")] == [True, None]


def test_a_kill_switch_is_sent_even_where_it_cannot_be_recorded_and_everything_else_is_refused(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    options = {"audit": {"url": audit.url, "on_failure": "refuse", "deadline_ms": 200}}
    bot = make_bot(options=options)
    bot.load_markets()
    bot.cancel_order(place(sandbox, 1)[0], SYMBOL)
    first, second = place(sandbox, 2)
    with audit.locked():
        with pytest.raises(ccxt.ExchangeNotAvailable):
            bot.cancel_order(first, SYMBOL)
        assert bot.cancel_order(second, SYMBOL, {"killSwitch": True})["status"] == "canceled"
    assert (sandbox.order(first).is_open, sandbox.order(second).is_open) == (True, False)


@pytest.mark.parametrize("off", [False, None, 0, ""])
def test_a_kill_switch_that_is_off_is_none(
    loaded: Bot, sandbox: Sandbox, audit: Audit, off: Any
) -> None:
    loaded.cancel_order(place(sandbox, 1)[0], SYMBOL, {"killSwitch": off})
    loaded.cancel_all_orders(SYMBOL, {"killSwitch": off})

    assert [event.get("kill_switch") for event in audit.payloads("request")] == [None, None]
    assert not any("killSwitch" in arrival.params for arrival in sandbox.arrivals)
