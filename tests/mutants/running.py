"""Runs of the tests: once without a change, which says what reaches which line, and then against each change."""

import atexit
import functools
import hashlib
import json
import shutil
import sys
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
    "tests/test_pure.py",
    "tests/test_faults.py",
    "tests/test_store.py",
    "tests/test_writer.py",
    "tests/test_spool.py",
    "tests/test_endurance.py",
    "tests/test_adapter.py",
    "tests/test_completeness.py",
    "tests/test_attacks.py",
    "tests/test_contract.py",
    "tests/cli/test_verify.py",
    "tests/test_data_dictionary.py",
)
# No servers; of the two asynchronous classes one. What type checkers see is no change of these.
CHOSEN = "not postgresql and not mariadb and not [pro and not -pro and not test_types"
FEW = 8
SHORT_S = 12
COPIED = ("mexc_plugin", "tests", "migrations", "docs", "benchmarks")


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
    """What the run without a change has shown. tests: seconds and whether it starts processes."""

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

    def leave(self, mutant: Mutant) -> list[str]:
        """All the others: those that reach it, those that start processes, into which nobody looked, and the rest.

        A line that ran for the first of them only, since what it made was kept, is reached by more.
        """
        reach, chosen = self._reach(mutant), set(self.choose(mutant))
        rest = self._sort(mutant, self.tests.keys() - set(reach))
        rest.sort(key=lambda name: not self.tests[name]["spawns"])
        return [name for name in reach + rest if name not in chosen]

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
        for name in sorted(names, key=lambda name: (cost(name), name)):
            kind = name.partition("[")[0]
            kinds[kind] += 1
            costs[name] = cost(name) * kinds[kind]
        return sorted(costs, key=costs.__getitem__)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def fingerprint(folder: Path, names: Iterable[str]) -> str:
    """One word for the Python of some folders."""
    digest = hashlib.sha256()
    for name in names:
        for path in sorted((folder / name).rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
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
    tests: list[str] | None = None,
    known: Known | None = None,
    coverage: Path | None = None,
) -> Run:
    """Run tests in a copy: with a plan up to the first that fails, without one all."""
    with tempfile.TemporaryDirectory() as folder:
        results, plan = Path(folder, "results"), Path(folder, "plan")
        results.touch()
        environment = {"MUTANTS_RESULTS": str(results)}
        if coverage is not None:
            environment["MUTANTS_COVERAGE"] = str(coverage)
        options, paths = [], list(SUITES)
        if tests is not None and known is not None:
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
        ]
        code, output = _forks(copy).run([*quiet, *options, "-k", CHOSEN, *paths], environment)
        told = [json.loads(line) for line in results.read_text().splitlines()]
    ended = tuple(line for line in told if "seconds" in line)
    failed = tuple(dict.fromkeys(line["test"] for line in told if "failed" in line))
    open_ = {line["test"] for line in told if "started" in line} - {e["test"] for e in ended}
    return Run(code in (0, 5), failed, next(iter(open_), None), output, ended)


def watch_unmutated(copy: Path) -> Known:
    """Run everything without a change. Ends the program where a test fails: it would notice each change."""
    word = fingerprint(ROOT, COPIED)
    kept = BUILD / "known.json"
    if kept.exists() and (found := json.loads(kept.read_text()))["fingerprint"] == word:
        return Known(found["tests"], _with_names(found["lines"], list(found["tests"])))
    data = BUILD / "coverage"
    data.unlink(missing_ok=True)
    run = run_tests(copy, coverage=data)
    tests = {e["test"]: {"seconds": e["seconds"], "spawns": e["spawns"]} for e in run.ended}
    if (not run.passed and not run.failed) or run.hung:
        sys.exit(f"{run.output[-4000:]}\nthe tests cannot be run without a change, either")
    known = Known(tests, _read_lines(data, copy))
    # Coverage makes some slow: what fails twice is broken.
    broken = [name for name in run.failed if not run_tests(copy, [name], known).passed]
    if broken:
        sys.exit("\n".join(["these fail without a change, so nothing can be started:", *broken]))
    numbers = {name: number for number, name in enumerate(tests)}
    lines = {
        file: {line: [numbers[name] for name in names] for line, names in lines.items()}
        for file, lines in known.lines.items()
    }
    kept.write_text(json.dumps({"fingerprint": word, "tests": tests, "lines": lines}))
    return known


def _with_names(
    lines: dict[str, dict[str, list[int]]], names: list[str]
) -> dict[str, dict[str, list[str]]]:
    return {
        file: {line: [names[number] for number in numbers] for line, numbers in found.items()}
        for file, found in lines.items()
    }


def _read_lines(data: Path, copy: Path) -> dict[str, dict[str, list[str]]]:
    """By file and line, the tests that reached it."""
    import coverage

    found = coverage.CoverageData(str(data))
    found.read()
    return {
        str(Path(file).relative_to(copy)): {
            str(line): [name for name in names if name]
            for line, names in found.contexts_by_lineno(file).items()
        }
        for file in found.measured_files()
    }


def find_noticing(copy: Path, tests: list[str], known: Known) -> str | None:
    """Which of the tests notices what was changed in the copy, or None.

    A failure counts when it comes twice, which the plugin sees to. The first few run by themselves, which is quick.
    """
    return _find_noticing(copy, tests[:FEW], known) or _find_noticing(copy, tests[FEW:], known)


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
