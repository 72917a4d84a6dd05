"""Every measurement of the write path, one after the other: `make bench`.

    python -m benchmarks FOLDER

Writes a JSON file for each into FOLDER; `python -m benchmarks.report FOLDER` makes the page of them.
"""

import json
import sys
from pathlib import Path

from benchmarks import durable, latency, throughput
from benchmarks.subjects import markets


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    known = markets()
    runs = {
        "durable": lambda: durable.measure(2000),
        "latency_0": lambda: latency.measure(1000, 0, known),
        "latency_50": lambda: latency.measure(500, 50, known),
        "throughput_0": lambda: throughput.measure(1000, 5, 0, known),
        "throughput_50": lambda: throughput.measure(400, 3, 50, known),
    }
    for name, run in runs.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        (folder / f"{name}.json").write_text(json.dumps(run(), indent=1))


if __name__ == "__main__":
    main()
