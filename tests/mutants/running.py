"""Runs of the tests: once without a change, which says what reaches which line, and then against each change."""

import atexit
import functools
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .changes import ROOT, Mutant
from .forking import Forks

BUILD = ROOT / "build" / "mutants"
SUITES = (
    "tests/venue",
    "tests/audit",
    "tests/exchange",
    "tests/store/write",
    "tests/cli/test_verify.py",
    "tests/test_data_dictionary.py",
    "tests/torture/test_turns.py",
    "tests/torture/test_losses.py",
)
# No servers; of the two asynchronous classes one. What type checkers see is no change of these.
CHOSEN = "not postgresql and not mariadb and not [pro and not -pro and not test_types"
FEW = 8
SHORT_S = 12
COPIED = ("mexc_plugin", "tests", "migrations", "docs", "benchmarks", "tools")


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one run. failed: the tests that failed; hung: the test in which the process ended."""

    passed: bool
    failed: tuple[str, ...] = ()
    hung: str | None = None
    output: str = ""
    ended: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the run without a change has shown. tests: seconds, whether it starts processes, and whether it fails."""

    tests: dict[str, dict[str, Any]]
    lines: dict[str, dict[str, list[str]]] = field(repr=False)

    def choose(self, mutant: Mutant) -> list[str]:
        """Of the tests that reach it, the likeliest and quickest, as many as fit into a short time."""
        chosen, seconds = [], 0.0
        for name in self._reach(mutant):
            seconds += float(self.tests[name]["seconds"])
            if chosen and seconds > SHORT_S:
                break
            chosen.append(name)
        return chosen

    def leave(self, mutant: Mutant, longest: float) -> list[str]:
        """The others: those that reach it, those that start processes, into which nobody looked, and the rest.

        A line that ran for the first of them only, since what it made was kept, is reached by more.
        longest: as many as fit into so many seconds.
        """
        reach, chosen = self._reach(mutant), set(self.choose(mutant))
        rest = self._sort(mutant, self.tests.keys() - set(reach))
        rest.sort(key=lambda name: not self.tests[name]["spawns"])
        others = [name for name in reach + rest if name not in chosen]
        ends = itertools.accumulate(float(self.tests[name]["seconds"]) for name in others)
        return [name for name, end in zip(others, ends, strict=True) if end <= longest]

    def _reach(self, mutant: Mutant) -> list[str]:
        """The tests that reach its statement; for what runs when the module is imported, any line of its file."""
        lines = self.lines.get(mutant.path, {})
        reach: set[str] = set()
        if mutant.function is not None:
            for line in range(mutant.first, mutant.last + 1):
                reach.update(lines.get(str(line), ()))
        if not reach:
            reach.update(*lines.values())
        return self._sort(mutant, reach)

    def _sort(self, mutant: Mutant, names: Iterable[str]) -> list[str]:
        """The likeliest and quickest first: those nearest to the file, and one of each kind before more of a kind."""
        path, word = Path(mutant.path), _letters(mutant.old)

        def cost(name: str) -> float:
            seconds = 0.01 + float(self.tests[name]["seconds"])
            if len(word) > 2 and word in _letters(name):
                seconds /= 10
            if path.stem in Path(name.partition("::")[0]).stem:
                return seconds / 20
            return seconds / 3 if f"/{path.parent.name}/" in name else seconds

        kinds: Counter[str] = Counter()
        costs: dict[str, float] = {}
        whole = [name for name in names if not self.tests[name].get("is_broken")]
        for name in sorted(whole, key=lambda name: (cost(name), name)):
            kind = name.partition("[")[0]
            kinds[kind] += 1
            costs[name] = cost(name) * kinds[kind]
        return sorted(costs, key=costs.__getitem__)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def fingerprint(paths: Iterable[Path]) -> str:
    """One word for some files, by their names and what is in them."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def make_copy(number: int) -> Path:
    """A copy of the project that changes are made in."""
    copy = BUILD / f"copy-{number}"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "cli.py", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    # Leaves bytecode behind, which the runs with a change read and do not write.
    _forks(copy).run(["-q", "--collect-only", "-p", "no:cacheprovider", *SUITES], {})
    return copy


@functools.cache
def _forks(copy: Path) -> Forks:
    forks = Forks(copy)
    atexit.register(forks.close)
    return forks


def run_tests(
    copy: Path,
    tests: list[str],
    known: Known | None = None,
    coverage: Path | None = None,
) -> Run:
    """Run tests in a copy: with what is known of them up to the first that fails, else all of these files."""
    with tempfile.TemporaryDirectory() as folder:
        results, plan = Path(folder, "results"), Path(folder, "plan")
        results.touch()
        environment = {"MUTANTS_RESULTS": str(results)}
        if coverage is not None:
            environment["MUTANTS_COVERAGE"] = str(coverage)
        options, paths = [], tests
        if known is not None:
            seconds = {name: known.tests[name]["seconds"] for name in tests}
            plan.write_text(
                json.dumps({"order": tests, "known": list(known.tests), "seconds": seconds})
            )
            environment |= {"MUTANTS_PLAN": str(plan), "PYTHONDONTWRITEBYTECODE": "1"}
            options = ["-x"]
            paths = sorted({name.partition("::")[0] for name in tests})
        quiet = [
            "-q",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
            "-p",
            "tests.mutants.watching",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",  # of what was imported before
        ]
        code, output = _forks(copy).run([*quiet, *options, "-k", CHOSEN, *paths], environment)
        told = [json.loads(line) for line in results.read_text().splitlines()]
    ended = tuple(line for line in told if "seconds" in line)
    failed = tuple(dict.fromkeys(line["test"] for line in told if "failed" in line))
    open_ = {line["test"] for line in told if "started" in line} - {e["test"] for e in ended}
    return Run(code in (0, 5), failed, next(iter(open_), None), output, ended)


def find_noticing(copy: Path, mutant: Mutant, tests: list[str], known: Known) -> str | None:
    """Which of the tests notices the change, or None.

    A failure counts when it comes twice, which the plugin sees to, and not without the change, too: the machine may be
    busy. The first few run by themselves, which is quick.
    """
    target = copy / mutant.path
    source, times = target.read_text(), target.stat()
    while tests:
        target.write_text(mutant.apply(source))
        try:
            by = _find_noticing(copy, tests[:FEW], known) or _find_noticing(
                copy, tests[FEW:], known
            )
        finally:
            target.write_text(source)
            os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))  # its bytecode holds again
        name = by and by.partition(", ")[0]
        if name not in known.tests or run_tests(copy, [name], known).passed:
            return by
        tests = [other for other in tests if other != name]
    return None


def _find_noticing(copy: Path, tests: list[str], known: Known) -> str | None:
    while tests:
        run = run_tests(copy, tests, known)
        if run.passed:
            return None
        name = run.hung or (run.failed[0] if run.failed else None)
        if name is None:
            # No test was begun.
            return None if run_tests(copy, tests, known).passed else "the tests cannot be collected"
        if name not in known.tests:
            return f"{name}, which there is only with the change"
        if not run.hung:
            return name
        again = run_tests(copy, [name], known)
        if not again.passed:
            return f"{name}, which ended the run or its time"
        tests = [other for other in tests if other != name]
    return None
