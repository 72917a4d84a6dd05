"""Async cancels, many at once: plain ccxt and the adapter in turns, in one run.

    python -m benchmarks.throughput [--cancels N] [--rounds N] [--delay MS] [--audit-url URL]

Each round runs each subject once at each concurrency; the figures are medians over the rounds.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from typing import Any

import ccxt.async_support
from ccxt.base.errors import BaseError

from benchmarks.subjects import SYMBOL, config, markets
from benchmarks.venue import canned
from mexc_plugin.async_support import mexc
from mexc_plugin.store import recorders

LEVELS = (1, 10, 100, 1000)


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


async def measure(
    given: argparse.Namespace, known: dict[str, Any], url: str, audit_url: str
) -> None:
    subjects = {
        "plain": ccxt.async_support.mexc(config(url)),
        "audited": mexc(config(url, audit_url)),
    }
    for exchange in subjects.values():
        exchange.set_markets(known)
        exchange.timeout_on_exit = 1
    rates: dict[tuple[str, int], list[float]] = {}
    times: dict[tuple[str, int], list[float]] = {}
    try:
        for level in LEVELS:
            for n in range(given.rounds + 1):
                for name in sorted(subjects, reverse=bool(n % 2)):
                    cancels = max(level, given.cancels if level > 1 else given.cancels // 4)
                    rate, took = await run_one(subjects[name], level, cancels)
                    if n:  # the first round warms connections up
                        rates.setdefault((name, level), []).append(rate)
                        times.setdefault((name, level), []).extend(took)
    except BaseError as error:
        raise SystemExit(f"a cancel failed: {error}") from None
    finally:
        for exchange in subjects.values():
            await exchange.close()
    report(rates, times)


def report(
    rates: dict[tuple[str, int], list[float]], times: dict[tuple[str, int], list[float]]
) -> None:
    for level in LEVELS:
        plain, audited = (statistics.median(rates[name, level]) for name in ("plain", "audited"))
        p50 = {name: statistics.median(times[name, level]) for name in ("plain", "audited")}
        p99 = {name: statistics.quantiles(times[name, level], n=100)[98] for name in p50}
        print(
            f"{level:>5} at once: plain {plain:6.0f}/s  audited {audited:6.0f}/s  {audited / plain:5.2f} x"
            f"   p50 {p50['audited'] / p50['plain']:5.2f}  p99 {p99['audited'] / p99['plain']:5.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cancels", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--audit-url")
    given = parser.parse_args()
    known = markets()
    with tempfile.TemporaryDirectory() as folder, canned(given.delay / 1000) as url:
        print(
            f"async, {given.cancels} cancels x {given.rounds} rounds, venue delay {given.delay:g} ms"
        )
        audit_url = given.audit_url or f"sqlite:///{folder}/audit.db"
        asyncio.run(measure(given, known, url, audit_url))
        recorders.close_all()  # before the folder goes


if __name__ == "__main__":
    main()
