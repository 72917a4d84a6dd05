"""Before aiohttp 3.12 a session has no middlewares: the guards are a switch of the session's and tracing."""

from typing import Any

import ccxt
import pytest

from mexc_plugin.exchange.transport import aiohttp_guard
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from tests.conftest import Audit, Bot, MakeBot

SYMBOL = "LTC/BTC"


@pytest.fixture
def colour() -> str:
    return "async"


@pytest.fixture
def ready(make_bot: MakeBot, monkeypatch: pytest.MonkeyPatch) -> Bot:
    """A bot whose sessions are guarded as those of an old aiohttp."""
    guard = aiohttp_guard.guard

    def guard_as_before(session: Any) -> bool:
        kept = session.__dict__.pop("_middlewares", ())
        try:
            return guard(session)
        finally:
            session._middlewares = kept

    monkeypatch.setattr(aiohttp_guard, "guard", guard_as_before)
    bot = make_bot()
    bot.load_markets()
    return bot


def place(sandbox: Sandbox) -> str:
    return sandbox.place("LTCBTC", "BUY", "2", "0.002")


def test_a_cancel_is_sent_once_and_guarded_once(ready: Bot, sandbox: Sandbox, audit: Audit) -> None:
    orders = [ready.cancel_order(place(sandbox), SYMBOL) for _ in range(2)]

    assert [order["status"] for order in orders] == ["canceled", "canceled"]
    assert [row["outcome"] for row in audit.history()] == ["canceled", "canceled"]
    session = ready.exchange.session
    assert len(session.trace_configs) == 1
    assert not session._middlewares


def test_a_closed_port_is_proof_that_nothing_was_sent(
    ready: Bot, audit: Audit, unused_tcp_port: int
) -> None:
    ready.exchange.urls["api"]["spot"]["private"] = f"http://127.0.0.1:{unused_tcp_port}"

    with pytest.raises(ccxt.NetworkError):
        ready.cancel_order("4", SYMBOL)

    assert [row["outcome"] for row in audit.history()] == ["not_sent"]


def test_a_kept_alive_connection_that_drops_is_no_reason_to_send_again(
    ready: Bot, sandbox: Sandbox, audit: Audit
) -> None:
    sandbox.inject(Fault(FaultKind.DROP_KEPT_ALIVE, times=1))

    with pytest.raises(ccxt.NetworkError):
        ready.cancel_order(place(sandbox), SYMBOL)

    assert len(sandbox.arrivals) == 1
    assert [row["outcome"] for row in audit.history()] == ["unknown"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    ready: Bot, sandbox: Sandbox, audit: Audit, status: int
) -> None:
    sandbox.inject(Fault(FaultKind.REDIRECT, status=status, times=1))

    with pytest.raises(ccxt.BaseError):
        ready.cancel_order(place(sandbox), SYMBOL)

    assert [(row["outcome"], row["http_status"]) for row in audit.history()] == [("unknown", status)]  # fmt: skip
