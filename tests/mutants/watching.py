"""A plugin of pytest's for runs against a mutant: which tests run, in which order, and what became of each.

Told by the environment, since pytest runs in a process of its own:

    MUTANTS_RESULTS   a file that gets one line of JSON for each test: when it starts, and when it has ended
    MUTANTS_PLAN      a file of JSON with `order`, the tests to run, the first first, and `seconds`, how long each may take
    MUTANTS_COVERAGE  a file for coverage's data, with the test as the context; only for the unmutated run
"""

import faulthandler
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

RESULTS = Path(os.environ["MUTANTS_RESULTS"])
PLAN: dict[str, Any] = (
    json.loads(Path(p).read_text()) if (p := os.environ.get("MUTANTS_PLAN")) else {}
)
COVERAGE = os.environ.get("MUTANTS_COVERAGE")

_spawning: set[str] = set()
_now: list[str] = []
_coverage: Any = None


def _tell(**what: object) -> None:
    with RESULTS.open("a") as file:
        file.write(json.dumps(what) + "\n")


def _hear(event: str, _: object) -> None:
    # What runs in another process is seen by no coverage here.
    if event in {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.forkpty"} and _now:
        _spawning.add(_now[-1])


def pytest_configure() -> None:
    global _coverage
    if COVERAGE:
        import coverage

        sys.addaudithook(_hear)
        rooms = ("venue", "audit", "exchange", "evidence", "store/write", "store/verify")
        watched = [*(f"*/mexc_plugin/{room}/*" for room in rooms), "*/tools/*"]
        _coverage = coverage.Coverage(data_file=COVERAGE, config_file=False, include=watched)
        _coverage.start()


def pytest_unconfigure() -> None:
    if _coverage is not None:
        _coverage.stop()
        _coverage.save()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of the plan in its order. Those that nobody knows, which a mutant made, come first."""
    if not PLAN:
        return
    places = {name: place for place, name in enumerate(PLAN["order"])}
    known = set(PLAN["known"])
    chosen = [item for item in items if item.nodeid in places or item.nodeid not in known]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = sorted(chosen, key=lambda item: places.get(item.nodeid, -1))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test, and once more where it failed: some look at the clock, and the machine may be busy."""
    _tell(test=item.nodeid, started=True)
    _now.append(item.nodeid)
    if _coverage is not None:
        _coverage.switch_context(item.nodeid)
    began = time.monotonic()
    reports = _run(item, nextitem)
    if any(report.failed for report in reports):
        item._initrequest()  # type: ignore[attr-defined]
        reports = _run(item, nextitem)
    if _coverage is not None:
        _coverage.switch_context("")
    _now.clear()
    took = time.monotonic() - began
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    _tell(test=item.nodeid, seconds=round(took, 3), spawns=item.nodeid in _spawning)
    return True


def _run(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    seconds = PLAN.get("seconds", {}).get(item.nodeid, 0) if PLAN else 30
    # Ends the process, and what a hanging test has got hold of with it.
    faulthandler.dump_traceback_later(60 + 10 * seconds, exit=True)
    try:
        return runtestprotocol(item, nextitem=nextitem, log=False)
    finally:
        faulthandler.cancel_dump_traceback_later()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _tell(test=report.nodeid, failed=report.when)
