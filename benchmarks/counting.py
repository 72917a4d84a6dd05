"""How long `audit stats --by day` takes on a large record, against queries by hand in the sqlite3 shell.

    python -m benchmarks.history --events 10000000 --out big.db
    python -m benchmarks.counting big.db

By hand, of the answers in the covering index, by the day of the answer: *outcomes* (a row for each day and
outcome), *figures* (a row for each day: how many, failed, unknown, longest) and, with --percentiles, those
with p50, p95 and p99 by window functions. None of them knows of reconciliations, of requests without an
answer, or of midnight between request and answer. Rounds are interleaved; medians, CPU in brackets.
"""

import argparse
import statistics
import subprocess
import sys

from benchmarks.review import process

FAILED = "'not_found', 'rejected', 'unauthorized', 'rate_limited', 'not_sent'"
DAY = "substr(occurred_at, 1, 10)"
FIGURES = f"count(*), sum(outcome IN ({FAILED})), sum(outcome = 'unknown'), max(latency_us)"
ANSWERS = "FROM cancel_audit WHERE kind = 'response'"
QUERIES = {
    "outcomes": f"SELECT {DAY} AS day, outcome, count(*) {ANSWERS} GROUP BY day, outcome",
    "figures": f"SELECT {DAY} AS day, {FIGURES} {ANSWERS} GROUP BY day",
}
PERCENTILES = f"""
WITH ranked AS (
  SELECT {DAY} AS day, outcome, latency_us, count(latency_us) OVER whole AS n,
    row_number() OVER (PARTITION BY {DAY} ORDER BY latency_us) AS rank
  {ANSWERS} AND latency_us IS NOT NULL WINDOW whole AS (PARTITION BY {DAY}))
SELECT day, {FIGURES}, min(CASE WHEN rank >= n * 0.5 THEN latency_us END),
  min(CASE WHEN rank >= n * 0.95 THEN latency_us END),
  min(CASE WHEN rank >= n * 0.99 THEN latency_us END)
FROM ranked GROUP BY day"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--percentiles", action="store_true")
    given = parser.parse_args()
    url = f"sqlite:///{given.database}"
    program = [sys.executable, "-m", "mexc_plugin", "audit", "stats", "--by", "day"]
    commands = {"audit stats --by day": [*program, "--format", "csv", "--database-url", url]}
    queries = QUERIES | ({"percentiles": PERCENTILES} if given.percentiles else {})
    shell = ["sqlite3", "-readonly", given.database]
    commands |= {name: [*shell, query] for name, query in queries.items()}
    # Once unmeasured, so that no one pays for reading the file for the others.
    for command in commands.values():
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(given.rounds):
        for name, command in commands.items():
            taken[name].append(process(command))
    report(taken)


def report(taken: dict[str, list[tuple[float, float]]]) -> None:
    """A line for each, the program's as a multiple of it."""
    ours, *_ = taken.values()
    for name, rounds in taken.items():
        wall, cpu = (statistics.median(values) for values in zip(*rounds, strict=True))
        times = statistics.median(a[0] / b[0] for a, b in zip(ours, rounds, strict=True))
        print(f"{name:22} {wall:6.2f} s ({cpu:.2f})  ours is {times:.2f} x")


if __name__ == "__main__":
    main()
