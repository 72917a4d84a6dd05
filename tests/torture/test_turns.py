"""Turns at a SQLite file: a queue that nobody hangs in, whatever happens to the others in it."""

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.write_queue import SUFFIX, Turns
from mexc_plugin.store.write.writer import Writer

from . import load
from .processes import Child

# Long enough to tell waiting from not waiting on a busy machine; a test that passes waits for less.
LONG = 30.0
SHORT = 0.05


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def make(database: Path) -> Iterator[Callable[[], Turns]]:
    made: list[Turns] = []

    def one() -> Turns:
        made.append(Turns(database))
        return made[-1]

    yield one
    for turns in made:
        turns.close()


@pytest.fixture
def holder(database: Path) -> Iterator[Child]:
    """Another process, whose turn it is."""
    child = Child(load.hold_a_turn, str(database))
    eventually(lambda: not is_free(database))
    yield child
    child.kill()


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < until, "it never happens"
        time.sleep(0.002)


def is_free(database: Path) -> bool:
    turns = Turns(database)
    try:
        return turns.take(0)
    finally:
        turns.close()


def test_a_turn_is_had_at_once_where_nobody_has_one(make) -> None:
    turns = make()
    assert turns.take(0)
    turns.give()
    assert turns.take(0)


def test_one_waits_while_it_is_another_s_turn_and_is_next(make) -> None:
    first, second = make(), make()
    assert first.take(0)
    assert not second.take(0)
    threading.Timer(SHORT, first.give).start()
    assert second.take(LONG)
    assert not first.take(0)


def test_who_waited_too_long_goes_on_without_a_turn_and_does_not_wait_again(make) -> None:
    first, second = make(), make()
    first.take(0)
    assert not second.take(SHORT)
    began = time.monotonic()
    assert not second.take(LONG)
    assert time.monotonic() - began < LONG / 2


def test_a_turn_that_comes_too_late_is_passed_on_and_the_queue_used_again(make) -> None:
    first, second = make(), make()
    first.take(0)
    assert not second.take(SHORT)
    first.give()
    assert first.take(LONG), "the late turn was kept"
    first.give()
    eventually(lambda: second.take(LONG))


def test_a_turn_that_was_waited_for_is_waited_for_again_the_next_time(make) -> None:
    first, second = make(), make()
    for _ in range(2):
        first.take(0)
        threading.Timer(SHORT, first.give).start()
        assert second.take(LONG)
        second.give()
    first.take(0)
    assert not second.take(SHORT)


