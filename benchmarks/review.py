"""How long `audit list` takes on a large record, against its imports and the query by hand.

    python -m benchmarks.history --events 10000000 --out big.db
    python -m benchmarks.review big.db

Each round runs the three beside each other: the program as a process with its output in a pipe, an
interpreter that imports click and SQLAlchemy, and the query by hand over the view with the sqlite3
module. Wall clock, and CPU in brackets; medians.
"""

import argparse
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable  # noqa: TC003 - not worth a block
from contextlib import closing
from dataclasses import dataclass

PAGE = 50
IMPORTS = [sys.executable, "-c", "import click, sqlalchemy"]


@dataclass(frozen=True)
class Case:
    """The options of `audit list`, and what a person would write for them."""

    name: str
    options: str
    where: str


CASES = (
    Case("nothing", "", "1"),
    Case("a bot", "--bot grid-1", "bot = 'grid-1'"),
    Case("a rare bot", "--bot by-hand", "bot = 'by-hand'"),
    Case("a bot of long ago", "--bot grid-old", "bot = 'grid-old'"),
    Case("a symbol", "--symbol BTC/USDT", "symbol = 'BTC/USDT'"),
    Case("a rare symbol", "--symbol MX/USDC", "symbol = 'MX/USDC'"),
    Case("canceled", "--outcome canceled", "final_outcome = 'canceled'"),
    Case(
        "failed",
        "--outcome failed",
        "final_outcome IN ('not_found', 'rejected', 'unauthorized', 'rate_limited', 'not_sent')",
    ),
    Case("unresolved", "--outcome unresolved", "final_outcome IN ('unknown', 'pending')"),
    Case("unauthorized", "--outcome unauthorized", "final_outcome = 'unauthorized'"),
    Case("pending", "--outcome pending", "final_outcome = 'pending'"),
    Case("over 50 ms", "--latency-over 50ms", "latency_us > 50000"),
    Case("over 5 s", "--latency-over 5s", "latency_us > 5000000"),
    Case("until June", "--until 2026-06-01", "requested_at < '2026-06-01 00:00:00.000000'"),
)


def process(command: list[str]) -> tuple[float, float]:
    """Seconds of wall clock and of CPU that a command takes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def by_hand(path: str, where: str) -> tuple[float, float]:
    query = f"SELECT * FROM cancel_history WHERE {where} ORDER BY requested_at DESC LIMIT {PAGE}"
    began, cpu = time.perf_counter(), time.process_time()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.execute(query).fetchall()
    return time.perf_counter() - began, time.process_time() - cpu


def measured(path: str, case: Case, rounds: int) -> dict[str, list[tuple[float, float]]]:
    program = [sys.executable, "-m", "mexc_plugin", "audit", "list", *case.options.split()]
    subjects: dict[str, Callable[[], tuple[float, float]]] = {
        "list": lambda: process([*program, "--database-url", f"sqlite:///{os.path.abspath(path)}"]),  # noqa: PTH100
        "imports": lambda: process(IMPORTS),
        "query": lambda: by_hand(path, case.where),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in subjects}
    for n in range(-1, rounds):
        for name, run in subjects.items():
            took = run()
            if n >= 0:  # the first round brings what both read into memory
                found[name].append(took)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.review", description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(
        f"{'filter':>20}  {'audit list':>16}  {'imports':>16}  {'query by hand':>18}  ratio  [CPU]"
    )
    for case in CASES:
        found = measured(given.database, case, given.rounds)
        walls, cpus = (
            {name: statistics.median(times[n] for times in found[name]) for name in found}
            for n in (0, 1)
        )
        shown = "  ".join(f"{walls[name] * 1000:8.0f} [{cpus[name] * 1000:6.0f}]" for name in found)
        ratios = [each["list"] / (each["imports"] + each["query"]) for each in (walls, cpus)]
        print(f"{case.name:>20}  {shown}  {ratios[0]:5.2f}  [{ratios[1]:.2f}]", flush=True)


if __name__ == "__main__":
    main()
