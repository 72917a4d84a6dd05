"""A cancel that a signal handler or a finaliser makes in the middle of another: of its own, on record, and it breaks nothing."""

import contextvars
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin import mexc
from mexc_plugin.exchange.context import SCOPE
from mexc_plugin.sandbox import Sandbox
from tests import warm
from tests.conftest import Audit, Bot, MakeBot, assert_complete

SYMBOL = "LTC/BTC"


@pytest.fixture
def switch(sandbox: Sandbox, audit: Audit) -> Iterator[Any]:
    """The handler's own exchange: always of the sync class, as a handler cannot await."""
    options = {"audit": {"url": audit.url}}
    exchange = mexc({**sandbox.ccxt_config(), "options": options})
    before = signal.getsignal(signal.SIGUSR1)
    yield exchange
    signal.signal(signal.SIGUSR1, before)
    exchange.session.close()


@pytest.mark.parametrize("moment", ["sign", "on_rest_response"])
def test_what_a_handler_asks_of_its_cancel_is_heeded(
    make_bot: MakeBot, switch: Any, sandbox: Sandbox, audit: Audit, moment: str, caplog
) -> None:
    bot = make_bot()
    bot.load_markets()
    switch.load_markets()
    mine, others = (sandbox.place("LTCBTC", "BUY", "2", "0.002") for _ in range(2))
    original = getattr(bot.exchange, moment)
    answers: list[Any] = []

    def interrupt(*given: Any, **more: Any) -> Any:
        setattr(bot.exchange, moment, original)
        signal.raise_signal(signal.SIGUSR1)
        return original(*given, **more)

    def handle(*_: object) -> None:
        answers.append(switch.cancel_order(others, SYMBOL, {"recvWindow": 6_000}))

    signal.signal(signal.SIGUSR1, handle)
    setattr(bot.exchange, moment, interrupt)
    assert bot.cancel_order(mine, SYMBOL)["status"] == "canceled"

    assert [(order["id"], order["status"]) for order in answers] == [(others, "canceled")]
    assert {a.params["orderId"]: str(a.params["recvWindow"]) for a in sandbox.arrivals} == {
        mine: str(bot.exchange.options["recvWindow"]),
        others: "6000",
    }
    assert_complete(sandbox, audit)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# A handler comes while the bot's thread holds the lock of its connection pool, and uses the same exchange.
SAME_EXCHANGE = """
import json, signal, sys
import urllib3
from mexc_plugin import mexc
config, mine, others, call = json.loads(sys.argv[1])
exchange = mexc(config)
exchange.load_markets()
original = urllib3.HTTPConnectionPool._get_conn
answers = []

def handle(*_):
    answers.append(exchange.cancel_order(others, "LTC/BTC", {"killSwitch": True}))

def interrupted(pool, *args, **kwargs):
    urllib3.HTTPConnectionPool._get_conn = original
    with pool.pool.mutex:
        signal.raise_signal(signal.SIGUSR1)
    return original(pool, *args, **kwargs)

signal.signal(signal.SIGUSR1, handle)
urllib3.HTTPConnectionPool._get_conn = interrupted
if call == "cancel_order":
    answers.append(exchange.cancel_order(mine, "LTC/BTC"))
else:
    exchange.fetch_time()
print(*[order["id"] for order in answers])
"""


@pytest.mark.parametrize("call", ["cancel_order", "fetch_time"])
def test_a_handler_may_cancel_with_the_exchange_that_it_interrupts(
    sandbox: Sandbox, audit: Audit, call: str
) -> None:
    options = {"audit": {"url": audit.url}}
    config = {**sandbox.ccxt_config(), "enableRateLimit": False, "options": options}
    ids = [sandbox.place("LTCBTC", "BUY", "2", "0.002") for _ in range(2)]
    given = json.dumps([config, *ids, call])
    done = warm.run("-c", SAME_EXCHANGE, given)
    expected = [ids[1], ids[0]] if call == "cancel_order" else [ids[1]]
    assert done.stdout.split() == expected, done.stderr
    assert_complete(sandbox, audit)


@pytest.mark.parametrize("moment", ["sign", "on_rest_response"])
def test_what_a_handler_cancels_is_no_attempt_of_what_it_interrupts(
    make_bot: MakeBot, switch: Any, sandbox: Sandbox, audit: Audit, moment: str
) -> None:
    bot = make_bot()
    bot.load_markets()
    mine, others = (sandbox.place("LTCBTC", "BUY", "2", "0.002") for _ in range(2))
    original = getattr(bot.exchange, moment)

    def interrupt(*given: Any, **more: Any) -> Any:
        setattr(bot.exchange, moment, original)
        signal.raise_signal(signal.SIGUSR1)
        return original(*given, **more)

    signal.signal(
        signal.SIGUSR1,
        lambda *_: switch.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": others}),
    )
    setattr(bot.exchange, moment, interrupt)
    bot.cancel_order(mine, SYMBOL, {"recvWindow": 7_000})

    assert_complete(sandbox, audit)
    assert sorted(
        (row["order_id"], row["attempt"], row["outcome"]) for row in audit.history()
    ) == sorted([(mine, 1, "canceled"), (others, 1, "canceled")])
    assert len({row["cancel_id"] for row in audit.history()}) == 2
    assert {a.params["orderId"]: str(a.params["recvWindow"]) for a in sandbox.arrivals} == {
        mine: "7000",
        others: str(switch.options["recvWindow"]),
    }


@pytest.mark.parametrize("colour", ["sync"])
def test_a_sync_cancel_sets_nothing_in_the_context_of_its_caller_but_what_the_bot_sets(
    bot: Bot, sandbox: Sandbox
) -> None:
    theirs: contextvars.ContextVar[str] = contextvars.ContextVar("theirs", default="")
    callers = contextvars.copy_context()
    seen: list[object] = []
    original = bot.exchange.on_rest_response

    def look(*given: Any) -> Any:
        seen.append((callers.get(SCOPE), SCOPE.get() is not None))
        theirs.set("the bot's own")
        return original(*given)

    bot.load_markets()
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
    bot.exchange.on_rest_response = look
    callers.run(bot.cancel_order, order_id, SYMBOL)
    assert seen == [(None, True)]
    assert callers.get(theirs) == "the bot's own"


# The collector comes while a variable is set, and a finaliser cancels: ended by SIGSEGV up to Python 3.11.
COLLECTED = """
import contextvars, gc, json, sys
import ccxt
from mexc_plugin import mexc
exchange = mexc(json.loads(sys.argv[1]))
exchange.load_markets()
own = [contextvars.ContextVar(str(n)) for n in range(40)]
finalised = 0

class Position:
    def __init__(self):
        self.circle = self
    def __del__(self):
        global finalised
        gc.disable()
        try:
            exchange.cancel_order("9", "LTC/BTC")
        except ccxt.OrderNotFound:
            finalised += 1
        self.others = [bytearray(size) for size in range(16, 400, 8) for _ in range(20)]

for variable in own:
    variable.set(object())
gc.collect()
gc.freeze()
for n in range(150):
    set_it = own[n % 40].set
    gc.disable()
    Position()
    gc.set_threshold(1 + n % 12)
    gc.enable()
    set_it(n)
    gc.disable()
    gc.set_threshold(700)
    gc.collect()
print(finalised)
"""


def test_a_finaliser_that_cancels_while_a_context_variable_is_set_ends_nothing(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    options = {"audit": {"url": f"sqlite:///{tmp_path / 'audit.db'}"}}
    config = {**sandbox.ccxt_config(), "enableRateLimit": False, "options": options}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", COLLECTED, json.dumps(config)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "150\n"), done.stderr
