"""One cancel after the other, sync: plain ccxt, the adapter on each database, and the naive recorder.

python -m benchmarks.latency [--rounds N] [--delay MS]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import ccxt

from benchmarks.databases import NAMES, databases
from benchmarks.figures import Subjects, show, summary, take_turns
from benchmarks.subjects import SYMBOL, config, markets, naive_recorder
from benchmarks.venue import canned
from mexc_plugin import mexc


def measure(rounds: int, delay_ms: float, known: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By subject, as multiples of plain ccxt's. delay_ms: of the venue before it answers."""
    with tempfile.TemporaryDirectory() as name, canned(delay_ms / 1000) as url:
        folder = Path(name)
        with databases(folder) as urls:
            exchanges = {"plain ccxt": ccxt.mexc(config(url))}
            exchanges |= {NAMES[kind]: mexc(config(url, audit)) for kind, audit in urls.items()}
            exchanges["naive"] = naive_recorder(f"sqlite:///{folder}/naive.db")(config(url))
            subjects: Subjects = {}
            for label, exchange in exchanges.items():
                exchange.set_markets(known)
                subjects[label] = lambda n, e=exchange: e.cancel_order(str(n + 1000), SYMBOL)
            times = take_turns(subjects, rounds)
    return summary(times, "plain ccxt")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--delay", type=float, default=0.0)
    given = parser.parse_args()
    found = measure(given.rounds, given.delay, markets())
    show(f"sync, {given.rounds} rounds, venue delay {given.delay:g} ms", found)


if __name__ == "__main__":
    main()
