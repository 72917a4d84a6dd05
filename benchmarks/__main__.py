"""Every measurement, one after the other: `make bench`.

    python -m benchmarks FOLDER [RECORD]

Writes a file for each into FOLDER; `python -m benchmarks.report FOLDER` makes the page of them.
RECORD: a large record of `python -m benchmarks.history`, for reviewing; without one that is left out.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import capacity, durable, latency, shipping, throughput
from benchmarks.subjects import markets

# What reviewing costs: modules whose output is the table, and what they are told.
OF_A_RECORD = {
    "review": ["--rounds", "3"],
    "counting": ["--rounds", "3"],
    "exporting": ["--rounds", "1"],
}


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 2:
        measure_reviewing(folder, sys.argv[2])
    known = markets()
    runs = {
        "capacity": lambda: capacity.measure_all(10_000),
        "durable": lambda: durable.measure(2000),
        "latency_0": lambda: latency.measure(1000, 0, known),
        "latency_50": lambda: latency.measure(500, 50, known),
        "latency_shipping": lambda: shipping.measure_latency(20, known),
        "shipping": lambda: shipping.measure_rates(100_000),
        "throughput_0": lambda: throughput.measure(1000, 5, 0, known),
        "throughput_50": lambda: throughput.measure(400, 3, 50, known),
        "verifying": measure_verifying,
    }
    for name, run in runs.items():
        say(name)
        (folder / f"{name}.json").write_text(json.dumps(run(), indent=1))


def measure_verifying() -> Any:
    """By a process of its own, which has little in memory that would count as that of what it starts."""
    command = [sys.executable, "-m", "benchmarks.verifying", "--json"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def measure_reviewing(folder: Path, record: str) -> None:
    commands = {name: [record, *options] for name, options in OF_A_RECORD.items()}
    commands["history_cost"] = []
    for name, arguments in commands.items():
        say(name)
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        (folder / f"{name}.txt").write_text(done.stdout)


def say(name: str) -> None:
    print(f"{name} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
