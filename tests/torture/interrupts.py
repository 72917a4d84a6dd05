"""Signal handlers in the middle of cancels: ones that cancel, and ones that throw."""

import asyncio
import contextlib
import gc
import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import ccxt

from mexc_plugin import async_support, mexc, pro

CLASSES: dict[str, Any] = {"sync": mexc, "async": async_support.mexc, "pro": pro.mexc}
SYMBOL = "LTC/BTC"
# The handler comes at any moment of a cancel, and now and then just before or after it.
LATEST_S = 0.006
OTHERS_LOCKS = ("/queue.py", "/threading.py", "/urllib3/connectionpool.py")


class TimeLimitError(Exception):
    """What a task queue throws into its worker."""


def cancel_in_handlers(
    colour: str, config: dict[str, Any], trials: int, seed: int
) -> dict[str, int]:
    """A bot cancels for ever; the handler of an alarm cancels, too. Counts of both.

    The handler has an exchange of its own, or that of the bot, where that is a sync one.
    """
    chance = random.Random(seed)
    counts = {"handled": 0, "cancels": 0}
    own = mexc(config)
    own.load_markets()
    with _calling(colour, config) as (bot, call):
        switches = [own, bot] if colour == "sync" else [own]

        def handle(*_: object) -> None:
            with contextlib.suppress(ccxt.OrderNotFound):
                chance.choice(switches).cancel_order("8", SYMBOL, {"killSwitch": True})
            counts["handled"] += 1

        signal.signal(signal.SIGALRM, handle)
        while counts["handled"] < trials:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, LATEST_S))
            with contextlib.suppress(ccxt.OrderNotFound):
                call("cancel_order", "9", SYMBOL)
            counts["cancels"] += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
    return counts


@contextlib.contextmanager
def _calling(colour: str, config: dict[str, Any]) -> Iterator[tuple[Any, Callable[..., Any]]]:
    """An exchange with its markets, and how to call a method of it and wait."""
    exchange = CLASSES[colour](config)
    loop = asyncio.Runner() if colour != "sync" else None

    def call(name: str, *args: Any) -> Any:
        result = getattr(exchange, name)(*args)
        return loop.run(result) if loop else result

    call("load_markets")
    yield exchange, call
    if loop:
        exchange.timeout_on_exit = 1
        loop.run(exchange.close())
        loop.close()


def _is_within(frame: Any, name: str) -> bool:
    while frame is not None:
        if frame.f_code.co_name == name:
            return True
        frame = frame.f_back
    return False


def throw_into(colour: str, config: dict[str, Any], trials: int, seed: int) -> dict[str, Any]:
    """A bot cancels; the handler of an alarm throws. How often it threw, how often that was seen, and where not."""
    chance = random.Random(seed)
    counts: dict[str, Any] = {"thrown": 0, "seen": 0, "cancels": 0, "swallowed_at": []}
    where = ""

    def handle(_: int, frame: Any) -> None:
        nonlocal where
        is_in_task = colour == "sync" or _is_within(frame, "_audit_cancel_within")
        if not is_in_task or frame.f_code.co_filename.endswith(OTHERS_LOCKS):
            # A loop that is thrown into is broken, and a lock of urllib3's pool is left held, whoever uses them.
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 1e-3))
            return
        where = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
        counts["thrown"] += 1
        raise TimeLimitError

    def note_swallowed(before: int) -> None:
        if counts["thrown"] - counts["seen"] > before:
            counts["swallowed_at"].append(where)

    signal.signal(signal.SIGALRM, handle)
    gc.disable()  # what is thrown into a finaliser is lost, whoever's it is
    with _calling(colour, config) as (_, call):
        while counts["thrown"] < trials:
            missing = counts["thrown"] - counts["seen"]
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, LATEST_S))
                    with contextlib.suppress(ccxt.OrderNotFound):
                        call("cancel_order", "9", SYMBOL)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except TimeLimitError:
                counts["seen"] += 1
            counts["cancels"] += 1
            note_swallowed(missing)
            if counts["cancels"] % 200 == 0:
                gc.collect()
        began = time.monotonic()
        with contextlib.suppress(ccxt.OrderNotFound):
            call("cancel_order", "9", SYMBOL)
        counts["last_took"] = time.monotonic() - began
    return counts
