"""Runs without a change: which tests there are, how long each takes, and which lines of the product it reaches."""

import itertools
import json
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .changes import ROOT
from .running import BUILD, Known, fingerprint, run_tests


class Watched:
    """What each file of tests has shown in a run without a change: kept, and made anew for those that have changed.

    A test that fails in it is left out, which is said: it would notice each change.
    """

    def __init__(self) -> None:
        self._path = BUILD / "known.json"
        self._lock = threading.Lock()
        self._product = fingerprint(sorted((ROOT / "mexc_plugin").rglob("*.py")))
        found = json.loads(self._path.read_text()) if self._path.exists() else {}
        self._files = found["files"] if found.get("product") == self._product else {}

    def watch(self, copies: list[Path], suites: Iterable[str]) -> Known:
        """Run what is not known yet, in all the copies at once."""
        found = (ROOT / suite for suite in suites)
        paths = itertools.chain.from_iterable(
            sorted(path.rglob("test_*.py")) if path.is_dir() else [path] for path in found
        )
        words = {str(path.relative_to(ROOT)): _word_of(path) for path in paths}
        new = [n for n, word in words.items() if self._files.get(n, {}).get("word") != word]
        free: SimpleQueue[Path] = SimpleQueue()
        for copy in copies:
            free.put(copy)

        def run(name: str) -> None:
            copy = free.get()
            try:
                self._keep(name, {"word": words[name]} | _watch(copy, name))
            finally:
                free.put(copy)

        with ThreadPoolExecutor(len(copies)) as pool:
            for _ in pool.map(run, new):
                pass
        return _join(self._files[name] for name in words)

    def _keep(self, name: str, shown: dict[str, Any]) -> None:
        with self._lock:
            self._files[name] = shown
            self._path.write_text(json.dumps({"product": self._product, "files": self._files}))
            print(f"{len(shown['tests']):4} tests seen of {name}", flush=True)


def _word_of(path: Path) -> str:
    above = [folder / "conftest.py" for folder in path.parents if folder.is_relative_to(ROOT)]
    return fingerprint([path, *filter(Path.exists, above)])


def _watch(copy: Path, name: str) -> dict[str, Any]:
    """The tests of one file, and by file and line of the product the numbers of those that reached it."""
    data = copy / "coverage"
    data.unlink(missing_ok=True)
    run = run_tests(copy, [name], coverage=data)
    if (not run.passed and not run.failed) or run.hung:
        print(
            f"{run.output[-2000:]}\n{name} cannot be run without a change, either: left out",
            flush=True,
        )
        return {"word": "", "tests": {}, "lines": {}}
    tests = {e["test"]: {"seconds": e["seconds"], "spawns": e["spawns"]} for e in run.ended}
    for broken in run.failed:
        if not run_tests(copy, [broken], Known(tests, {})).passed:  # coverage makes some slow
            print(f"{broken} fails without a change and is left out", flush=True)
            tests[broken]["is_broken"] = True
    return {"tests": tests, "lines": _read_lines(data, copy, list(tests))}


def _read_lines(data: Path, copy: Path, tests: list[str]) -> dict[str, dict[str, list[int]]]:
    import coverage

    numbers = {name: number for number, name in enumerate(tests)}
    found = coverage.CoverageData(str(data))
    found.read()
    return {
        str(Path(file).relative_to(copy)): {
            str(line): [numbers[name] for name in names if name in numbers]
            for line, names in found.contexts_by_lineno(file).items()
        }
        for file in found.measured_files()
    }


def _join(files: Iterable[dict[str, Any]]) -> Known:
    known = Known({}, {})
    for shown in files:
        names = list(shown["tests"])
        known.tests.update(shown["tests"])
        for path, lines in shown["lines"].items():
            of_file = known.lines.setdefault(path, {})
            for line, numbers in lines.items():
                of_file.setdefault(line, []).extend(names[number] for number in numbers)
    return known
