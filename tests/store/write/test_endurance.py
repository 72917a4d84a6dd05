"""What ends or holds a writer's threads, its database or its process: loops, forks, readers, links, closing."""

import asyncio
import itertools
import json
import logging
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin import mexc
from mexc_plugin.audit.recorder import Place
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import wal_checkpoints
from mexc_plugin.store.write import recorders
from mexc_plugin.store.write.spool import spool_file, spool_folder, spool_replay
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit, MakeBot, logged, placed
from tests.store.write.drafts import draft

SYMBOL = "LTC/BTC"
# Far beyond any budget here, and far below what hangs.
LONG = 20.0


@pytest.fixture
def backend() -> str:
    """SQLite alone: what is tried here is the same on a server."""
    return "sqlite"


def kinds(audit: Audit) -> list[list[str]]:
    """Of each writer's events, in the order of its chain; the writers by when they began."""
    found: dict[str, list[str]] = {}
    for row in audit.query("SELECT * FROM cancel_audit ORDER BY seq, occurred_ns"):
        found.setdefault(row["writer_id"], []).append(row["kind"])
    return list(found.values())


def eventually(what: Callable[[], object], seconds: float = LONG) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.01)


@pytest.fixture
def writer(audit: Audit) -> Iterator[Writer]:
    """One that has stored something."""
    made = Writer(audit.url)
    made.prepare()
    assert made.commit(draft(), LONG) is Place.DATABASE
    yield made
    made.close()


# -- a loop that breaks off


def break_once(patch: pytest.MonkeyPatch, target: object, name: str, error: BaseException) -> None:
    """The next call raises; those after it do as ever."""
    original = getattr(target, name)

    def broken(*args: Any, **named: Any) -> Any:
        patch.setattr(target, name, original)
        raise error

    patch.setattr(target, name, broken)


@pytest.mark.parametrize("error", [MemoryError(), SystemExit(1), RuntimeError("odd")])
def test_a_storer_that_breaks_off_goes_on_with_what_it_had(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Any
) -> None:
    break_once(monkeypatch, writer._inbox, "settle", error)
    assert writer.commit(draft(1), 3_600) is Place.DATABASE  # of one event, and no other comes
    (said,) = logged(caplog, "audit: the thread %s broke off and goes on")
    assert said.args == ("mexc-plugin-audit", type(error).__name__, "broken")
    assert said.levelno == logging.ERROR
    assert writer.commit(draft(2), LONG) is Place.DATABASE


