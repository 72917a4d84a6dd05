"""The writer's shortcuts and endings: inline commits, interrupts, signals, the kill switch."""

import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import ccxt
import pytest

from mexc_plugin.audit.recorder import Place
from mexc_plugin.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Sandbox
from mexc_plugin.store import spool
from mexc_plugin.store.writer import Writer

from .conftest import Audit, Bot, MakeBot

SYMBOL = "LTC/BTC"


def draft(n: int = 0) -> dict[str, object]:
    return {"kind": "request", "occurred_ns": time.time_ns(), "cancel_id": f"c{n}", "attempt": 1}


def seqs(audit: Audit) -> list[int]:
    return [row["seq"] for row in audit.query("SELECT seq FROM cancel_audit ORDER BY seq")]


@pytest.fixture
def writer(audit: Audit):
    made = Writer(audit.url)
    made.prepare()
    yield made
    made.close()


def lock(audit: Audit) -> sqlite3.Connection:
    connection = sqlite3.connect(audit.path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def test_a_lone_thread_commits_itself(writer: Writer, audit: Audit, monkeypatch) -> None:
    assert writer.commit(draft(), 5) is Place.DATABASE
    monkeypatch.setattr(writer, "submit", None)
    assert writer.commit(draft(1), 5) is Place.DATABASE
    assert seqs(audit) == [1, 2, 3]


def test_threads_that_commit_at_once_make_one_chain(writer: Writer, audit: Audit) -> None:
    places = []

    def work() -> None:
        places.extend(writer.commit(draft(n), 10) for n in range(40))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert places == [Place.DATABASE] * 640
    assert seqs(audit) == list(range(1, 642))


def test_an_inline_commit_waits_for_a_lock_no_longer_than_the_deadline(
    writer: Writer, audit: Audit, caplog
) -> None:
    writer.commit(draft(), 5)
    held = lock(audit)
    with caplog.at_level(logging.ERROR):
        started = time.monotonic()
        assert writer.commit(draft(1), 0.1) is Place.SPOOL
        first = time.monotonic() - started
        started = time.monotonic()
        assert writer.commit(draft(2), 0.1) is Place.SPOOL
        second = time.monotonic() - started
    assert (first >= 0.09, second < first) == (True, True)
    assert len(caplog.records) == 1
    held.close()
    writer.close()
    assert seqs(audit) == [1, 2, 3, 4, 5]
    assert spool.files(audit.url) == []


def test_an_interrupt_during_an_inline_commit_loses_nothing(
    writer: Writer, audit: Audit, monkeypatch
) -> None:
    writer.commit(draft(), 5)

    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writer._database, "insert", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.commit(draft(1), 5)
    writer.close()
    assert seqs(audit) == [1, 2, 3, 4]


def test_the_database_is_used_again_when_it_is_back_without_another_event(
    writer: Writer, audit: Audit, monkeypatch
) -> None:
    monkeypatch.setattr("mexc_plugin.store.writer.CIRCUIT_SECONDS", 0.2)
    writer.commit(draft(), 5)
    held = lock(audit)
    assert writer.commit(draft(1), 0.05) is Place.SPOOL
    held.close()
    deadline = time.monotonic() + 10
    while spool.files(audit.url) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert seqs(audit) == [1, 2, 3]


def test_a_full_queue_goes_to_the_spool_and_not_to_memory(audit: Audit, monkeypatch) -> None:
    monkeypatch.setattr("mexc_plugin.store.writer.QUEUE_LIMIT", 3)
    made = Writer(audit.url)
    made.prepare()
    made.commit(draft(), 5)
    held = lock(audit)
    receipts = [made.submit(draft(n)) for n in range(10)]
    assert len(made._queue) <= 3
    assert sum(receipt.place is Place.SPOOL for receipt in receipts) >= 3
    held.close()
    made.close()
    assert seqs(audit) == list(range(1, 14))


# -- endings

VICTIM = """
import os, sys, time, signal, threading
from mexc_plugin.store import recorders
{before}
recorder = recorders.recorder_for({url!r})
recorder.prepare()
recorder.commit({{"kind": "request", "occurred_ns": 1}}, 5)
{after}
"""


def run(audit: Audit, after: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = VICTIM.format(url=audit.url, before=before, after=after)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_end_of_the_interpreter_drains_and_says_stop(audit: Audit) -> None:
    done = run(audit, "for n in range(50): recorder.submit({'kind': 'request', 'occurred_ns': n})")
    assert (done.returncode, done.stderr) == (0, "")
    assert [event["kind"] for event in audit.events() if event["kind"] == "stop"] == ["stop"]
    assert seqs(audit) == list(range(1, 54))


def test_sigterm_drains_and_then_ends_the_process_by_the_signal(audit: Audit) -> None:
    done = run(
        audit,
        "for n in range(50): recorder.submit({'kind': 'request', 'occurred_ns': n})\n"
        "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(30)",
    )
    assert done.returncode == -signal.SIGTERM
    assert seqs(audit) == list(range(1, 54))


@pytest.mark.parametrize("attempt", range(3))
def test_sigterm_in_the_middle_of_commits_neither_hangs_nor_loses(
    audit: Audit, attempt: int
) -> None:
    done = run(
        audit,
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "started = time.monotonic()\n"
        "while time.monotonic() < started + 20:\n"
        "    print(recorder.commit({'kind': 'request', 'occurred_ns': 1}, 5).value, flush=True)",
    )
    assert done.returncode == -signal.SIGTERM
    stored = len(seqs(audit)) + sum(len(spool.read(p).events) for p in spool.files(audit.url))
    assert stored >= len(done.stdout.splitlines())
    assert "lost" not in done.stdout


def test_a_bot_s_own_handler_of_sigterm_is_left_alone(audit: Audit) -> None:
    done = run(
        audit,
        "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0.1)",
        before="signal.signal(signal.SIGTERM, lambda *a: (print('mine'), sys.exit(7)))",
    )
    assert (done.returncode, done.stdout) == (7, "mine\n")
    assert [event["kind"] for event in audit.events()][-1] in ("stop", "start", "request")
    assert seqs(audit) == [1, 2, 3]


def test_a_spawned_child_is_another_writer(audit: Audit) -> None:
    done = run(
        audit,
        "import multiprocessing as mp\n"
        "def work(url):\n    from mexc_plugin.store import recorders\n"
        "    recorders.recorder_for(url).commit({'kind': 'request', 'occurred_ns': 2}, 5)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    work({url!r})\n    recorders.close_all()\n    os._exit(0)\n"
        "os.waitpid(pid, 0)".replace("{url!r}", repr(audit.url)),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len({event["writer_id"] for event in audit.events()}) == 2


# -- a server that is silent


@pytest.fixture
def silent_server():
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql://u:p@127.0.0.1:{server.getsockname()[1]}/x"


def test_a_silent_server_delays_a_cancel_by_no_more_than_the_deadline(
    make_bot: MakeBot, sandbox, silent_server
) -> None:
    bot = make_bot(options={"audit": {"url": silent_server, "deadline_ms": 200}})
    bot.load_markets()
    took = []
    for _ in range(3):
        order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
        started = time.monotonic()
        assert bot.cancel_order(order_id, SYMBOL)["id"] == order_id
        took.append(time.monotonic() - started)
    # The request's deadline is paid once; 1.5 s is what a busy machine may add, not 2 s more.
    assert max(took) < 1.5, took
    assert sum(len(spool.read(path).events) for path in spool.files(silent_server)) >= 6


# -- the kill switch


@pytest.fixture
def refusing(make_bot: MakeBot, sandbox: Sandbox, tmp_path: Path) -> Bot:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database" * 100)
    bot = make_bot(options={"audit": {"url": f"sqlite:///{broken}", "on_failure": "refuse"}})
    bot.load_markets()
    return bot


def test_refuse_sends_nothing_that_cannot_be_recorded(refusing: Bot, sandbox: Sandbox) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    for attempt in (
        lambda: refusing.cancel_order(order_id, SYMBOL),
        lambda: refusing.cancel_all_orders(SYMBOL),
    ):
        with pytest.raises(ccxt.ExchangeNotAvailable, match="was not sent"):
            attempt()
    assert sandbox.arrivals == []


def test_the_kill_switch_goes_out_all_the_same(
    refusing: Bot, sandbox: Sandbox, tmp_path: Path
) -> None:
    first, second = (sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(2))
    refusing.cancel_order(first, SYMBOL, {"killSwitch": True})
    refusing.cancel_all_orders(SYMBOL, {"killSwitch": True})
    assert [sandbox.order(order_id).status for order_id in (first, second)] == ["CANCELED"] * 2
    assert all("killSwitch" not in arrival.params for arrival in sandbox.arrivals)
    assert spool.files(f"sqlite:///{tmp_path}/broken.db")


@pytest.mark.parametrize(("force", "code"), [(False, 1), (True, 0)])
def test_cancel_force_goes_out_all_the_same(sandbox: Sandbox, tmp_path: Path, force, code) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database" * 100)
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    done = subprocess.run(
        [sys.executable, "-m", "mexc_plugin", "cancel", order_id, SYMBOL, "--base-url", sandbox.url,
         "--database-url", f"sqlite:///{broken}", "--on-failure", "refuse", *(["--force"] if force else [])],
        env={**os.environ, "MEXC_API_KEY": DEFAULT_KEY, "MEXC_API_SECRET": DEFAULT_SECRET},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(sandbox.arrivals) == (1 if force else 0)


# -- other people's files


def test_the_journal_mode_of_other_peoples_database_is_left_alone(audit: Audit) -> None:
    theirs = sqlite3.connect(audit.path)
    theirs.execute("CREATE TABLE theirs (x)")
    theirs.commit()
    theirs.close()
    before = audit.path.read_bytes()
    made = Writer(audit.url)
    assert made.commit(draft(), 5) is Place.SPOOL
    made.close()
    assert audit.path.read_bytes() == before
