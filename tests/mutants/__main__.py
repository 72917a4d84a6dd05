"""Small changes to the product, one at a time, and whether a test notices: `make mutants`.

    python -m tests.mutants [--seed 9] [--count 150] [--jobs 1] [--again] [ROOM…]

Changes are drawn with a seed over the rooms' lines. Each meets the likeliest of the tests that reach its line, as many
as run in a few seconds; those that pass meet the others at the end, as many as run in `--longest`. Which tests these are
is seen in a run of each file of tests without a change, which has to pass; it is kept until that file or the product is
another. Works on copies below build/mutants, `--jobs` at once. The log there says what became of each: a run that
was stopped goes on where it was. `--again` tries those once more that survived, with the tests as they are now.
"""

import argparse
import concurrent.futures
import json
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from .changes import Mutant, find_mutants, find_sources
from .running import BUILD, SUITES, Known, find_noticing, fingerprint, make_copy
from .unmutated import Watched

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
    mutants: dict[int, Mutant], copy: Path, known: Known, log: Log, longest: float | None = None
) -> None:
    """longest: how long the others of a change's tests may take, where these are asked for."""
    for number, mutant in mutants.items():
        if _stop.is_set():
            return
        source = (copy / mutant.path).read_text()
        tests = known.choose(mutant) if longest is None else known.leave(mutant, longest)
        by = find_noticing(copy, mutant, tests, known)
        state = "noticed" if by else ("unnoticed" if longest is None else "SURVIVED")
        log.add(number, mutant.describe(source), state, by)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--tests", nargs="+", default=SUITES, help="files and folders of tests")
    parser.add_argument(
        "--longest",
        type=float,
        default=300,
        metavar="SECONDS",
        help="of tests that a change meets which the likeliest have not noticed",
    )
    parser.add_argument(
        "--log", default="log", help="a name for what comes of it, below build/mutants"
    )
    parser.add_argument("--again", action="store_true", help="try those that survived once more")
    parser.add_argument(
        "rooms",
        nargs="*",
        default=["venue", "audit", "exchange"],
        help="folders below mexc_plugin/, such as store/write, files, such as store/write/spool, or tools/….py",
    )
    chosen = parser.parse_args()
    # Tests send it; a shell that starts something in the background has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    BUILD.mkdir(parents=True, exist_ok=True)
    copies = [make_copy(number) for number in range(chosen.jobs)]
    known = Watched().watch(copies, chosen.tests)
    sources = [path for room in chosen.rooms for path in find_sources(room)]
    every = list(find_mutants(sources))
    drawn = random.Random(chosen.seed).sample(every, min(chosen.count, len(every)))
    log = Log(
        BUILD / f"{chosen.log}.jsonl",
        {"seed": chosen.seed, "count": len(drawn), "product": fingerprint(sources)},
    )
    waiting = {
        number: mutant
        for number, mutant in enumerate(drawn)
        if number not in log.found or (chosen.again and log.found[number]["state"] != "noticed")
    }

    def work(todo: dict[int, Mutant], longest: float | None = None) -> None:
        parts = [dict(list(todo.items())[n :: chosen.jobs]) for n in range(chosen.jobs)]
        with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
            tasks = [
                pool.submit(_try, part, copy, known, log, longest)
                for part, copy in zip(parts, copies, strict=True)
            ]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                _stop.set()
                raise

    work(waiting)
    unnoticed = {n: drawn[n] for n in log.found if log.found[n]["state"] == "unnoticed"}
    work(unnoticed, chosen.longest)
    survivors = [line for line in log.found.values() if line["state"] != "noticed"]
    caught = len(log.found) - len(survivors)
    summary = [f"{caught} of {len(drawn)} noticed ({caught / len(drawn):.1%}), seed {chosen.seed}"]
    summary += [f"  {line['number']}: {line['change']}" for line in survivors]
    (BUILD / f"{chosen.log}.txt").write_text("\n".join(summary) + "\n")
    print("\n".join(summary))
    sys.exit(caught < 0.95 * len(drawn))


if __name__ == "__main__":
    main()
