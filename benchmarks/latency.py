"""Paired and interleaved: plain ccxt, audited, naive, and the machine's own append + fdatasync.

    python -m benchmarks.latency [--rounds N] [--delay MS] [--audit-url URL]

Every round runs each subject once, in rotated order, so that what disturbs the machine disturbs all.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ccxt

from benchmarks.subjects import SYMBOL, config, markets, naive_recorder
from benchmarks.venue import canned
from mexc_plugin import mexc
from mexc_plugin.store import recorders

EVENT = b"x" * 1600


def appender(folder: Path) -> Callable[[int], None]:
    fd = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append(_n: int) -> None:
        os.write(fd, EVENT)
        os.fdatasync(fd)

    return append


def measure(subjects: dict[str, Callable[[int], object]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in subjects}
    names = list(subjects)
    for n in range(-20, rounds):
        for name in names[n % len(names) :] + names[: n % len(names)]:
            started = time.perf_counter()
            subjects[name](n)
            if n >= 0:
                times[name].append(time.perf_counter() - started)
    return times


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--audit-url")
    given = parser.parse_args()
    known = markets()
    with tempfile.TemporaryDirectory() as name, canned(given.delay / 1000) as url:
        folder = Path(name)
        naive_url = f"sqlite:///{folder}/naive.db"
        exchanges = {
            "plain": ccxt.mexc(config(url)),
            "audited": mexc(config(url, given.audit_url or f"sqlite:///{folder}/audit.db")),
            "naive": naive_recorder(naive_url)(config(url)),
        }
        subjects: dict[str, Callable[[int], object]] = {}
        for label, exchange in exchanges.items():
            exchange.set_markets(known)
            subjects[label] = lambda n, e=exchange: e.cancel_order(str(n + 1000), SYMBOL)
        subjects["append + fdatasync"] = appender(folder)
        times = measure(subjects, given.rounds)
        recorders.close_all()  # before the folder goes
    plain = times["plain"]
    print(f"sync, {given.rounds} rounds, venue delay {given.delay:g} ms")
    for label, values in times.items():
        middle, high = statistics.median(values), p99(values)
        print(
            f"{label:>20}  p50 {middle * 1e6:8.0f} us  p99 {high * 1e6:8.0f} us"
            f"  p50/plain {middle / statistics.median(plain):5.2f}  p99/plain {high / p99(plain):5.2f}"
        )


if __name__ == "__main__":
    main()
