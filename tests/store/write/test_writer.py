"""The writer's shortcuts and endings: inline commits, interrupts, signals, the kill switch."""

import json
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
from mexc_plugin.errors import StoreError
from mexc_plugin.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Sandbox
from mexc_plugin.store.write import workers
from mexc_plugin.store.write.spool import spool_file, spool_folder, spool_replay
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit, Bot, MakeBot, logged, placed
from tests.store.write import drafts

SYMBOL = "LTC/BTC"


@pytest.fixture
def backend() -> str:
    """SQLite alone: what is tried here is the same on a server."""
    return "sqlite"


def draft(n: int = 0) -> dict[str, object]:
    return drafts.draft(n, occurred_ns=time.time_ns())


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
    outages = []
    for _ in range(3):  # the machine may be busy with something else in one of them, or in two
        held = lock(audit)
        took = []
        for n in range(5):
            started = time.monotonic()
            assert writer.commit(draft(n), 0.25) is Place.SPOOL
            took.append(time.monotonic() - started)
        held.close()
        assert took[0] >= 0.17
        outages.append(took)
        deadline = time.monotonic() + 20
        while (
            writer._breaker.is_open or spool_folder.files(audit.url)
        ) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert min(max(took) for took in outages) <= 0.3
    assert min(max(took[3:]) for took in outages) < 0.1
    writer.close()
    assert seqs(audit) == list(range(1, 19))
    assert spool_folder.files(audit.url) == []
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) <= 3


def test_after_one_slow_commit_the_next_event_goes_to_the_database(
    writer: Writer, audit: Audit
) -> None:
    writer.commit(draft(), 20)
    held = lock(audit)
    assert writer.commit(draft(1), 0.1) is Place.SPOOL
    held.close()
    deadline = time.monotonic() + 10
    while writer._breaker._stuck_since is not None and time.monotonic() < deadline:
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
    monkeypatch.setattr("mexc_plugin.store.write.inbox.QUEUE_LIMIT", 3)
    made = Writer(audit.url)
    made.prepare()
    made.commit(draft(), 5)
    with made._inbox._lock:  # both threads wait
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
    while writer._inbox.sealer._marks["late"] is None and time.monotonic() < deadline:
        time.sleep(0.01)
    writer.commit(draft(2), 2)
    assert '"late":{"count":1,"first":3,"last":3}' in audit.events()[-1]["payload"]


def test_a_connection_that_broke_is_made_anew_and_the_event_is_in_the_database(
    writer: Writer, audit: Audit, monkeypatch, caplog
) -> None:
    """As after a server has closed one that was idle for long."""
    writer.commit(draft(), 20)
    insert = writer._storer.database.insert

    def broken(*_: object, **__: object) -> None:
        monkeypatch.setattr(writer._storer.database, "insert", insert)
        raise OSError("the connection is closed")

    monkeypatch.setattr(writer._storer.database, "insert", broken)
    assert writer.commit(draft(1), 20) is Place.DATABASE
    writer.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert seqs(audit) == [1, 2, 3, 4]


def test_what_was_spooled_and_what_was_lost_is_told_apart(
    writer: Writer, audit: Audit, monkeypatch, caplog
) -> None:
    writer.commit(draft(), 20)

    def refuse(_: object) -> None:
        raise OSError(5, "Input/output error")

    with audit.locked():
        assert placed(writer, draft(1)) is Place.SPOOL
        with monkeypatch.context() as patch:
            patch.setattr(writer._spool, "append", refuse)
            assert placed(writer, draft(2)) is Place.LOST
        (said,) = logged(caplog, "audit: %d events lost: the spool %s cannot be written either")
    assert said.getMessage().endswith(
        f"{writer._spool} cannot be written either (Input/output error)"
    )
    assert writer.commit(draft(3), 20) in (Place.DATABASE, Place.SPOOL)
    writer.close()
    document = json.loads(audit.events()[3]["payload"])
    assert (document["lost"], document["spooled"]) == (1, {"count": 1, "first": 3, "last": 3})


def test_an_outage_is_said_once_and_lasts_until_the_database_takes_something(
    writer: Writer, audit: Audit, caplog
) -> None:
    writer.commit(draft(), 20)
    aside = audit.path.with_name("aside")
    audit.path.rename(aside)
    audit.path.write_bytes(b"this is no database" * 100)
    assert writer.commit(draft(1), 20) is Place.SPOOL
    probes = writer._storer.database.insert_missing
    asked = []
    writer._storer.database.insert_missing = lambda *a: asked.append(a) or probes(*a)  # type: ignore[method-assign]
    deadline = time.monotonic() + 20
    while len(asked) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert writer._breaker.is_open
    assert len(asked) >= 3
    assert placed(writer, draft(2)) is Place.SPOOL
    (said,) = logged(caplog, "audit: the database %s cannot be used")
    assert said.levelno == logging.ERROR
    assert "cannot be used: the file that was open was moved or removed" in said.getMessage()
    aside.replace(audit.path)
    (back,) = logged(caplog, "audit: the database is back, the spool is replayed")
    assert (back.levelno, writer._breaker.is_open) == (logging.WARNING, False)
    assert seqs(audit) == [1, 2, 3, 4]


