"""What importing the sync class loads, and what the first exchange and the first cancel cost a bot."""

import json
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from mexc_plugin import mexc
from mexc_plugin.audit import events
from mexc_plugin.sandbox import Sandbox
from tests.conftest import Audit

# A bot's whole life: its imports, its first exchange, a second of trading, its first cancel.
PROGRAM = """
import json, sys, time
config, order_id = json.loads(sys.argv[2]), sys.argv[3]
exec(sys.argv[1])
loaded = set(sys.modules)
cpu = time.process_time()
exchange = mexc(config)
cpu = time.process_time() - cpu
time.sleep(float(sys.argv[4]))
if order_id:
    exchange.cancel_order(order_id, "LTC/BTC")
print(json.dumps({"cpu": cpu, "loaded": sorted(loaded), "more": sorted(set(sys.modules) - loaded)}))
"""
THEIRS, OURS = "from ccxt import mexc", "from mexc_plugin import mexc"
# For the event that says who writes, made in the writer's thread: the user's name, and what is installed.
WHO_WRITES = {"pwd", "importlib.metadata._adapters", "importlib.metadata._text"}


def live(
    statement: str, config: dict[str, Any], order_id: str = "", trading: float = 0
) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, statement, json.dumps(config), order_id, str(trading)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def config(sandbox: Sandbox, audit: Audit) -> dict[str, Any]:
    """Of a bot whose database is there already."""
    own = {"url": audit.url}
    config = {**sandbox.ccxt_config(), "options": {"audit": own}}
    live(OURS, config)
    return config


def test_importing_the_sync_class_loads_no_async_library_and_nothing_that_only_migrates_or_reads(
    config: dict[str, Any],
) -> None:
    theirs, ours = (set(live(each, config)["loaded"]) for each in (THEIRS, OURS))
    packages = {name.partition(".")[0] for name in ours - theirs}
    assert {"mexc_plugin", "sqlalchemy"} <= packages
    assert packages.isdisjoint(
        {"aiohttp", "alembic", "click", "platformdirs", "psycopg", "pymysql"}
    )
    assert "asyncio" in theirs  # so that it costs nothing that we use it
    assert ours.isdisjoint({"mexc_plugin.store.read.queries", "mexc_plugin.store.schema.migrate"})
    assert "sqlalchemy.dialects.postgresql" not in ours  # the record is a SQLite file


@pytest.mark.parametrize("package", ["async_support", "pro"])
def test_importing_an_async_class_loads_what_its_first_cancel_needs(
    config: dict[str, Any], package: str
) -> None:
    loaded = live(f"from mexc_plugin.{package} import mexc", config)["loaded"]
    assert "mexc_plugin.exchange.transport.aiohttp_guard" in loaded


def test_the_first_exchange_and_the_first_cancel_load_nothing(
    config: dict[str, Any], sandbox: Sandbox
) -> None:
    """Neither in the constructor nor in the writer's thread: what is loaded then, a cancel may have to wait for."""
    more = {}
    for each in (THEIRS, OURS):
        order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
        more[each] = set(live(each, config, order_id, trading=0.5)["more"])
    assert more[OURS] - more[THEIRS] - WHO_WRITES == set()


def test_the_first_cancel_does_not_look_up_who_writes(
    sandbox: Sandbox, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads files; the writer's thread does it when the database is open."""
    original, threads = events.start_draft, []

    def start_draft(occurred_ns: int) -> dict[str, Any]:
        threads.append(threading.current_thread() is threading.main_thread())
        return original(occurred_ns)

    monkeypatch.setattr(events, "start_draft", start_draft)
    exchange = mexc({**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}})
    until = time.monotonic() + 10
    while not threads and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    exchange.cancel_order(sandbox.place("LTCBTC", "BUY", "2", "0.002"), "LTC/BTC")
    exchange.session.close()
    assert threads == [False]
    assert [event["kind"] for event in audit.events()] == ["start", "request", "response"]


def test_the_first_exchange_takes_at_most_three_times_as_long_as_ccxts(
    config: dict[str, Any],
) -> None:
    theirs, ours = (min(live(each, config)["cpu"] for _ in range(5)) for each in (THEIRS, OURS))
    assert ours < 3 * theirs
