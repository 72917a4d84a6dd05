"""How many events `audit verify` reads in a second, as a whole process, of a SQLite file.

python -m benchmarks.verifying [--events N] [--rounds N]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.exporting import Run, process

WAYS = {
    "hashes alone (`--quick`)": ["--quick"],
    "with all meaning": [],
    "with all meaning, `--jobs 2`": ["--jobs", "2"],
}


def measure(events: int, rounds: int) -> dict[str, dict[str, int]]:
    """By way: events in a second of wall clock and of processor time, medians of rounds that take turns; MB at most."""
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.db"
        # By another process: what this one had in memory would count as that of the programs that it starts.
        making = ["-m", "benchmarks.history", "--events", str(events), "--out", str(path)]
        subprocess.run([sys.executable, *making], stdout=subprocess.DEVNULL, check=True)
        program = [sys.executable, "-m", "mexc_plugin", "audit", "verify", "--db", str(path)]
        for _ in range(rounds):
            for way, options in WAYS.items():
                runs[way].append(process([*program, *options]))
    return {
        way: {
            "wall": round(events / statistics.median(run.wall for run in found)),
            "cpu": round(events / statistics.median(run.cpu for run in found)),
            "peak": round(max(run.peak for run in found)),
        }
        for way, found in runs.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for way, each in measure(given.events, given.rounds).items():
        print(f"{way:>30}  {each['wall']:7,}/s  {each['cpu']:7,}/s of processor time")


if __name__ == "__main__":
    main()
