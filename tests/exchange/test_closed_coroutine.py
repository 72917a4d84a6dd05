"""A coroutine that is closed while its cancel is under way: on record, at once, and nothing of ours is raised."""

import asyncio
from typing import Any

import pytest

from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.store.write import recorders
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit, Bot, MakeBot, assert_complete

pytestmark = pytest.mark.parametrize("colour", ["async", "pro"])


async def close_when_sent(exchange: Any, sandbox: Sandbox, order_id: str) -> None:
    """Run a cancel by hand until its request has arrived, then close it."""
    cancel = exchange.cancel_order(order_id, "LTC/BTC")
    while not sandbox.arrivals:
        future = cancel.send(None)
        await asyncio.sleep(0)
        while not (sandbox.arrivals or future is None or future.done()):
            await asyncio.wait([future], timeout=0.005)
    cancel.close()


@pytest.fixture
def ready(make_bot: MakeBot, sandbox: Sandbox) -> Bot:
    bot = make_bot()
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.DELAY_AFTER, seconds=1, times=1))
    return bot


def test_its_response_is_on_record_as_unknown(ready: Bot, sandbox: Sandbox, audit: Audit) -> None:
    ready.run(close_when_sent(ready.exchange, sandbox, sandbox.place("LTCBTC", "BUY", "2", "0.002")))  # fmt: skip
    recorders.close_all()

    assert [row["outcome"] for row in audit.history()] == ["unknown"]
    assert_complete(sandbox, audit)


def test_a_recorder_that_fails_then_raises_nothing_in_the_bot(
    ready: Bot, sandbox: Sandbox, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = Writer.submit

    def fail(self: Writer, draft: Any, *rest: Any) -> Any:
        if draft["kind"] == "response":
            raise RuntimeError("out of order")
        return submit(self, draft, *rest)

    monkeypatch.setattr(Writer, "submit", fail)
    ready.run(close_when_sent(ready.exchange, sandbox, sandbox.place("LTCBTC", "BUY", "2", "0.002")))  # fmt: skip
    recorders.close_all()

    assert [row["outcome"] for row in audit.history()] == ["pending"]
    assert audit.payloads("response") == []
