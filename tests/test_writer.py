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
from mexc_plugin.store.write import spool_folder, spool_replay
from mexc_plugin.store.write.writer import Writer

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


def test_an_outage_costs_each_event_its_budget_at_most_and_soon_nothing(
    writer: Writer, audit: Audit, caplog
) -> None:
    writer.commit(draft(), 20)
    held = lock(audit)
    took = []
    for n in range(5):
        started = time.monotonic()
        assert writer.commit(draft(n), 0.25) is Place.SPOOL
        took.append(time.monotonic() - started)
    assert took[0] >= 0.17
    assert max(took) <= 0.3
    assert max(took[3:]) < 0.1
    held.close()
    writer.close()
    assert seqs(audit) == list(range(1, 9))
    assert spool_folder.files(audit.url) == []
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) <= 1


def test_after_one_slow_commit_the_next_event_goes_to_the_database(
    writer: Writer, audit: Audit
) -> None:
    writer.commit(draft(), 20)
    held = lock(audit)
    assert writer.commit(draft(1), 0.1) is Place.SPOOL
    held.close()
    deadline = time.monotonic() + 10
    while writer._stuck_since is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert writer.commit(draft(2), 20) is Place.DATABASE


def test_an_interrupt_while_it_waits_leaves_the_event_where_it_was_going(
    writer: Writer, audit: Audit, monkeypatch
) -> None:
    writer.commit(draft(), 20)

    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mexc_plugin.audit.recorder.Receipt.wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.commit(draft(1), 5)
    writer.close()
    assert seqs(audit) == [1, 2, 3, 4]


def test_the_database_is_used_again_when_it_is_back_without_another_event(
    writer: Writer, audit: Audit
) -> None:
    writer.commit(draft(), 5)
    held = lock(audit)
    assert writer.commit(draft(1), 0.05) in (Place.SPOOL, Place.PENDING)
    held.close()
    deadline = time.monotonic() + 10
    while len(seqs(audit)) < 3 or spool_folder.files(audit.url):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert seqs(audit) == [1, 2, 3]


def test_what_does_not_fit_is_lost_and_counted(audit: Audit, monkeypatch) -> None:
    monkeypatch.setattr("mexc_plugin.store.write.writer.QUEUE_LIMIT", 3)
    made = Writer(audit.url)
    made.prepare()
    made.commit(draft(), 5)
    with made._chain:  # both threads wait
        receipts = [made.submit(draft(n)) for n in range(10)]
        assert [receipt.place for receipt in receipts[3:]] == [Place.LOST] * 7
    assert all(receipt.wait(10) for receipt in receipts)
    made.close()
    assert '"lost":7' in "".join(event["payload"] for event in audit.events())


def test_an_event_that_was_durable_only_late_is_named_by_the_next(
    writer: Writer, audit: Audit, monkeypatch
) -> None:
    writer.commit(draft(), 20)
    held = lock(audit)
    monkeypatch.setattr(writer._spool, "append", lambda _: time.sleep(0.5))
    assert writer.commit(draft(1), 0.1) is Place.PENDING
    monkeypatch.undo()
    held.close()
    deadline = time.monotonic() + 10
    while writer._sealer._marks["late"] is None and time.monotonic() < deadline:
        time.sleep(0.01)
    writer.commit(draft(2), 2)
    assert '"late":{"count":1,"first":3,"last":3}' in audit.events()[-1]["payload"]


# -- endings

VICTIM = """
import os, sys, time, signal, threading
from mexc_plugin.store.write import recorders
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
    stored = len(seqs(audit)) + sum(
        len(spool_replay.read(p).events) for p in spool_folder.files(audit.url)
    )
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
        "def work(url):\n    from mexc_plugin.store.write import recorders\n"
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
    assert (
        sum(len(spool_replay.read(path).events) for path in spool_folder.files(silent_server)) >= 6
    )


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
    assert spool_folder.files(f"sqlite:///{tmp_path}/broken.db")


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