def test_a_keeper_that_breaks_off_goes_on_with_what_it_had(
    writer: Writer, audit: Audit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with audit.locked():
        break_once(monkeypatch, writer._keeper, "_append", MemoryError())
        assert placed(writer, draft(1)) is Place.SPOOL
        assert placed(writer, draft(2)) is Place.SPOOL
    (said,) = logged(caplog, "audit: the thread %s broke off and goes on")
    assert said.args == ("mexc-plugin-spool", "MemoryError", "broken")


def test_a_loop_that_breaks_off_each_time_neither_spins_nor_ends(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mexc_plugin.store.write.workers.PAUSE_S", 0.1)
    calls = []

    def broken() -> None:
        calls.append(time.monotonic())
        raise MemoryError

    made = Writer(audit.url)
    monkeypatch.setattr(made._storer.worker, "_loop", broken)
    assert made.commit(draft(), 0.2) in (Place.SPOOL, Place.PENDING)
    eventually(lambda: len(calls) > 4)
    assert min(b - a for a, b in itertools.pairwise(calls)) > 0.09
    monkeypatch.setattr(made._storer.worker, "_loop", made._storer._loop)
    made.close()
    assert kinds(audit) == [["start", "request", "stop"]]


def test_a_log_handler_that_ends_its_thread_ends_none(
    writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    class Exits(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise SystemExit

    handler = Exits()
    logger = logging.getLogger("mexc_plugin")
    logger.addHandler(handler)
    try:
        writer.say(logging.WARNING, "something")
        assert writer.commit(draft(1), LONG) is Place.DATABASE
    finally:
        logger.removeHandler(handler)


def test_a_log_handler_that_hangs_holds_no_event(audit: Audit) -> None:
    is_over = threading.Event()

    class Hangs(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            is_over.wait(LONG * 3)

    handler = Hangs()
    logger = logging.getLogger("mexc_plugin")
    logger.addHandler(handler)
    made = Writer(audit.url)
    try:
        made.say(logging.ERROR, "something")
        assert made.commit(draft(1), LONG) is Place.DATABASE
        with audit.locked():
            assert made.commit(draft(2), 1.0) is Place.SPOOL  # which is said, too
            assert made.commit(draft(3), LONG) is Place.SPOOL
        eventually(lambda: not made._breaker.is_open)
        assert made.commit(draft(4), LONG) is Place.DATABASE
    finally:
        is_over.set()
        logger.removeHandler(handler)
        made.close()


def test_what_the_last_events_had_to_say_is_said_before_the_writer_ends(audit: Audit) -> None:
    said: list[str] = []

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            time.sleep(0.05)
            said.append(record.getMessage())

    handler = Slow()
    logger = logging.getLogger("mexc_plugin")
    logger.addHandler(handler)
    try:
        made = Writer(audit.url)
        assert made.commit(draft(), LONG) is Place.DATABASE
        made.say(logging.ERROR, "the last word")
        made.close()
        assert said[-1:] == ["the last word"]
    finally:
        logger.removeHandler(handler)


def test_a_spool_that_hangs_at_the_start_makes_nobody_wait_for_a_database_that_does_not_answer(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = threading.Event()
    monkeypatch.setattr(spool_file.Spool, "prepare", lambda _: is_over.wait(LONG * 3))
    made = Writer(audit.url)
    made.prepare()
    assert made.commit(draft(), LONG) is Place.DATABASE
    with audit.locked():
        assert made.commit(draft(1), 0.1) is Place.PENDING
        eventually(lambda: made._breaker.is_open)
    is_over.set()
    made.close()
    assert kinds(audit) == [["start", "request", "request", "stop"]]


# -- the end of a writer


def test_what_comes_after_the_end_of_a_writer_is_in_the_chain_of_the_next(
    audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    old = recorders.recorder_for(audit.url)
    assert old.commit(draft(), LONG) is Place.DATABASE
    recorders.close_all()
    assert old.commit(draft(1), LONG) is Place.DATABASE
    assert old.commit(draft(2), LONG) is Place.DATABASE
    old.say(logging.WARNING, "said late")
    assert logged(caplog, "said late")
    recorders.close_all()
    assert kinds(audit) == [["start", "request", "stop"], ["start", "request", "request", "stop"]]


def test_a_writer_that_ends_while_threads_record_loses_nothing_and_has_nothing_after_its_stop(
    audit: Audit,
) -> None:
    places: list[Place] = []
    is_over = threading.Event()

    def work(writer: Writer) -> None:
        while not is_over.is_set():
            places.append(writer.commit(draft(len(places)), LONG))

    first = recorders.recorder_for(audit.url)
    threads = [threading.Thread(target=work, args=(first,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for count in (50, 100, 150):
        eventually(lambda least=count: len(places) > least)
        recorders.close_all()
    is_over.set()
    for thread in threads:
        thread.join(LONG)
    recorders.close_all()
    found = kinds(audit)
    assert len(found) >= 4
    assert all(each[0] == "start" and each.index("stop") == len(each) - 1 for each in found)
    assert sum(each.count("request") for each in found) == len(places)
    assert {*places} == {Place.DATABASE}


def test_an_event_that_is_in_the_inbox_behind_stop_goes_to_the_next_chain(audit: Audit) -> None:
    made = [Writer(audit.url)]
    first = Writer(audit.url, successor=lambda: made[0])
    first.prepare()
    assert first.commit(draft(), LONG) is Place.DATABASE
    late: list[Any] = []
    stop = first._stop

    def stop_and_then_an_event() -> bool:
        with first._inbox._lock:  # nothing is sealed meanwhile
            threading.Thread(target=lambda: late.append(stop())).start()
            eventually(lambda: len(first._inbox) == 1)
            late.append(first._inbox._came[0].__class__(draft(1)))
            first._inbox._came.append(late[0])
        eventually(lambda: len(late) == 2)
        return bool(late[1])

    first._stop = stop_and_then_an_event  # type: ignore[method-assign]
    first.close()
    assert late[0].wait(LONG)
    made[0].close()
    assert kinds(audit) == [["start", "request", "stop"], ["start", "request", "stop"]]


def test_a_writer_that_has_ended_and_has_no_successor_says_that_an_event_is_lost(
    writer: Writer,
) -> None:
    writer.close()
    assert writer.commit(draft(1), LONG) is Place.LOST


# -- a task


@pytest.mark.parametrize("colour", ["async", "pro"])
def test_a_task_that_is_cancelled_twice_while_its_event_is_rescued_sends_nothing_and_says_so(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_bot(options={"audit": {"url": audit.url, "deadline_ms": 1_000}})
    bot.cancel_order(sandbox.place("LTCBTC", "BUY", "1", "0.002"), SYMBOL)
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")

    async def cancelled_twice() -> None:
        task = asyncio.create_task(bot.exchange.cancel_order(order_id, SYMBOL))
        for _ in range(2):
            await asyncio.sleep(0.2)
            assert not task.done()  # its event is to be on record first
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with audit.locked():
        bot.run(cancelled_twice())
    assert len(sandbox.arrivals) == 1
    recorders.close_all()
    assert [row["outcome"] for row in audit.history()] == ["canceled", "not_sent"]
    assert kinds(audit) == [["start", *["request", "response"] * 2, "stop"]]


# -- forks


def test_a_child_whose_parent_could_not_close_its_connection_only_spools_and_it_arrives_later(
    sandbox: Sandbox, audit: Audit
) -> None:
    options = {"audit": {"url": audit.url, "deadline_ms": 500}}
    bot = mexc({**sandbox.ccxt_config(), "options": options})
    bot.cancel_order(sandbox.place("LTCBTC", "BUY", "1", "0.002"), SYMBOL)
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    bot.session.close()
    parent = recorders.recorder_for(audit.url)
    with audit.locked():
        stuck = parent.submit(draft(1), LONG)
        eventually(lambda: not parent._inbox)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                bot.cancel_order(order_id, SYMBOL)
                child = recorders.recorder_for(audit.url)
                code = (
                    0 if child._breaker.is_permanent and not child._storer.database.is_open else 2
                )
                recorders.close_all()
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        assert sandbox.arrivals[-1].params["orderId"] == order_id
        (path,) = [
            each for each in spool_folder.files(audit.url) if parent.writer_id not in each.name
        ]
        waiting = [json.loads(event.payload)["kind"] for event in spool_replay.read(path).events]
        assert waiting == ["start", "request", "response", "stop"]
    assert stuck.wait(LONG)
    recorders.close_all()
    assert len(kinds(audit)) == 1
    mexc({**sandbox.ccxt_config(), "options": options}).session.close()  # the next bot
    recorders.close_all()
    assert sorted(map(len, kinds(audit))) == [4, 5]
    assert {row["order_id"] for row in audit.history()} >= {order_id}
    assert spool_folder.files(audit.url) == []


def test_a_fork_leaves_the_parent_s_prepared_spool_where_it_is(
    writer: Writer, audit: Audit
) -> None:
    assert writer._keeper.tried.wait(LONG)
    pid = os.fork()
    if pid == 0:
        writer.forget()
        os._exit(0)
    os.waitpid(pid, 0)
    with audit.locked():
        assert placed(writer, draft(1)) is Place.SPOOL


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql://u:p@127.0.0.1:{server.getsockname()[1]}/x"


# What a busy machine may add. A silent server is waited for 2 s when it may be.
BUSY_S = 1.2


@pytest.mark.parametrize("who", ["a late key", "a child"])
def test_the_first_cancel_with_a_silent_server_takes_its_budget(
    sandbox: Sandbox, silent_server: str, who: str
) -> None:
    config: dict[str, Any] = sandbox.ccxt_config()
    keys = {name: config.pop(name) for name in ("apiKey", "secret")}
    bot = mexc({**config, "options": {"audit": {"url": silent_server, "deadline_ms": 250}}})
    bot.load_markets()
    vars(bot).update(keys)
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")

    def take() -> float:
        began = time.monotonic()
        bot.cancel_order(order_id, SYMBOL)
        return time.monotonic() - began

    if who == "a late key":
        took = take()
    else:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writing, repr(take()).encode())
            os._exit(0)
        took = float(os.read(reading, 100))
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)
    bot.session.close()
    assert took < 0.5 + BUSY_S
    assert sandbox.order(order_id).status == "CANCELED"


# -- a reader that holds the WAL


def test_no_commit_brings_a_wal_in_that_a_reader_held_back_and_the_file_shrinks_again(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal_checkpoints, "LARGE", 2**20)
    monkeypatch.setattr(wal_checkpoints, "AGAIN_S", 0.01)
    made = Writer(audit.url)
    made.prepare()
    wal = Path(f"{audit.path}-wal")
    body = "x" * 200_000

    def is_automatic() -> bool:
        assert made._storer.database._wal is not None
        return not made._storer.database._wal._is_ours

    assert made.commit(draft(), LONG) is Place.DATABASE
    assert is_automatic()
    with closing(sqlite3.connect(audit.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM cancel_audit").fetchall()
        for n in range(60):
            assert made.commit(draft(n, request={"body": body}), LONG) is Place.DATABASE
        assert wal.stat().st_size > 8 * 2**20
        eventually(lambda: not is_automatic())
    # As the events of a bot come: one now and then.
    numbers = iter(range(100, 10_000))

    def is_small_again() -> bool:
        assert made.commit(draft(next(numbers)), LONG) is Place.DATABASE
        return wal.stat().st_size <= 2**20 and is_automatic()

    eventually(is_small_again)
    assert audit.path.stat().st_size > 8 * 2**20
    made.close()
    assert not wal.exists()


def test_a_wal_is_brought_in_at_a_later_look_where_no_thread_was_to_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(wal_checkpoints, "AGAIN_S", 0.0)
    path, wal = tmp_path / "some 1%.db", tmp_path / "some 1%.db-wal"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (zeroblob(?))", (wal_checkpoints.LARGE + 1,))
        looks = wal_checkpoints.Wal(str(path))
        with monkeypatch.context() as patch:
            patch.setattr("mexc_plugin.real_threads.start_new_thread", refuse)
            looks.look(connection.cursor())
        assert not looks.is_running
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
        assert wal.stat().st_size > wal_checkpoints.LARGE
        looks.look(connection.cursor())
        eventually(lambda: not looks.is_running)
        assert wal.stat().st_size == 0  # and no commit was needed for it
        looks.look(connection.cursor())
        (pages,) = connection.execute("PRAGMA wal_autocheckpoint").fetchone()
        assert pages == wal_checkpoints.AUTOMATIC


def test_a_fork_while_a_wal_is_brought_in_gives_the_child_no_database(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert writer._storer.database._wal is not None
    monkeypatch.setattr(writer._storer.database._wal, "is_running", True)
    pause = writer.before_fork()
    assert pause is not None
    assert not pause.closed.wait(0.2)
    writer.after_fork()
    monkeypatch.undo()
    assert writer.commit(draft(1), LONG) is Place.DATABASE


# -- links


def test_the_file_at_the_end_of_a_dangling_link_is_for_its_owner_only(tmp_path: Path) -> None:
    link, target = tmp_path / "audit.db", tmp_path / "disk" / "real.db"
    target.parent.mkdir()
    link.symlink_to(target)
    before = os.umask(0o022)
    try:
        made = Writer(f"sqlite:///{link}")
        made.prepare()
        assert made.commit(draft(), LONG) is Place.DATABASE
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert stat.S_IMODE(Path(f"{target}-wal").stat().st_mode) == 0o600
    finally:
        os.umask(before)
    made.close()


@pytest.mark.parametrize("part", ["", "-wal", "-shm"])
def test_a_file_that_goes_away_behind_a_link_is_noticed(tmp_path: Path, part: str) -> None:
    link, target = tmp_path / "audit.db", tmp_path / "disk" / "real.db"
    target.parent.mkdir()
    link.symlink_to(target)
    made = Writer(f"sqlite:///{link}")
    made.prepare()
    assert made.commit(draft(), LONG) is Place.DATABASE
    Path(f"{target}{part}").unlink()
    if made.commit(draft(1), LONG) is not Place.DATABASE:
        eventually(lambda: not spool_folder.files(f"sqlite:///{link}"))
    eventually(Path(f"{target}{part}").exists)  # it was opened anew
    # As after a kill: what a new connection finds, without the old one.
    code = f"import sqlite3; print(sqlite3.connect('file:{link}?mode=ro', uri=True).execute(\"SELECT count(*) FROM cancel_audit WHERE cancel_id = 'c1'\").fetchone()[0])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "1\n"
    made.close()
