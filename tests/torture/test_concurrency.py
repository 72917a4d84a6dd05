"""Processes, threads, tasks and forked children that cancel at once: no gap, no fork, no loss."""

import time
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate

from . import ledger, load, servers, victims
from .processes import Child, together
from .scale import DATABASES, LONG, keep, scaled

PROCESSES = scaled(4, 16)
CANCELS = scaled(50, 1000)


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path, own_servers: servers.Running) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'audit.db'}"
    return own_servers.of(request.param).fresh()


def backend(url: str) -> str:
    return url.partition(":")[0].partition("+")[0]


def assert_whole(url: str, cancels: int) -> None:
    """After the replay: every request and every response once, every chain whole."""
    ledger.replay(url)
    assert ledger.spooled(url) == []
    assert ledger.events(url, "request") == ledger.events(url, "response") == cancels
    assert ledger.doubled(url) == 0
    assert ledger.findings(url) == []


def config_of(sandbox: Sandbox, url: str) -> dict[str, Any]:
    # A thousand cancels are signed before the last of them leaves: that may take a busy machine
    # longer than the 5 s of the venue and the 10 s of ccxt.
    options = {"audit": {"url": url}, "recvWindow": 60_000}
    return {**sandbox.ccxt_config(), "timeout": 60_000, "options": options}


def test_many_processes_that_find_no_database_make_one_and_lose_nothing(url: str) -> None:
    loads = together(load.cancels, [(url, 20, 0.0)] * PROCESSES, seconds=600)
    assert sum(each.places.get("lost", 0) for each in loads) == 0
    assert_whole(url, PROCESSES * 20)


def test_many_processes_on_one_database_lose_and_fork_nothing(url: str) -> None:
    made = engine.create(url)
    migrate.ensure(made)  # otherwise they spool until one of them has made it
    made.dispose()
    start_at = time.time() + scaled(1, 5)
    arguments = [(url, CANCELS, start_at)] * PROCESSES
    loads = together(load.cancels, arguments, seconds=1200)
    spooled = sum(each.places.get("spool", 0) for each in loads)
    keep(
        f"processes_{backend(url)}",
        processes=PROCESSES,
        cancels=PROCESSES * CANCELS,
        spooled=spooled,
        late=sum(each.late for each in loads),
        longest_ms=round(1000 * max(each.longest for each in loads)),
        seconds=round(max(each.seconds for each in loads), 1),
        slowest_to_fastest=round(
            max(each.seconds for each in loads) / min(each.seconds for each in loads), 2
        ),
    )
    assert sum(each.places.get("lost", 0) for each in loads) == 0
    if LONG:
        assert spooled < 2 * PROCESSES * CANCELS, "many never wrote to the database at once"
    assert_whole(url, PROCESSES * CANCELS)


def test_many_threads_of_one_process_make_one_chain(url: str) -> None:
    threads, count = 16, scaled(20, 500)
    loads = Child(load.in_threads, url, threads, count).result(600)
    keep(
        f"threads_{backend(url)}",
        threads=threads,
        cancels=threads * count,
        longest_ms=round(1000 * max(each.longest for each in loads)),
    )
    assert_whole(url, threads * count)


def test_forked_children_lose_nothing_when_their_parent_closes(url: str) -> None:
    children, count = scaled(3, 8), scaled(30, 500)
    done = Child(load.prefork, url, children, count).result(600)
    keep(f"prefork_{backend(url)}", children=children, cancels=done)
    assert_whole(url, done)


def test_concurrent_tasks_of_one_loop_lose_nothing(url: str, sandbox: Sandbox) -> None:
    count = scaled(100, 1000)
    orders = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(count)]
    config = config_of(sandbox, url)
    assert Child(victims.many_at_once, config, orders).result(120) == count
    keep(f"tasks_{backend(url)}", cancels=count)
    assert len(sandbox.arrivals) == count
    assert_whole(url, count)


def test_several_real_bots_on_one_database_lose_nothing(url: str, sandbox: Sandbox) -> None:
    bots, count = scaled(3, 8), scaled(20, 100)
    orders = [
        [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(count)] for _ in range(bots)
    ]
    config = config_of(sandbox, url)
    together(victims.cancel_all_of, [(config, each) for each in orders], seconds=300)
    keep(f"bots_{backend(url)}", bots=bots, cancels=bots * count)
    assert len(sandbox.arrivals) == bots * count
    assert_whole(url, bots * count)


def test_two_writers_of_one_file_do_not_take_each_other_s_locks(tmp_path: Path) -> None:
    """Closing any descriptor of a file drops all locks of the process on it."""
    path = tmp_path / "audit.db"
    urls = [f"sqlite:///{path}", f"sqlite+pysqlite:///{path}"]
    with pytest.raises(AssertionError, match="died"):
        Child(load.two_writers_of_one_file, *urls, 5).result(60)
    assert ledger.events(urls[0], "request") == 15
    assert ledger.findings(urls[0]) == []
