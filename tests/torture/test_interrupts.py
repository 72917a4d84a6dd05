"""Signal handlers in the middle of cancels: nothing hangs, nothing is swallowed, no chain has a gap."""

from pathlib import Path

import pytest

from mexc_plugin.sandbox import Sandbox

from . import ledger
from .interrupts import cancel_in_handlers, throw_into
from .processes import Child
from .scale import keep, scaled


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> dict[str, object]:
    options = {"audit": {"url": f"sqlite:///{tmp_path / 'audit.db'}"}}
    return {**sandbox.ccxt_config(), "enableRateLimit": False, "options": options}


@pytest.mark.parametrize("colour", ["sync", "async", "pro"])
def test_a_handler_that_cancels_never_hangs_and_is_on_record(
    config: dict, sandbox: Sandbox, colour: str
) -> None:
    trials = scaled(150 if colour == "sync" else 50, 1_000)
    counts = Child(cancel_in_handlers, colour, config, trials, 7).result(30 + trials)
    url = config["options"]["audit"]["url"]
    ledger.replay(url)
    keep(f"kill_switch_{colour}", **counts)
    assert ledger.events(url, "request") == len(sandbox.arrivals) >= 2 * trials
    assert ledger.findings(url) == []


@pytest.mark.parametrize("colour", ["sync", "async", "pro"])
def test_what_a_handler_throws_is_seen_by_the_bot_and_leaves_the_record_whole(
    config: dict, colour: str
) -> None:
    trials = scaled(150, 2_000)
    counts = Child(throw_into, colour, config, trials, 7).result(200 + 2 * trials)
    url = config["options"]["audit"]["url"]
    ledger.replay(url)
    keep(f"interrupts_{colour}", **counts)
    ours = [where for where in counts["swallowed_at"] if "mexc_plugin" in where]
    assert ours == []
    assert counts["last_took"] < 2
    assert ledger.findings(url) == []
