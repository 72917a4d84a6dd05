"""How fast `audit export` is against a bare sqlite3 cursor that writes the same lines, and its memory.

    python -m benchmarks.history --events 10000000 --out big.db
    python -m benchmarks.exporting big.db

Each round runs the program as a process and, as a process too, the loop by hand; what they wrote is
compared byte for byte where both write jsonl. Rates are rows in a second of wall clock and, in
brackets, of CPU; medians.
"""

import argparse
import filecmp
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mexc_plugin.store.schema.tables import HISTORY_COLUMNS

EVENTS = """
import sqlite3, sys
rows = 0
with open(sys.argv[2], "w") as file:
    query = "SELECT prev_hash, hash, payload FROM cancel_audit ORDER BY writer_id, seq"
    for before, own, payload in sqlite3.connect(sys.argv[1]).execute(query):
        file.write(f'{{"prev_hash":"{before}","hash":"{own}","payload":{payload}}}\\n')
        rows += 1
print(rows)
"""
HISTORY = f"""
import json, sqlite3, sys
rows = 0
with open(sys.argv[2], "w") as file:
    cursor = sqlite3.connect(sys.argv[1]).execute(
        "SELECT {", ".join(HISTORY_COLUMNS)} FROM cancel_history ORDER BY requested_at"
    )
    names = [column[0] for column in cursor.description]
    times = [names.index(name) for name in ("requested_at", "responded_at", "reconciled_at")]
    for row in cursor:
        values = list(row)
        for index in times:
            if values[index] is not None:
                values[index] = values[index].replace(" ", "T") + "Z"
        file.write(json.dumps(dict(zip(names, values)), ensure_ascii=False) + "\\n")
        rows += 1
print(rows)
"""
HAND = {"events": EVENTS, "history": HISTORY}


@dataclass(frozen=True)
class Run:
    """wall, cpu: seconds; peak: the most memory that it had, in MB."""

    wall: float
    cpu: float
    peak: float


def process(command: list[str]) -> Run:
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"{command[:6]} failed: {running.returncode}")
    wall = time.perf_counter() - began
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def export(database: Path, what: str, target: Path) -> Run:
    url = f"sqlite:///{database.absolute()}"
    program = [sys.executable, "-m", "mexc_plugin", "audit", "export", "--force"]
    return process([*program, "--what", what, "-o", str(target), "--database-url", url])


def compared(database: Path, what: str, rounds: int, folder: Path) -> None:
    """The jsonl of both, beside each other."""
    ours, theirs = folder / "ours.jsonl", folder / "theirs.jsonl"
    runs: dict[str, list[Run]] = {"export": [], "cursor": []}
    for number in range(rounds):
        steps = (
            ("export", lambda: export(database, what, ours)),
            (
                "cursor",
                lambda: process([sys.executable, "-c", HAND[what], str(database), str(theirs)]),
            ),
        )
        for name, step in steps if number % 2 == 0 else reversed(steps):
            runs[name].append(step())
    same = (
        filecmp.cmp(ours, theirs, shallow=False) if what == "events" else _same_lines(ours, theirs)
    )
    with ours.open("rb") as file:
        rows = sum(1 for _ in file)
    wall, cpu = (
        {
            name: rows / statistics.median(getattr(run, kind) for run in found)
            for name, found in runs.items()
        }
        for kind in ("wall", "cpu")
    )
    print(
        f"{what:8} jsonl {rows:>12,} rows  export {wall['export']:>9,.0f}/s ({cpu['export']:,.0f})"
        f"  cursor {wall['cursor']:>9,.0f}/s ({cpu['cursor']:,.0f})"
        f"  ratio {wall['export'] / wall['cursor']:.2f} ({cpu['export'] / cpu['cursor']:.2f})"
        f"  peak {max(run.peak for run in runs['export']):.0f} MB  same lines: {same}"
    )


def _same_lines(ours: Path, theirs: Path) -> bool:
    """The same lines, those of one time in any order."""
    with ours.open() as one, theirs.open() as other:
        return sum(map(hash, one)) == sum(map(hash, other))


def formats(database: Path, folder: Path) -> None:
    for what in HAND:
        for name in ("csv", "jsonl.gz", "parquet"):
            target = folder / f"file.{name}"
            run = export(database, what, target)
            size = target.stat().st_size / 1e6
            print(f"{what:8} {name:8} {run.wall:8.1f} s  {size:8.1f} MB  peak {run.peak:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--formats", action="store_true", help="the other formats too, once")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.database.absolute().parent) as folder:
        for what in HAND:
            compared(given.database, what, given.rounds, Path(folder))
        if given.formats:
            formats(given.database, Path(folder))


if __name__ == "__main__":
    main()
