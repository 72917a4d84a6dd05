"""Async cancels, many at once: plain ccxt and the adapter on each database in turns, in one run.

    python -m benchmarks.throughput [--cancels N] [--rounds N] [--delay MS]

Each round runs each subject once at each concurrency; the figures are medians over the rounds.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import ccxt.async_support
from ccxt.base.errors import BaseError

from benchmarks.databases import NAMES, databases
from benchmarks.figures import p99
from benchmarks.subjects import SYMBOL, config, markets
from benchmarks.venue import canned
from mexc_plugin.async_support import mexc

LEVELS = (1, 10, 100, 1000)
PLAIN = "plain ccxt"

Figures = dict[int, dict[str, dict[str, float]]]


async def run_one(exchange: Any, concurrency: int, cancels: int) -> tuple[float, list[float]]:
    """Cancels per second, and how long each took."""
    waiting = iter(range(cancels))
    took: list[float] = []

    async def work() -> None:
        for n in waiting:
            started = time.perf_counter()
            await exchange.cancel_order(str(10**6 + n), SYMBOL)
            took.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return cancels / (time.perf_counter() - started), took


async def take_turns(exchanges: dict[str, Any], cancels: int, rounds: int) -> Figures:
    found: Figures = {}
    names = list(exchanges)
    for level in LEVELS:
        count = max(level, cancels if level > 1 else cancels // 4)
        rates: dict[str, list[float]] = {name: [] for name in names}
        times: dict[str, list[float]] = {name: [] for name in names}
        for n in range(-1, rounds):
            for name in names[n % len(names) :] + names[: n % len(names)]:
                rate, took = await run_one(exchanges[name], level, count)
                if n >= 0:  # the first round warms connections up
                    rates[name].append(rate)
                    times[name] += took
        found[level] = {
            name: {
                "rate": round(statistics.median(rates[name])),
                "of_plain": round(statistics.median(rates[name]) / statistics.median(rates[PLAIN]), 2),
                "p50": round(statistics.median(times[name]) / statistics.median(times[PLAIN]), 2),
                "p99": round(p99(times[name]) / p99(times[PLAIN]), 2),
            }
            for name in names
        }  # fmt: skip
    return found


async def _run(urls: dict[str, str], url: str, known: Any, cancels: int, rounds: int) -> Figures:
    exchanges: dict[str, Any] = {PLAIN: ccxt.async_support.mexc(config(url))}
    exchanges |= {NAMES[kind]: mexc(config(url, audit)) for kind, audit in urls.items()}
    for exchange in exchanges.values():
        exchange.set_markets(known)
        exchange.timeout_on_exit = 1
    try:
        return await take_turns(exchanges, cancels, rounds)
    except BaseError as error:
        raise SystemExit(f"a cancel failed: {error}") from None
    finally:
        for exchange in exchanges.values():
            await exchange.close()


def measure(cancels: int, rounds: int, delay_ms: float, known: dict[str, Any]) -> Figures:
    """By concurrency and subject: cancels a second, and p50 and p99 as multiples of plain ccxt's."""
    with (
        tempfile.TemporaryDirectory() as folder,
        canned(delay_ms / 1000) as url,
        databases(Path(folder)) as urls,
    ):
        return asyncio.run(_run(urls, url, known, cancels, rounds))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cancels", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay", type=float, default=0.0)
    given = parser.parse_args()
    found = measure(given.cancels, given.rounds, given.delay, markets())
    print(f"async, {given.cancels} cancels x {given.rounds} rounds, delay {given.delay:g} ms")
    for level, subjects in found.items():
        for name, each in subjects.items():
            print(
                f"{level:>5} at once  {name:>12} {each['rate']:6}/s  {each['of_plain']:5.2f} x"
                f"   p50 {each['p50']:5.2f} x  p99 {each['p99']:5.2f} x"
            )


if __name__ == "__main__":
    main()
