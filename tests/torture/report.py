"""Writes docs/reliability.md from the figures of the long forms.

python -m tests.torture.report FIGURES_FOLDER
"""

import datetime as dt
import json
import os
import platform
import sqlite3
import sys
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
TEMPLATE = Path(__file__).with_name("reliability.md.in")
BACKENDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
NOT_RUN = "not run"

Figures = dict[str, dict[str, Any]]


class Values(dict[str, str]):
    """What was not measured says so."""

    def __missing__(self, key: str) -> str:
        return NOT_RUN


def read(folder: Path) -> Figures:
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def page(found: Figures) -> str:
    """The page, from the figures of each run by name."""
    values = Values(
        {
            f"{name}_{key}": shown(value)
            for name, each in found.items()
            for key, value in each.items()
        }
    )
    values |= {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "ccxt": version("ccxt"),
        "concurrency": concurrency(found),
        "migrating": migrating(found),
        "frozen": frozen(found),
        "clusters": clusters(found),
        "frozen_seconds": of_any(found, "frozen_", "seconds"),
        "tolerance": of_any(found, "frozen_", "tolerance_ms"),
        "late": late(found),
        "latency": latency(found),
        "kill_switches": kill_switches(found),
        "interrupts": interrupts(found),
        "clock": clock(found),
    }
    return Template(TEMPLATE.read_text()).substitute(values)


def shown(value: Any) -> str:
    """A number with thousands; a list by its length."""
    if isinstance(value, list):
        return str(len(value))
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores and {memory:.0f} GiB"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if rows else NOT_RUN


def by_backend(found: Figures, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (BACKENDS[name], found[f"{prefix}_{name}"])
        for name in BACKENDS
        if f"{prefix}_{name}" in found
    ]


def concurrency(found: Figures) -> str:
    processes = [
        [
            name,
            f"{each['processes']} processes",
            shown(each["cancels"]),
            shown(each["spooled"]),
            f"{shown(each['longest_ms'])} ms",
            f"{shown(each['seconds'])} s",
        ]
        for name, each in by_backend(found, "processes")
    ]
    words = {
        "threads": "16 threads of one process",
        "tasks": "tasks of one loop, all at once",
        "prefork": "8 forked children, their parent closed meanwhile",
        "bots": "8 bots, the whole adapter",
    }
    others = [
        [name, what, shown(each["cancels"]), "", f"{shown(each['longest_ms'])} ms" if "longest_ms" in each else "", ""]
        for prefix, what in words.items()
        for name, each in by_backend(found, prefix)
    ]  # fmt: skip
    head = ["database", "who", "cancels", "events that were spooled first", "longest event", "time"]
    return table(head, processes + others)


def migrating(found: Figures) -> str:
    words = {"two": "two new records", "beside": "a new record, and the bot's `alembic upgrade`"}
    rows = [
        [name, what, shown(each["runs"]), shown(each["faults"])]
        for key, what in words.items()
        for name, each in by_backend(found, f"migrating_{key}")
    ]
    return table(["database", "at the same moment, in two threads", "runs", "with a fault"], rows)


def latency(found: Figures) -> str:
    words = {
        "database": "the database's files",
        "spool": "the spool's files",
        "both": "both",
        **{name: f"the connections to {BACKENDS[name]}" for name in ("postgresql", "mariadb")},
    }
    rows = []
    for name, what in words.items():
        cases = [each for key, each in found.items() if key.startswith(f"latency_{name}-")]
        if cases:
            longest = max(each["longest"] for each in cases) * 1_000
            rows.append([what, shown(len(cases)), f"{longest:.0f} ms"])
    return table(["what takes long", "cases", "longest cancel"], rows)


def kill_switches(found: Figures) -> str:
    rows = [
        [colour, shown(each["handled"]), shown(each["cancels"])]
        for colour in ("sync", "async", "pro")
        if (each := found.get(f"kill_switch_{colour}"))
    ]
    return table(["class", "handlers that cancelled", "cancels of the bot"], rows)


def interrupts(found: Figures) -> str:
    rows = [
        [
            colour,
            shown(each["thrown"]),
            shown(each["thrown"] - each["seen"]),
            shown(sum("mexc_plugin" in where for where in each["swallowed_at"])),
        ]
        for colour in ("sync", "async", "pro")
        if (each := found.get(f"interrupts_{colour}"))
    ]
    return table(["class", "thrown", "swallowed by a library", "swallowed by this program"], rows)


def frozen(found: Figures) -> str:
    rows = [
        [
            BACKENDS[name],
            colour,
            shown(each["met"]),
            f"{each['longest']} ms",
            f"{each['longest_before']} ms",
            shown(each["late"]),
            f"{each['lag_p99']} ms ({each['lag_p99_before']} ms before)"
            if each["lag_p99"]
            else "–",
        ]
        for name in BACKENDS
        for colour in ("sync", "async")
        if (each := found.get(f"frozen_{name}_{colour}"))
    ]
    head = [
        "database",
        "class",
        "cancels in the freeze",
        "longest",
        "longest before",
        "beyond what is allowed",
        "loop lag, p99",
    ]
    return table(head, rows)


def clusters(found: Figures) -> str:
    words = {
        "killed": "PostgreSQL, two synchronous standbys: primaries killed, standbys promoted",
        "frozen": "the same: nodes frozen, standbys gone",
        "patroni": "Patroni, etcd, haproxy: the leader killed, the next one frozen for 30 s",
        "galera": "Galera, three nodes: two killed, frozen and taken in again",
    }
    rows = [
        [what, *(shown(each[key]) for key in ("told", "spooled", "lost", "doubled")), f"{each['longest_ms']} ms"]
        for name, what in words.items()
        if (each := found.get(f"cluster_{name}"))
    ]  # fmt: skip
    head = ["", "events acknowledged", "in a spool at first", "lost", "doubled", "longest wait"]
    return table(head, rows)


def of_any(found: Figures, prefix: str, key: str) -> str:
    """What all runs of that kind have in common."""
    return next((shown(each[key]) for k, each in found.items() if k.startswith(prefix)), NOT_RUN)


def late(found: Figures) -> str:
    rows = [
        [BACKENDS[name], colour, f"{each['built']:.2f} s", f"{each['longest'] * 1000:.0f} ms"]
        for name in BACKENDS
        for colour in ("sync", "async")
        if (each := found.get(f"late_{name}_{colour}"))
    ]
    return table(["database", "class", "constructing it", "longest cancel"], rows)


def clock(found: Figures) -> str:
    measured = [
        each["latency_us"] // 1000 for name, each in found.items() if name.startswith("clock")
    ]
    return f"{min(measured)} to {max(measured)} ms" if measured else NOT_RUN


def main() -> None:
    PAGE.write_text(page(read(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
