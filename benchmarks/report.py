"""Writes docs/performance.md from the figures of `make bench`.

python -m benchmarks.report FOLDER
"""

import datetime as dt
import json
import os
import platform
import sqlite3
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
TEMPLATE = Path(__file__).with_name("performance.md.in")
NOT_MEASURED = "not measured"


def page(found: dict[str, Any], printed: dict[str, str]) -> str:
    """The page, of figures and of tables as they were printed; what was not measured says so."""
    values: defaultdict[str, str] = defaultdict(lambda: NOT_MEASURED)
    values |= {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "ccxt": version("ccxt"),
        "sqlalchemy": version("sqlalchemy"),
        **{name: _latency(each) for name, each in found.items() if name.startswith("latency")},
        **{name: _rates(each) for name, each in found.items() if name.startswith("throughput")},
        **{name: _latency(found[name]) for name in found if name == "durable"},
        **{name: _shipping(found[name]) for name in found if name == "shipping"},
        **{name: _verifying(found[name]) for name in found if name == "verifying"},
        **{f"fleet_{n}": table(*rows) for n, rows in found.get("capacity", {}).items()},
        **{name: f"```text\n{text.rstrip()}\n```" for name, text in printed.items()},
    }
    return Template(TEMPLATE.read_text()).substitute(values)


def _latency(found: dict[str, Any]) -> str:
    rows = [
        [
            name,
            _time(each["p50_us"]),
            f"{each['p50']:.2f}",
            _time(each["p99_us"]),
            f"{each['p99']:.2f}",
        ]
        for name, each in found.items()
    ]
    return table(["", "p50", "× first row", "p99", "× first row"], rows)


def _rates(found: dict[str, Any]) -> str:
    names = list(next(iter(found.values())))
    rows = [
        [level, *(f"{each[name]['rate']:,}/s ({each[name]['of_plain']:.2f})" for name in names)]
        for level, each in found.items()
    ]
    return table(["at once", *names], rows)


def _shipping(found: dict[str, Any]) -> str:
    rows = [[name, f"{each['rate']:,}/s", f"{each['cpu_us']} µs"] for name, each in found.items()]
    return table(["target", "events", "processor time of the shipper, an event"], rows)


def _verifying(found: dict[str, Any]) -> str:
    rows = [
        [name, *(f"{each[kind]:,}/s" for kind in ("wall", "cpu")), f"{each['peak']} MB"]
        for name, each in found.items()
    ]
    return table(["", "events", "of processor time", "memory of a process"], rows)


def _time(microseconds: int) -> str:
    return f"{microseconds:,} µs" if microseconds < 10_000 else f"{microseconds / 1000:.1f} ms"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    folder = Path(sys.argv[1])
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    printed = {path.stem: path.read_text() for path in sorted(folder.glob("*.txt"))}
    PAGE.write_text(page(found, printed))


if __name__ == "__main__":
    main()
