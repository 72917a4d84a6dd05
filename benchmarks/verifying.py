"""How many events `audit verify` reads in a second, as a whole process: of a SQLite file, and of a PostgreSQL with the same.

python -m benchmarks.verifying [--events N] [--rounds N] [--json]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.databases import NAMES, databases
from benchmarks.exporting import Run, process

WAYS = {
    "hashes alone (`--quick`)": ["--quick"],
    "with all meaning": [],
    "with all meaning, `--jobs 2`": ["--jobs", "2"],
}


def measure(events: int, rounds: int) -> dict[str, dict[str, int]]:
    """By database and way: events in a second of wall clock and of processor time, medians of rounds that take turns; MB
    at most.
    """
    runs: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as urls:
        path = Path(folder) / "history.db"
        # By other processes: what this one has in memory counts as that of the programs that it starts.
        making = ["-m", "benchmarks.history", "--events", str(events), "--out", str(path)]
        subprocess.run([sys.executable, *making], stdout=subprocess.DEVNULL, check=True)
        process([*_program("ship", path), "--to", urls["postgresql"]])
        for _ in range(rounds):
            for kind, database in (("sqlite", path), ("postgresql", urls["postgresql"])):
                for way, options in WAYS.items():
                    found = process([*_program("verify", database), *options])
                    runs.setdefault(f"{NAMES[kind]}, {way}", []).append(found)
    return {
        name: {
            "wall": round(events / statistics.median(run.wall for run in found)),
            "cpu": round(events / statistics.median(run.cpu for run in found)),
            "peak": round(max(run.peak for run in found)),
        }
        for name, found in runs.items()
    }


def _program(command: str, database: object) -> list[str]:
    return [sys.executable, "-m", "mexc_plugin", "audit", command, "--db", str(database)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.events, given.rounds)
    if given.json:
        print(json.dumps(found))
        return
    for name, each in found.items():
        print(f"{name:>40}  {each['wall']:7,}/s  {each['cpu']:7,}/s of processor time")


if __name__ == "__main__":
    main()