def test_what_neither_takes_is_nowhere_until_the_database_is_back(
    writer: Writer, audit: Audit, monkeypatch
) -> None:
    writer.commit(draft(), 20)
    aside, free, asked = audit.path.with_name("aside"), threading.Event(), []
    audit.path.rename(aside)
    audit.path.write_bytes(b"this is no database" * 100)
    monkeypatch.setattr(writer._spool, "append", lambda _: free.wait(60))
    insert = writer._storer.database.insert_missing
    monkeypatch.setattr(
        writer._storer.database, "insert_missing", lambda *a: asked.append(a) or insert(*a)
    )
    receipt = writer.submit(draft(1), 0.05)
    deadline = time.monotonic() + 20
    while len(asked) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (len(asked) >= 2, receipt.place) == (True, None)
    aside.replace(audit.path)
    assert receipt.wait(20)
    assert (receipt.place, seqs(audit)) == (Place.DATABASE, [1, 2, 3])
    free.set()


def test_what_waits_for_a_database_that_fails_is_spooled_at_once(
    writer: Writer, monkeypatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        time.sleep(0.3)  # so that the keeper sleeps
        raise StoreError("it fails")

    writer.commit(draft(), 20)
    monkeypatch.setattr("mexc_plugin.store.write.keeper.DORMANT_S", 3_600)
    for name in ("insert", "insert_missing"):
        monkeypatch.setattr(writer._storer.database, name, fail)
    writer._keeper.worker.ring()
    receipt = writer.submit(draft(1), 3_600)
    assert receipt.wait(20)
    assert receipt.place is Place.SPOOL


def test_who_has_nothing_to_do_sleeps(writer: Writer) -> None:
    writer.commit(draft(), 20)
    turns, looks = [], []
    wait, seal = writer._storer.worker.wait, writer._inbox.seal
    writer._storer.worker.wait = lambda seconds: turns.append(seconds) or wait(seconds)  # type: ignore[method-assign]
    writer._inbox.seal = lambda *a: looks.append(a) or seal(*a)  # type: ignore[method-assign]
    writer._storer.worker.ring()
    time.sleep(0.3)
    assert turns in ([None], [None, None])
    assert len(looks) < 50  # the keeper looks once a second


def test_the_keeper_is_not_woken_for_what_is_due_after_it_looks_anyway(
    writer: Writer, monkeypatch
) -> None:
    rings = []
    ring = writer._keeper.worker.ring
    monkeypatch.setattr(writer._keeper.worker, "ring", lambda: rings.append(ring()))
    for n in range(20):
        assert writer.commit(draft(n), 20) is Place.DATABASE
    assert len(rings) < 20  # while it looks, and knows nothing yet of what comes, it is


def test_a_thread_that_cannot_be_had_is_asked_for_again(monkeypatch) -> None:
    start, done = workers.real_threads.start_new_thread, threading.Event()

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    worker = workers.Worker("one", done.set, workers.QuietLog(logging.getLogger("mexc_plugin")))
    monkeypatch.setattr(workers.real_threads, "start_new_thread", refuse)
    assert (worker.start(), worker.is_started) == (False, False)
    monkeypatch.setattr(workers.real_threads, "start_new_thread", start)
    assert worker.start()
    assert done.wait(20)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_handler_that_throws_while_a_thread_is_started_leaves_one_thread(
    monkeypatch, moment: str
) -> None:
    start, running, is_over = workers.real_threads.start_new_thread, [], threading.Event()

    def throw(*given: object) -> None:
        if moment == "after":
            start(*given)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    def loop() -> None:
        running.append(threading.get_ident())
        is_over.wait(20)

    worker = workers.Worker("one", loop, workers.QuietLog(logging.getLogger("mexc_plugin")))
    monkeypatch.setattr(workers.real_threads, "start_new_thread", throw)
    with pytest.raises(KeyboardInterrupt):
        worker.start()
    monkeypatch.setattr(workers.real_threads, "start_new_thread", start)
    assert worker.start()
    while not running:
        time.sleep(0.01)
    time.sleep(0.1)
    is_over.set()
    assert len(running) == 1


def test_a_handler_that_cancels_while_a_thread_is_started_waits_for_none(
    audit: Audit, monkeypatch
) -> None:
    start, places = workers.real_threads.start_new_thread, []

    def interrupt(*given: object) -> None:
        monkeypatch.setattr(workers.real_threads, "start_new_thread", start)
        places.append(made.commit(draft(1), 20))
        start(*given)  # type: ignore[arg-type]

    made = Writer(audit.url)
    monkeypatch.setattr(workers.real_threads, "start_new_thread", interrupt)
    places.append(made.commit(draft(2), 20))
    made.close()
    assert places == [Place.DATABASE] * 2


def test_where_no_thread_is_to_be_had_the_caller_spools_and_the_next_one_asks_again(
    audit: Audit, monkeypatch
) -> None:
    start = workers.real_threads.start_new_thread

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    made = Writer(audit.url)
    monkeypatch.setattr(workers.real_threads, "start_new_thread", refuse)
    assert made.commit(draft(), 20) is Place.SPOOL
    monkeypatch.setattr(workers.real_threads, "start_new_thread", start)
    assert placed(made, draft(1)) in (Place.DATABASE, Place.SPOOL)
    made.close()
    assert seqs(audit) == [1, 2, 3, 4]


def test_both_threads_are_started_once(audit: Audit, monkeypatch) -> None:
    start, started = workers.real_threads.start_new_thread, []

    def note(function, args) -> None:
        started.append(function.__name__)
        start(function, args)

    monkeypatch.setattr(workers.real_threads, "start_new_thread", note)
    made = Writer(audit.url)
    made.prepare()
    for n in range(3):
        assert made.commit(draft(n), 20) is Place.DATABASE
        time.sleep(0.02)
    made.close()
    assert started.count("_run") == 2


@pytest.mark.parametrize("what", ["a folder", "one that is named"])
def test_a_spool_that_cannot_be_written_is_said_before_it_is_needed(
    tmp_path: Path, caplog, what: str
) -> None:
    in_the_way = tmp_path / "in the way"
    in_the_way.touch()
    url = f"sqlite:///{tmp_path}/audit.db"
    made = Writer(url, in_the_way if what == "one that is named" else None)
    if what == "a folder":
        (tmp_path / f"audit.db.{made.writer_id}.new").mkdir()
    made.prepare()
    assert made.commit(draft(), 20) is Place.DATABASE
    said = logged(caplog, "audit: the spool %s cannot be written (%s)", what != "a folder")
    made.close()
    reasons = [record.args[1] for record in said]
    assert reasons == ([] if what == "a folder" else ["File exists"])


# -- endings


def test_who_is_closed_twice_says_stop_once_and_takes_nothing_more(audit: Audit) -> None:
    made = Writer(audit.url)
    made.commit(draft(), 20)
    made.close()
    made.close()
    assert made.commit(draft(1), 20) is Place.LOST  # there is no successor
    assert [event["kind"] for event in audit.events()] == ["start", "request", "stop"]
    assert spool_folder.files(audit.url) == []


def test_a_stop_that_is_lost_with_all_that_waited_is_said_in_what_is_kept_for_it(
    audit: Audit, monkeypatch
) -> None:
    allocate = os.posix_fallocate

    def allocate_within(fd: int, start: int, size: int) -> None:
        if start + size > spool_file.ROOM:
            raise OSError(28, "No space left on device")
        allocate(fd, start, size)

    monkeypatch.setattr(os, "posix_fallocate", allocate_within)
    audit.path.write_bytes(b"this is no database" * 100)
    made = Writer(audit.url)
    large = {**draft(), "body": "x" * 2_000}
    while placed(made, large) is not Place.LOST:
        pass
    closing = threading.Thread(target=made.close)
    with made._inbox._lock:  # so that all of it is one batch
        receipts = [made.submit(large) for _ in range(10)]
        closing.start()
        while len(made._inbox) < 11:
            time.sleep(0.01)
    closing.join(60)
    assert {receipt.place for receipt in receipts} == {Place.LOST}
    (path,) = spool_folder.files(audit.url)
    last = spool_replay.read(path).events[-1].document
    assert last is not None
    assert (last["kind"], last["lost"]) == ("stop", 12)


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


def test_the_journal_mode_of_other_peoples_database_is_left_alone(database: Audit) -> None:
    theirs = sqlite3.connect(database.path)
    theirs.execute("CREATE TABLE theirs (x)")
    theirs.commit()
    theirs.close()
    before = database.path.read_bytes()
    made = Writer(database.url)
    assert made.commit(draft(), 5) is Place.SPOOL
    made.close()
    assert database.path.read_bytes() == before