def test_where_no_thread_is_to_be_had_one_writes_without_and_asks_again(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    first, second = make(), make()
    first.take(0)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert not second.take(SHORT)
    first.give()
    assert second.take(LONG)


def test_at_a_server_nobody_queues_and_all_of_the_time_is_left() -> None:
    with Turns(None).turn(5) as left_ms:
        assert left_ms == 5


def test_a_turn_is_given_back_at_its_end_and_the_wait_for_it_is_taken_off(
    database: Path, make
) -> None:
    turns, other = make(), make()
    with turns.turn(1_000) as left_ms:
        assert 1 <= left_ms <= 1_000
        assert not is_free(database)
        with other.turn(100) as left_of_others_ms:
            assert 1 <= left_of_others_ms <= 50
    eventually(lambda: is_free(database))  # the other's late turn is passed on


def test_those_who_wait_get_their_turns_in_the_order_in_which_they_came(database: Path) -> None:
    came: list[int] = []
    first = Turns(database)
    first.take(0)

    def wait(number: int) -> None:
        turns = Turns(database)
        assert turns.take(LONG)
        came.append(number)
        turns.give()
        turns.close()

    waiting = [threading.Thread(target=wait, args=(number,)) for number in range(8)]
    for count, thread in enumerate(waiting, 1):
        thread.start()
        eventually(lambda count=count: waiters(database) == count)
    first.close()
    for thread in waiting:
        thread.join()
    assert came == list(range(8))


def waiters(database: Path) -> int:
    """How many wait for the flock, as the kernel lists them."""
    inode = f":{(database.parent / (database.name + SUFFIX)).stat().st_ino} "
    lines = Path("/proc/locks").read_text().splitlines()
    return sum("->" in line and inode in line for line in lines)


def test_a_killed_process_leaves_its_turn_to_the_next(database: Path, holder: Child) -> None:
    turns = Turns(database)
    threading.Timer(SHORT, os.kill, (holder.pid, signal.SIGKILL)).start()
    assert turns.take(LONG)
    turns.close()


def test_a_stopped_process_holds_up_nobody_for_long(database: Path, holder: Child) -> None:
    os.kill(holder.pid, signal.SIGSTOP)
    turns = Turns(database)
    try:
        assert not turns.take(SHORT)
    finally:
        os.kill(holder.pid, signal.SIGCONT)
        turns.close()


def test_one_that_is_closed_while_it_waits_keeps_no_turn_that_comes_later(
    database: Path, make
) -> None:
    first, second = make(), make()
    first.take(0)
    assert not second.take(SHORT)
    second.close()
    first.give()
    eventually(lambda: is_free(database))


def test_the_thread_that_waited_ends_with_its_writer(make) -> None:
    first, second, third = make(), make(), make()
    first.take(0)
    assert not second.take(SHORT)  # and waits on
    second.close()
    first.give()
    threading.Timer(SHORT, first.give).start()
    assert third.take(LONG)  # and has been given its turn
    third.close()
    eventually(lambda: "mexc-plugin-turn" not in {thread.name for thread in threading.enumerate()})


def test_a_process_ends_while_it_waits_for_another_s_turn(database: Path, holder: Child) -> None:
    code = (
        "import sys; from pathlib import Path; from mexc_plugin.store.write.write_queue import Turns\n"
        f"sys.exit(Turns(Path(sys.argv[1])).take({SHORT}))"
    )
    line = [sys.executable, "-c", code, str(database)]
    assert subprocess.run(line, timeout=LONG, check=False).returncode == 0


def test_a_forked_child_that_forgets_does_not_keep_its_parent_s_turn(database: Path) -> None:
    turns = Turns(database)
    turns.take(0)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        turns.forget()
        os.write(writing, b".")
        time.sleep(LONG)
        os._exit(0)
    os.read(reading, 1)
    turns.close()  # as a kill would: nothing is unlocked, only closed
    free = is_free(database)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(reading)
    os.close(writing)
    assert free


@pytest.mark.parametrize("what", ["folder", "link", "nowhere"])
def test_where_there_can_be_no_queue_one_writes_without(tmp_path: Path, what: str) -> None:
    database = tmp_path / "audit.db"
    queue = tmp_path / f"audit.db{SUFFIX}"
    if what == "folder":
        queue.mkdir()
        queue.chmod(0)
        (queue / "in the way").mkdir(parents=True)
    elif what == "link":
        queue.symlink_to(tmp_path / "elsewhere")
    else:
        database = tmp_path / "no such folder" / "audit.db"
    turns = Turns(database)
    assert not turns.take(LONG)
    assert not (tmp_path / "elsewhere").exists()
    turns.give()
    turns.close()


def test_a_file_system_without_flock_is_asked_once(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(fd: int, _operation: int) -> None:
        asked.append(fd)
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    turns = Turns(database)
    assert [turns.take(LONG), turns.take(LONG)] == [False, False]
    assert len(asked) == 1


def test_an_interrupted_wait_keeps_no_turn(database: Path, make) -> None:
    first, second = make(), make()
    first.take(0)

    def interrupt(*_: object) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGUSR1, interrupt)
    threading.Timer(SHORT, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    try:
        with pytest.raises(InterruptedError):
            second.take(LONG)
    finally:
        signal.signal(signal.SIGUSR1, before)
    first.give()
    eventually(lambda: is_free(database))


def test_the_file_is_for_its_owner_only_and_nothing_of_it_is_left_open(database: Path) -> None:
    before = open_files()
    turns = Turns(database)
    turns.take(0)
    turns.close()
    mode = (database.parent / f"audit.db{SUFFIX}").stat().st_mode & 0o777
    assert mode == 0o600
    assert open_files() == before


def open_files() -> set[str]:
    return {os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()}


# -- the writer's use of it


def test_a_forked_child_keeps_no_file_of_the_queue(database: Path) -> None:
    opened = Database(f"sqlite:///{database}", 1_000)
    opened.open()
    opened.insert_missing([])
    queue = str(database.parent / f"audit.db{SUFFIX}")
    assert queue in open_files()
    pid = os.fork()
    if pid == 0:
        opened.forget()
        os._exit(queue in open_files())
    assert os.waitpid(pid, 0)[1] == 0
    opened.close()


@pytest.fixture
def writer(database: Path) -> Iterator[Writer]:
    made = Writer(f"sqlite:///{database}")
    made.prepare()
    assert made.commit({"kind": "request", "occurred_ns": 1}, LONG) is Place.DATABASE
    yield made
    made.close()


def test_who_writes_has_the_turn_and_gives_it_back(database: Path, writer: Writer) -> None:
    lock = sqlite3.connect(database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    receipt = writer.submit({"kind": "request", "occurred_ns": 2})
    eventually(lambda: not is_free(database))
    lock.close()
    assert receipt.wait(LONG)
    eventually(lambda: is_free(database))


@pytest.mark.parametrize("inline", [True, False])
def test_a_stopped_process_with_the_turn_keeps_no_event_from_the_database(
    writer: Writer, holder: Child, inline: bool
) -> None:
    os.kill(holder.pid, signal.SIGSTOP)
    draft = {"kind": "request", "occurred_ns": 2}
    if inline:
        assert writer.commit(draft, LONG) is Place.DATABASE
    else:
        receipt = writer.submit(draft)
        assert receipt.wait(LONG)
        assert receipt.place is Place.DATABASE
    os.kill(holder.pid, signal.SIGCONT)


def test_without_a_queue_events_are_stored_as_with_one(database: Path) -> None:
    (database.parent / f"audit.db{SUFFIX}").mkdir()
    made = Writer(f"sqlite:///{database}")
    made.prepare()
    place = made.commit({"kind": "request", "occurred_ns": 1}, LONG)
    made.close()
    assert place is Place.DATABASE
