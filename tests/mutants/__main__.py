"""Small changes to the product, one at a time, and whether a test notices: `make mutants`.

    python -m tests.mutants [--seed 9] [--count 150] [--jobs 1] [--again] [ROOM…]

Changes are drawn with a seed over the rooms' lines. Each meets the likeliest of the tests that reach its line, as many
as run in a few seconds; those that pass meet all the others at the end. Which tests these are is seen in a run without
a change, which has to pass. Works on copies below build/mutants. The log there says what became of each: a run that
was stopped goes on where it was. `--again` tries those once more that survived, with the tests as they are now.
"""

import argparse
import concurrent.futures
import json
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from .changes import ROOT, Mutant, find_mutants
from .running import BUILD, Known, find_noticing, fingerprint, make_copy, watch_unmutated

_stop = threading.Event()


class Log:
    """What became of each change, a line each; the newest counts. Of another draw, it begins anew."""

    def __init__(self, path: Path, draw: dict[str, Any]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.found: dict[int, dict[str, Any]] = {}
        lines = (
            [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        )
        if lines and lines[0] == draw:
            self.found = {line["number"]: line for line in lines[1:]}
        else:
            path.write_text(json.dumps(draw) + "\n")

    def add(self, number: int, words: str, state: str, by: str | None) -> None:
        line = {"number": number, "change": words, "state": state, "by": by}
        with self._lock:
            self.found[number] = line
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{number:4} {state:9} {words}{f'  [{by}]' if by else ''}", flush=True)


def _try(
    mutants: dict[int, Mutant], copy: Path, known: Known, log: Log, *, others: bool = False
) -> None:
    for number, mutant in mutants.items():
        if _stop.is_set():
            return
        target = copy / mutant.path
        source, times = target.read_text(), target.stat()
        target.write_text(mutant.apply(source))
        try:
            tests = known.leave(mutant) if others else known.choose(mutant)
            by = find_noticing(copy, tests, known)
        finally:
            target.write_text(source)
            os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))  # its bytecode holds again
        state = "noticed" if by else ("SURVIVED" if others else "unnoticed")
        log.add(number, mutant.describe(source), state, by)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="try those that survived once more")
    parser.add_argument(
        "rooms",
        nargs="*",
        default=["venue", "audit", "exchange"],
        help="folders below mexc_plugin/, such as store/write",
    )
    chosen = parser.parse_args()
    # Tests send it; a shell that starts something in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    BUILD.mkdir(parents=True, exist_ok=True)
    copies = [make_copy(number) for number in range(chosen.jobs)]
    known = watch_unmutated(copies[0])
    every = list(find_mutants(tuple(chosen.rooms)))
    drawn = random.Random(chosen.seed).sample(every, min(chosen.count, len(every)))
    rooms = [f"mexc_plugin/{room}" for room in chosen.rooms]
    log = Log(
        BUILD / "log.jsonl",
        {"seed": chosen.seed, "count": len(drawn), "product": fingerprint(ROOT, rooms)},
    )
    waiting = {
        number: mutant
        for number, mutant in enumerate(drawn)
        if number not in log.found or (chosen.again and log.found[number]["state"] != "noticed")
    }

    def work(todo: dict[int, Mutant], *, others: bool) -> None:
        parts = [dict(list(todo.items())[n :: chosen.jobs]) for n in range(chosen.jobs)]
        with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
            tasks = [
                pool.submit(_try, part, copy, known, log, others=others)
                for part, copy in zip(parts, copies, strict=True)
            ]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                _stop.set()
                raise

    work(waiting, others=False)
    work({n: drawn[n] for n in log.found if log.found[n]["state"] == "unnoticed"}, others=True)
    survivors = [line for line in log.found.values() if line["state"] != "noticed"]
    caught = len(log.found) - len(survivors)
    summary = [f"{caught} of {len(drawn)} noticed ({caught / len(drawn):.1%}), seed {chosen.seed}"]
    summary += [f"  {line['number']}: {line['change']}" for line in survivors]
    (BUILD / "report.txt").write_text("\n".join(summary) + "\n")
    print("\n".join(summary))
    sys.exit(caught < 0.95 * len(drawn))


if __name__ == "__main__":
    main()
