"""`audit ship --follow`: killed, in front of a frozen target, before there is anything to ship."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate
from tests.store.audits import Audit
from tests.torture import ledger, servers
from tests.torture.processes import Child
from tests.torture.shippers import follow

from . import records


@contextlib.contextmanager
def following(source: str, target: str, log: Path) -> Iterator[Child]:
    log.touch()
    shipper = Child(follow, source, target, str(log))
    try:
        yield shipper
    finally:
        shipper.kill()


def eventually(
    is_so: Callable[[], object], what: Callable[[], object], seconds: float = 60
) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, what()
        time.sleep(0.05)


def held(url: str) -> int:
    with contextlib.suppress(Exception):
        return sum(ledger.events(url, kind) for kind in KINDS)
    return -1


KINDS = ("start", "request", "response", "reconciliation", "stop")


def test_a_shipper_that_is_killed_goes_on_where_the_target_is(tmp_path: Path) -> None:
    events, log = records.made(500), tmp_path / "log"
    here, target = Audit(tmp_path / "here.db"), Audit(tmp_path / "central.db")
    for start in range(0, 500, 100):
        records.store(here.url, events[start : start + 100])
        with following(here.url, target.url, log):
            eventually(lambda before=start: held(target.url) > before, log.read_text)
    with following(here.url, target.url, log):
        eventually(lambda: held(target.url) == 500, log.read_text)
    assert records.rows(target) == records.rows(here)
    assert ledger.findings(target.url) == []


def test_a_shipper_waits_for_a_source_that_is_not_there_yet_and_takes_one_that_is_replaced(
    tmp_path: Path,
) -> None:
    events, log = records.made(200), tmp_path / "log"
    here, target = Audit(tmp_path / "here.db"), Audit(tmp_path / "central.db")
    with following(here.url, target.url, log):
        eventually(lambda: "trying again" in log.read_text(), log.read_text)
        records.store(here.url, events[:100])
        eventually(lambda: held(target.url) == 100, log.read_text)
        for file in tmp_path.glob("here.db*"):
            file.unlink()
        records.store(here.url, events[100:])
        eventually(lambda: held(target.url) == 200, log.read_text)
    assert "there is no audit database" in log.read_text()
    assert "both databases are back" in log.read_text()


def test_two_shippers_of_one_source_do_no_harm(tmp_path: Path) -> None:
    events, log = records.made(3_000), tmp_path / "log"
    here = records.source(tmp_path / "here.db", events[:1_500])
    target = Audit(tmp_path / "central.db")
    with following(here.url, target.url, log), following(here.url, target.url, log):
        records.store(here.url, events[1_500:])
        eventually(lambda: held(target.url) == 3_000, log.read_text)
    assert records.rows(target) == records.rows(here)
    assert "not copied" not in log.read_text()


@pytest.mark.server
def test_a_frozen_target_is_given_up_said_and_tried_again(tmp_path: Path) -> None:
    events, log = records.made(400), tmp_path / "log"
    here = records.source(tmp_path / "here.db", events[:200])
    with servers.postgresql() as server:
        url = server.fresh()
        made = engine.create(url)
        migrate.upgrade(made)
        made.dispose()
        with following(here.url, url, log):
            eventually(lambda: held(url) == 200, log.read_text)
            with server.frozen():
                records.store(here.url, events[200:])
                eventually(lambda: "trying again" in log.read_text(), log.read_text)
            eventually(lambda: held(url) == 400, log.read_text)
            eventually(lambda: "both databases are back" in log.read_text(), log.read_text)
        assert ledger.findings(url) == []
        assert log.read_text().count("trying again") < 10, "the same is said once"
