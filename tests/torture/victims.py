"""What runs in the processes that are killed or frozen: bots that cancel, and nothing else."""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import ccxt
import platformdirs
from sqlalchemy.dialects import sqlite

from mexc_plugin import async_support, mexc
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write import recorders, writer
from mexc_plugin.store.write.spool import spool_file

# What is imported as late as the first cancel, is imported here: a forked process has it then.
WARM = (
    async_support.mexc,
    migrate,
    platformdirs.user_state_path,
    spool_file,
    sqlite.dialect,
    writer,
)

SYMBOL = "LTC/BTC"
TASKS = 5
Returned = Callable[[str], object]


def ids(orders: list[str]) -> Iterator[str]:
    """The orders that are there, then ones that never were: those are cancels as well."""
    yield from orders
    for n in itertools.count():
        yield f"9{n:017d}"


def cancel_for_ever(colour: str, config: dict[str, Any], orders: list[str], heard: str) -> None:
    """Cancel until killed: one after the other, in five threads, or in five tasks.

    heard: a file that takes the order's id when its cancel has returned, a line each.
    """
    file = os.open(heard, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def returned(order_id: str) -> None:
        # In one call: what the kernel was given survives the process.
        os.write(file, f"{order_id}\n".encode())

    if colour == "async":
        asyncio.run(_cancel_for_ever(config, ids(orders), returned))
    elif colour == "sync":
        _cancel_each(mexc(config), ids(orders), returned)
    else:
        # Each has a session of its own, as ccxt's sync class asks for; the writer is one for all.
        parts = [iter([*orders[n::TASKS], *strangers(n)]) for n in range(TASKS)]
        exchanges = [mexc(config) for _ in parts]
        exchanges[0].load_markets()
        for exchange in exchanges[1:]:
            exchange.set_markets(exchanges[0].markets)
        pool = ThreadPoolExecutor(TASKS)
        running = [
            pool.submit(_cancel_each, *work, returned)
            for work in zip(exchanges, parts, strict=True)
        ]
        for done in as_completed(running):
            done.result()


def strangers(thread: int) -> list[str]:
    """Orders that never were, for a thread of its own."""
    return [f"8{thread}{n:016d}" for n in range(20_000)]


def _cancel_each(exchange: Any, order_ids: Iterator[str], returned: Returned) -> None:
    for order_id in order_ids:
        with contextlib.suppress(ccxt.BaseError):
            exchange.cancel_order(order_id, SYMBOL)
        returned(order_id)


async def _cancel_for_ever(
    config: dict[str, Any], order_ids: Iterator[str], returned: Returned
) -> None:
    exchange = async_support.mexc(config)
    await exchange.load_markets()

    async def work() -> None:
        for order_id in order_ids:
            with contextlib.suppress(ccxt.BaseError):
                await exchange.cancel_order(order_id, SYMBOL)
            returned(order_id)

    await asyncio.gather(*(work() for _ in range(TASKS)))


def paced(colour: str, config: dict[str, Any], orders: list[str], pause: float) -> dict[str, Any]:
    """Cancel at a steady pace; return when each cancel began (monotonic), how long it took, lag."""
    if colour == "sync":
        return _paced(config, orders, pause)
    return asyncio.run(_paced_async(config, orders, pause))


def _paced(config: dict[str, Any], orders: list[str], pause: float) -> dict[str, Any]:
    exchange = mexc(config)
    exchange.load_markets()
    taken = []
    for order_id in orders:
        started = time.monotonic()
        exchange.cancel_order(order_id, SYMBOL)
        taken.append((started, time.monotonic() - started))
        time.sleep(pause)
    recorders.close_all()
    return {"taken": taken, "lags": []}


async def _paced_async(config: dict[str, Any], orders: list[str], pause: float) -> dict[str, Any]:
    exchange = async_support.mexc(config)
    await exchange.load_markets()
    taken: list[tuple[float, float]] = []

    async def one(order_id: str) -> None:
        started = time.monotonic()
        await exchange.cancel_order(order_id, SYMBOL)
        taken.append((started, time.monotonic() - started))

    lags: list[tuple[float, float]] = []
    watch = asyncio.create_task(_watch(lags))
    tasks = []
    for order_id in orders:
        tasks.append(asyncio.create_task(one(order_id)))
        await asyncio.sleep(pause)
    await asyncio.gather(*tasks)
    watch.cancel()
    exchange.timeout_on_exit = 1
    await exchange.close()
    await asyncio.to_thread(recorders.close_all)
    return {"taken": taken, "lags": lags}


async def _watch(lags: list[tuple[float, float]], every: float = 0.005) -> None:
    """How much later than asked for the loop comes back, again and again."""
    while True:
        started = time.monotonic()
        await asyncio.sleep(every)
        lags.append((started, time.monotonic() - started - every))


def many_at_once(config: dict[str, Any], orders: list[str]) -> int:
    """Every order cancelled concurrently on one loop; returns how many were."""

    async def run() -> int:
        exchange = async_support.mexc(config)
        await exchange.load_markets()
        done = await asyncio.gather(*(exchange.cancel_order(o, SYMBOL) for o in orders))
        exchange.timeout_on_exit = 1
        await exchange.close()
        return len(done)

    count = asyncio.run(run())
    recorders.close_all()
    return count


def cancel_all_of(config: dict[str, Any], orders: list[str]) -> int:
    """Every order cancelled, one after the other."""
    exchange = mexc(config)
    for order_id in orders:
        exchange.cancel_order(order_id, SYMBOL)
    exchange.session.close()
    recorders.close_all()
    return len(orders)


def started_late(colour: str, config: dict[str, Any], orders: list[str]) -> dict[str, float]:
    """Build an exchange and cancel; ends without closing, as its database does not answer."""

    async def run() -> dict[str, float]:
        begun = time.monotonic()
        exchange = async_support.mexc(config)
        built = time.monotonic() - begun
        await exchange.load_markets()
        longest = 0.0
        for order_id in orders:
            started = time.monotonic()
            await exchange.cancel_order(order_id, SYMBOL)
            longest = max(longest, time.monotonic() - started)
        exchange.timeout_on_exit = 1
        await exchange.close()
        return {"built": built, "longest": longest}

    if colour == "async":
        return asyncio.run(run())
    begun = time.monotonic()
    exchange = mexc(config)
    built = time.monotonic() - begun
    exchange.load_markets()
    longest = 0.0
    for order_id in orders:
        started = time.monotonic()
        exchange.cancel_order(order_id, SYMBOL)
        longest = max(longest, time.monotonic() - started)
    return {"built": built, "longest": longest}
