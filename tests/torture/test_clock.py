"""A wall clock that jumps in mid-call: the latency on record is that of a monotonic clock."""

import time
from collections.abc import Iterator

import pytest

from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from tests.conftest import Audit, MakeBot

from .scale import keep

SECONDS = 0.3
HOUR_NS = 3_600 * 10**9


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A venue whose own clock does not jump."""
    now_ns = time.time_ns
    with Sandbox(clock=lambda: now_ns() // 10**6).serve() as running:
        yield running


@pytest.mark.parametrize("step", [HOUR_NS, -HOUR_NS], ids=["forward", "back"])
def test_a_clock_that_jumps_by_an_hour_in_mid_call_leaves_the_latency_right(
    colour: str,
    make_bot: MakeBot,
    sandbox: Sandbox,
    audit: Audit,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    bot = make_bot()
    bot.load_markets()
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    sandbox.inject(Fault(FaultKind.DELAY_AFTER, times=1, seconds=SECONDS))
    now_ns, now = time.time_ns, time.time
    jumped: list[int] = []

    def offset() -> int:
        # The request has arrived, its answer has not left: this is the middle of the call.
        if sandbox.arrivals and not jumped:
            jumped.append(step)
        return sum(jumped)

    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now_ns() + offset())
        patch.setattr(time, "time", lambda: now() + offset() / 10**9)
        bot.cancel_order(order_id, "LTC/BTC")
    (request,), (response,) = audit.events("request"), audit.events("response")
    assert abs(response["occurred_ns"] - request["occurred_ns"] - step) < 10 * 10**9
    keep(f"clock_{colour}_{'forward' if step > 0 else 'back'}", latency_us=response["latency_us"])
    assert SECONDS * 10**6 <= response["latency_us"] < SECONDS * 10**6 + 5 * 10**6
