"""Under gevent and eventlet a cancel waits as a greenlet, and the threads behind it are real. `make test-green`."""

import importlib.util
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mexc_plugin.sandbox import Sandbox

LIBRARIES = ("gevent", "eventlet")
# What a greenlet may be held up by, and what a machine adds on which others work.
STALL_S, SLACK_S = 0.05, 0.3


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
def test_no_greenlet_stalls_while_another_process_holds_the_file(
    library: str, held: bool, sandbox: Sandbox, tmp_path: Path
) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed; run: make test-green")
    path = tmp_path / "audit.db"
    orders = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(5)]
    options = {"audit": {"url": f"sqlite:///{path}", "deadline_ms": 250}}
    exchange = {**sandbox.ccxt_config(), "enableRateLimit": False, "options": options}
    argument = json.dumps({"exchange": exchange, "orders": orders})
    command = [sys.executable, "-m", "tests.green.bot", library, argument]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as bot:
        assert bot.stdout is not None
        assert bot.stdout.readline() == "ready\n"
        locker = sqlite3.connect(path, isolation_level=None)
        if held:
            locker.execute("BEGIN EXCLUSIVE")
        try:
            said, _ = bot.communicate("\n", timeout=60)
        finally:
            locker.close()
    figures = json.loads(said)
    assert figures["cancels"] == len(sandbox.arrivals) == 5
    assert figures["longest"] < 1.5
    assert figures["lag"] < STALL_S + SLACK_S
