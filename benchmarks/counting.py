"""How long `audit stats` takes on a large record, against the same GROUP BY by hand in the sqlite3 shell.

    python -m benchmarks.history --events 10000000 --out big.db
    python -m benchmarks.counting big.db

By hand: of each group the outcomes and latencies, as exact percentiles need them. Rounds are interleaved; medians, CPU
in brackets.
"""

import argparse
import statistics
import subprocess
import sys

from benchmarks.review import process

GROUPS = {"day": "substr(requested_at, 1, 10)", "symbol": "symbol", "outcome": "final_outcome"}
QUERY = (
    "SELECT {key} AS key, final_outcome, latency_us, count(*) FROM cancel_history "
    "GROUP BY key, final_outcome, latency_us"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    url = f"sqlite:///{given.database}"
    program = [sys.executable, "-m", "mexc_plugin", "audit", "stats", "--format", "csv"]
    for by, key in GROUPS.items():
        ours = [*program, "--by", by, "--database-url", url]
        hand = ["sqlite3", "-readonly", given.database, QUERY.format(key=key)]
        # Once unmeasured, so that no one pays for reading the file for the others.
        for command in (ours, hand):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        pairs = [(process(ours), process(hand)) for _ in range(given.rounds)]
        report(f"audit stats --by {by}", pairs)


def report(name: str, pairs: list[tuple[tuple[float, float], tuple[float, float]]]) -> None:
    """A line: the program, the query by hand, and how many times as long the program took."""
    words = []
    for taken in zip(*pairs, strict=True):
        wall, cpu = (statistics.median(values) for values in zip(*taken, strict=True))
        words.append(f"{wall:6.2f} s ({cpu:.2f})")
    times = statistics.median(ours[0] / hand[0] for ours, hand in pairs)
    print(f"{name:24} {words[0]}  by hand {words[1]}  {times:.2f} x", flush=True)


if __name__ == "__main__":
    main()
