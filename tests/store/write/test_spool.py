"""The spool: prepared, full, moved away, written by others, and what comes home from it."""

import contextlib
import errno
import json
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.recorder import Place
from mexc_plugin.errors import ConfigError
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.write.spool import spool_file, spool_folder, spool_format, spool_replay
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit, MakeBot, logged, placed
from tests.store.write.drafts import draft

OTHER = "00000000-0000-4000-8000-00000000000a"
SYMBOL = "LTC/BTC"


@pytest.fixture
def backend() -> str:
    """SQLite alone: what is tried here is the same on a server."""
    return "sqlite"


def chained(count: int, writer_id: str = OTHER) -> list[Event]:
    made: list[Event] = []
    for n in range(count):
        last = made[-1].hash if made else chain.GENESIS
        made.append(events.seal(draft(n), writer_id, n + 1, last))
    return made


def seqs(audit: Audit, writer_id: str) -> list[int]:
    rows = audit.query("SELECT writer_id, seq FROM cancel_audit ORDER BY seq")
    return [row["seq"] for row in rows if row["writer_id"] == writer_id]


@pytest.fixture
def writer(audit: Audit) -> Iterator[Writer]:
    """One that has stored something."""
    made = Writer(audit.url)
    made.prepare()
    assert made.commit(draft(), 20) is Place.DATABASE
    yield made
    made.close()


@pytest.fixture
def other(audit: Audit) -> Iterator[spool_file.Spool]:
    made = spool_file.Spool(audit.url, OTHER)
    yield made
    made.close()


def replay_others(audit: Audit) -> None:
    """As the next bot does when it starts."""
    made = Writer(audit.url)
    made.prepare()
    made.close()


# -- prepared


def test_a_writer_has_its_spool_ready_before_it_needs_it_and_removes_it(audit: Audit) -> None:
    made = Writer(audit.url)
    made.prepare()
    assert made._keeper.tried.wait(10)
    (ready,) = spool_folder.list_prepared(audit.url)
    assert ready.stat().st_mode & 0o777 == 0o600
    assert ready.stat().st_blocks * 512 >= spool_file.ROOM
    assert spool_folder.files(audit.url) == []
    made.close()
    assert spool_folder.list_prepared(audit.url) == []


def test_what_is_prepared_is_used_and_prepared_again_when_it_was_replayed(
    writer: Writer, audit: Audit
) -> None:
    until = time.monotonic() + 20
    while not (ready := spool_folder.list_prepared(audit.url)) and time.monotonic() < until:
        time.sleep(0.01)
    inode = ready[0].stat().st_ino
    with audit.locked():
        assert placed(writer, draft(1)) is Place.SPOOL
        (used,) = spool_folder.files(audit.url)
        assert used.stat().st_ino == inode
        assert spool_folder.list_prepared(audit.url) == []
        assert len(spool_replay.read(used).events) == 1
    until = time.monotonic() + 20
    while not (found := spool_folder.list_prepared(audit.url)) and time.monotonic() < until:
        time.sleep(0.01)
    assert [path.stat().st_ino for path in found] == [inode]
    with audit.locked():
        assert placed(writer, draft(2)) is Place.SPOOL
        assert len(spool_replay.read(used).events) == 1
    writer.close()
    assert seqs(audit, writer.writer_id) == [1, 2, 3, 4, 5]


def test_what_a_killed_writer_had_prepared_is_swept_away_and_a_living_one_s_is_not(
    writer: Writer, other: spool_file.Spool, audit: Audit
) -> None:
    left = audit.path.with_name(f"{audit.path.name}.{OTHER}.new")
    left.write_bytes(bytes(100))
    living = {*spool_folder.list_prepared(audit.url)} - {left}
    replay_others(audit)
    assert {*spool_folder.list_prepared(audit.url)} == living != set()


def test_a_file_system_that_reserves_nothing_takes_events_all_the_same(
    other: spool_file.Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    other.prepare()
    other.append(chained(3))
    assert other.path is not None
    assert [event.seq for event in spool_replay.read(other.path).events] == [1, 2, 3]


def test_a_system_without_posix_fallocate_reserves_by_writing(
    other: spool_file.Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    other.prepare()
    other.append(chained(3))
    assert other.path is not None
    assert other.path.stat().st_blocks * 512 >= spool_file.ROOM
    assert [event.seq for event in spool_replay.read(other.path).events] == [1, 2, 3]


# A disk of one megabyte, in a mount namespace that goes with the process.
FULL = """
import contextlib, json, os, sys
from pathlib import Path
from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.read import queries; from mexc_plugin.store.write.spool import spool_file, spool_folder, spool_format, spool_replay; from mexc_plugin.store.verify import record as verify; from tests.store import whole
from mexc_plugin.store.write.writer import Writer

disk = Path(sys.argv[1])
url = f"sqlite:///{disk}/audit.db"
body = "x" * 1_500

def commit(n):
    return writer.commit({"kind": "request", "occurred_ns": n + 1, "cancel_id": str(n), "body": body}, 20)

writer = Writer(url)
writer.prepare()
writer._keeper.tried.wait(20)
places = [commit(0)]
with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
    while True:
        filler.write(bytes(512))
while places[-1] is not Place.LOST:
    places.append(commit(len(places)))
places += [commit(len(places) + n) for n in range(3)]
writer.close()
(path,) = spool_folder.files(url)
last = json.loads(spool_replay.read(path).events[-1].payload)
(disk / "filler").unlink()
after = Writer(url)
after.prepare()
after.close()
with queries.reading(url) as connection:
    stored = [row["seq"] for row in whole.read_chained(connection) if row["writer_id"] == writer.writer_id]
    found = [f.fault.value for f in whole.verify(whole.read_chained(connection), verify.Verifier())]
print(json.dumps([[place.value for place in places], last, stored, writer._inbox.sealer.seq, found]))
"""


def test_a_full_disk_takes_what_was_reserved_and_the_end_says_what_was_lost(tmp_path: Path) -> None:
    as_root = "-m" if os.geteuid() == 0 else "-rm"
    line = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", as_root, "sh", "-c", line, "sh", str(tmp_path), sys.executable, FULL],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    places, last, stored, sealed, found = json.loads(done.stdout)
    spooled, lost = places.count("spool"), places.count("lost")
    assert places[0] == "database"
    assert spooled * 1_500 > spool_file.ROOM / 2
    # What SQLite gives back when it closes its file may take the next ones.
    assert (1 <= lost <= 4, last["kind"]) == (True, "stop")
    assert lost + spooled == len(places) - 1
    assert len(stored) == spooled + 3  # with `start`, the first request and `stop`
    assert sealed == len(stored) + lost
    assert found == ["lost"]


# -- what is spooled, and when


def test_a_lock_that_ends_in_time_spools_only_what_could_not_wait(
    writer: Writer, audit: Audit
) -> None:
    with audit.locked():
        patient = [writer.submit(draft(n), 60) for n in range(20)]
        time.sleep(0.4)
        patient += [writer.submit(draft(n), 60) for n in range(20, 40)]
    assert all(receipt.wait(20) for receipt in patient)
    assert {receipt.place for receipt in patient} == {Place.DATABASE}
    assert writer._inbox.sealer._marks["spooled"] is None


def test_within_its_budget_nothing_is_sent_before_the_spool_has_it(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_bot(options={"audit": {"url": audit.url}})
    bot.load_markets()
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    bot.cancel_order(sandbox.place("LTCBTC", "BUY", "1", "0.002"), SYMBOL)
    send = bot.exchange.fetch
    waiting: list[str] = []

    def fetch(*request: object, **named: object) -> object:
        for path in spool_folder.files(audit.url):
            waiting.extend(
                json.loads(event.payload)["kind"] for event in spool_replay.read(path).events
            )
        return send(*request, **named)

    bot.exchange.fetch = fetch
    with audit.locked():
        bot.cancel_order(order_id, SYMBOL)
    assert waiting == ["request"]


def test_the_second_cancel_of_an_outage_does_not_wait(writer: Writer, audit: Audit) -> None:
    with audit.locked():
        assert writer.commit(draft(1), 0.2) in (Place.SPOOL, Place.PENDING)
        until = time.monotonic() + 20
        while not writer._breaker.is_open and time.monotonic() < until:
            time.sleep(0.01)
        # Its share of this budget would not be over when this test has been given up.
        assert writer.submit(draft(2), 3_600).wait(30)


def test_the_database_is_in_use_again_within_a_second_of_its_return(audit: Audit) -> None:
    """In one of a few outages: a busy machine adds to each of them."""
    replay_others(audit)
    made = Writer(audit.url)
    aside = audit.path.with_name("aside")
    took: list[float] = []
    while not took or min(took) >= 1:
        assert len(took) < 5, took
        recorded = made.commit(draft(), 20)
        assert recorded is Place.DATABASE
        audit.path.rename(aside)
        audit.path.write_bytes(b"this is no database" * 100)
        assert made.commit(draft(), 20) is Place.SPOOL
        aside.replace(audit.path)
        began = time.monotonic()
        while spool_folder.files(audit.url) and time.monotonic() < began + 30:
            time.sleep(0.01)
        took.append(time.monotonic() - began)
    made.close()


# -- what others do to it


@pytest.mark.parametrize("how", ["moved", "removed"])
def test_a_spool_that_goes_away_between_two_appends_is_there_again_with_all_of_it(
    writer: Writer, audit: Audit, how: str
) -> None:
    with audit.locked():
        assert placed(writer, draft(1)) is Place.SPOOL
        (path,) = spool_folder.files(audit.url)
        gone = Path(f"{path} (deleted)")
        if how == "moved":
            gone = path.rename(path.with_name("elsewhere"))
        else:
            path.unlink()
        assert gone in {fd.resolve() for fd in Path("/proc/self/fd").iterdir()}
        assert placed(writer, draft(2)) is Place.SPOOL
        assert gone not in {fd.resolve() for fd in Path("/proc/self/fd").iterdir()}
        assert [event.seq for event in spool_replay.read(path).events] == [3, 4]
    writer.close()
    assert seqs(audit, writer.writer_id) == [1, 2, 3, 4, 5]


def test_what_was_prepared_and_swept_away_is_made_again(writer: Writer, audit: Audit) -> None:
    for path in spool_folder.list_prepared(audit.url):
        path.unlink()
    with audit.locked():
        assert placed(writer, draft(1)) is Place.SPOOL
        (path,) = spool_folder.files(audit.url)
        assert [event.seq for event in spool_replay.read(path).events] == [3]


@pytest.mark.parametrize("by", ["its own writer", "another"])
def test_an_event_of_the_largest_size_comes_home(writer: Writer, audit: Audit, by: str) -> None:
    largest = draft(1, request={"body": "\U0001f600" * events.MAX_BODY})
    following = draft(2)
    if by == "another":
        other = spool_file.Spool(audit.url, OTHER)
        first = events.seal(largest, OTHER, 1, chain.GENESIS)
        other.append([first])
        other.append([events.seal(following, OTHER, 2, first.hash)])
        other.close()
        replay_others(audit)
        assert seqs(audit, OTHER) == [1, 2]
    else:
        with audit.locked():
            assert placed(writer, largest) is Place.SPOOL
            assert placed(writer, following) is Place.SPOOL
        writer.close()
        assert seqs(audit, writer.writer_id) == [1, 2, 3, 4, 5]
    assert spool_folder.files(audit.url) == []
    assert max(len(event["payload"]) for event in audit.events()) > events.MAX_BODY


HOSTILE = {
    "nested": b"[" * 100_000,
    "a number beyond any": b'{"writer_id":"%s","seq":1e999}' % OTHER.encode(),
    "no object": b"7",
    "other names": b'{"a":1}',
    "no UTF-8": b"\xff\xfe{",
    "NULs within": b'{"writer\x00\x00_id":1}',
    "another writer": b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_one_hostile_line_keeps_no_other_from_the_database(audit: Audit, what: str) -> None:
    first, second = chained(2)
    line = HOSTILE[what] + b"\n"
    if what == "another writer":
        line = spool_format.write_line(chained(1, "f" * 36)[0])
    path = audit.path.with_name(f"{audit.path.name}.{OTHER}.spool")
    path.write_bytes(spool_format.write_line(first) + line + spool_format.write_line(second))
    replay_others(audit)
    assert seqs(audit, OTHER) == [1, 2]
    assert spool_folder.files(audit.url) == []
    assert line in path.with_suffix(".torn").read_bytes()


@pytest.mark.parametrize("what", ["another user's", "a folder", "a link", "a FIFO"])
def test_what_is_no_spool_of_this_user_is_left_alone_and_said(
    audit: Audit, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    path = audit.path.with_name(f"{audit.path.name}.{OTHER}.spool")
    if what == "another user's":
        path.write_bytes(spool_format.write_line(chained(1)[0]))
        os.chown(path, 54_321, 54_321)
    elif what == "a folder":
        path.mkdir()
    elif what == "a link":
        elsewhere = audit.path.with_name("elsewhere")
        elsewhere.write_bytes(spool_format.write_line(chained(1)[0]))
        path.symlink_to(elsewhere)
    else:
        os.mkfifo(path)
    with caplog.at_level(logging.WARNING):
        made = Writer(audit.url)
        made.prepare()
        assert (
            made.commit(draft(), 20) is Place.DATABASE
        )  # one that cannot be replayed closes nothing
        made.close()
    assert seqs(audit, OTHER) == []
    assert os.path.lexists(path)
    assert logged(caplog, "audit: the spool %s is left alone")


def test_one_spool_that_cannot_be_replayed_stays_and_keeps_nothing_else_from_the_database(
    audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    replay_others(audit)
    audit.execute(
        f"CREATE TRIGGER theirs BEFORE INSERT ON cancel_audit WHEN NEW.writer_id = '{OTHER}' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    following = OTHER[:-1] + "b"  # so that it comes behind the other
    paths = [
        audit.path.with_name(f"{audit.path.name}.{writer}.spool") for writer in (OTHER, following)
    ]
    for path, writer_id in zip(paths, (OTHER, following), strict=True):
        path.write_bytes(b"".join(map(spool_format.write_line, chained(2, writer_id))))
    made = Writer(audit.url)
    made.prepare()
    assert made.commit(draft(), 20) is Place.DATABASE
    made.close()
    assert [seqs(audit, OTHER), seqs(audit, following)] == [[], [1, 2]]
    assert spool_folder.files(audit.url) == paths[:1]
    (said,) = logged(caplog, "audit: the spool %s cannot be replayed and is kept")
    assert said.args == (paths[0].name, "IntegrityError")
    assert logged(caplog, "audit: the database %s cannot be used", 0) == []


@pytest.mark.parametrize("what", ["raises", "hangs"])
def test_a_log_handler_changes_nothing_for_a_replay_that_has_something_to_say(
    audit: Audit, what: str
) -> None:
    is_over = threading.Event()
    said: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(str(record.msg))
            if what == "hangs":
                is_over.wait(60)
            raise RuntimeError("a handler's own")

    made = Writer(audit.url)
    assert made.commit(draft(), 20) is Place.DATABASE
    made.close()
    taken, whole = OTHER[:-1] + "b", OTHER[:-1] + "d"
    columns = [row["name"] for row in audit.query("PRAGMA table_info(cancel_audit)")]
    forged = ", ".join({"writer_id": f"'{taken}'", "hash": "'f'"}.get(c, c) for c in columns)
    audit.execute(f"INSERT INTO cancel_audit SELECT {forged} FROM cancel_audit WHERE seq = 1")
    os.mkfifo(audit.path.with_name(f"{audit.path.name}.{OTHER}.spool"))
    for writer_id in (taken, whole):
        path = audit.path.with_name(f"{audit.path.name}.{writer_id}.spool")
        path.write_bytes(b"".join(map(spool_format.write_line, chained(2, writer_id))))
    handler = Handler()
    logger = logging.getLogger("mexc_plugin")
    logger.addHandler(handler)
    try:
        made = Writer(audit.url)
        assert made.commit(draft(), 20) is Place.DATABASE
        assert not made._breaker.has_failed
        is_over.set()
        made.close()
    finally:
        logger.removeHandler(handler)
    assert [seqs(audit, writer_id) for writer_id in (taken, whole)] == [[1, 2], [1, 2]]
    (kept,) = spool_folder.set_aside(audit.url)
    assert [json.loads(line)["seq"] for line in kept.read_bytes().splitlines()] == [1]
    assert len(said) >= 3


def test_its_own_event_whose_place_is_taken_when_it_comes_home_is_kept_aside(
    writer: Writer, audit: Audit
) -> None:
    columns = [row["name"] for row in audit.query("PRAGMA table_info(cancel_audit)")]
    forged = ", ".join({"seq": "3", "hash": "'f'"}.get(name, name) for name in columns)
    with contextlib.closing(sqlite3.connect(audit.path, isolation_level=None)) as theirs:
        theirs.execute("BEGIN IMMEDIATE")
        assert placed(writer, draft(1)) is Place.SPOOL
        assert placed(writer, draft(2)) is Place.SPOOL
        theirs.execute(f"INSERT INTO cancel_audit SELECT {forged} FROM cancel_audit WHERE seq = 2")
        theirs.execute("COMMIT")
    writer.close()
    (kept,) = spool_folder.set_aside(audit.url)
    assert kept.suffix == ".conflict"
    assert [json.loads(line)["seq"] for line in kept.read_bytes().splitlines()] == [3]
    assert seqs(audit, writer.writer_id) == [1, 2, 3, 4, 5]


def test_a_spool_that_cannot_be_taken_away_keeps_no_event_from_the_database(
    writer: Writer, audit: Audit, caplog
) -> None:
    with audit.locked():
        assert placed(writer, draft(1)) is Place.SPOOL
        (used,) = spool_folder.files(audit.url)
        in_the_way = used.with_suffix(spool_folder.PREPARED) / "something"
        in_the_way.mkdir(parents=True)
    (stuck,) = logged(caplog, "cannot be replayed to its end")
    assert [stuck.levelname, "Is a directory" in stuck.getMessage()] == ["WARNING", True]
    assert [writer.commit(draft(n), 20) for n in range(2, 5)] == [Place.DATABASE] * 3
    assert not writer._breaker.has_failed
    with audit.locked():
        assert placed(writer, draft(5)) is Place.SPOOL
    in_the_way.rmdir()
    in_the_way.parent.rmdir()
    until = time.monotonic() + 20
    while spool_folder.files(audit.url) and time.monotonic() < until:
        time.sleep(0.01)
    assert spool_folder.files(audit.url) == []
    with audit.locked():
        assert placed(writer, draft(6)) is Place.SPOOL
    writer.close()
    assert seqs(audit, writer.writer_id) == [*range(1, 10)]


def test_a_line_that_its_own_writer_cannot_read_back_is_kept_aside_and_said(
    writer: Writer, audit: Audit, caplog
) -> None:
    for n in (1, 3):
        with audit.locked():
            assert placed(writer, draft(n)) is Place.SPOOL
            (used,) = spool_folder.files(audit.url)
            assert placed(writer, draft(n + 1)) is Place.SPOOL
            with used.open("r+b") as file:  # the line that the storer has not in its hands
                file.seek(len(file.readline()))
                file.write(b"[")
        assert len(logged(caplog, "could not be read back", (n + 1) // 2)) == (n + 1) // 2
    writer.close()
    kept = spool_folder.set_aside(audit.url)
    assert sorted(path.name.removeprefix(used.stem) for path in kept) == [".2.torn", ".torn"]
    assert all(len(path.read_bytes().splitlines()) == 2 for path in kept)
    assert seqs(audit, writer.writer_id) == [1, 2, 3, 5, 7]


def test_a_spool_that_was_closed_goes_on_where_it_ended(audit: Audit) -> None:
    made = spool_file.Spool(audit.url, OTHER)
    first, second, third = chained(3)
    made.append([first])
    made.close()
    assert made.path is not None
    assert made.path.stat().st_size == len(
        spool_format.write_line(first)
    )  # nothing is reserved any more
    made.append([second])
    made.append([third])
    assert [event.seq for event in made.take(0)[0]] == [1, 2, 3]
    made.close()
    made.path.unlink()  # by a replay
    made.append(chained(1))
    assert made.path.read_bytes().startswith(b"{")
    made.close()


def test_a_spool_that_is_moved_away_while_it_is_replayed_is_left_to_whoever_did(
    other: spool_file.Spool, tmp_path: Path
) -> None:
    other.append(chained(2))
    assert other.path is not None
    other.path.rename(tmp_path / "elsewhere")
    other.clear()
    assert len((tmp_path / "elsewhere").read_bytes().strip(b"\0").splitlines()) == 2
    assert not other.is_open


# -- the file itself


def test_without_a_home_each_event_is_refused_and_the_reason_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platformdirs.user_state_path", lambda *_, **__: Path("~"))
    made = spool_file.Spool("postgresql://u@nowhere/x", OTHER)
    assert str(made) == "(there is none)"
    for refuse in (made.prepare, lambda: made.append(chained(1))):
        with pytest.raises(FileNotFoundError, match="there is no home folder for the spool"):
            refuse()
    made.close()


def test_room_is_reserved_for_many_events_at_once_and_again_when_it_is_used(
    other: spool_file.Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate, asked = os.posix_fallocate, []

    def note(fd: int, start: int, size: int) -> None:
        asked.append((start, start + size))
        allocate(fd, start, size)

    monkeypatch.setattr(os, "posix_fallocate", note)
    other.prepare()
    other.prepare()  # there is one
    batch = chained(40)
    for event in batch:
        other.append([event])
    assert asked == [(0, spool_file.ROOM)]
    large = events.seal(draft(40, body="x" * spool_file.ROOM), OTHER, 41, batch[-1].hash)
    other.append([large])
    assert str(other) == str(other.path)
    assert other.path is not None
    used = len(other.path.read_bytes().rstrip(b"\0"))
    assert asked[1:] == [(spool_file.ROOM, used + spool_file.ROOM)]
    behind = other.take(0)[1]
    assert other.take(behind)[0] == [large]


def test_a_disk_that_is_nearly_full_is_used_but_for_what_the_end_needs(
    other: spool_file.Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate, limit = os.posix_fallocate, spool_file.ROOM + 4 * spool_file.LAST_ROOM

    def allocate_within(fd: int, start: int, size: int) -> None:
        if start + size > limit:
            raise OSError(errno.ENOSPC, "No space left on device")
        allocate(fd, start, size)

    monkeypatch.setattr(os, "posix_fallocate", allocate_within)
    other.prepare()
    event = events.seal(draft(body="x" * 1_000), OTHER, 1, chain.GENESIS)
    size = len(spool_format.write_line(event))
    with pytest.raises(OSError, match="No space left on device"):
        for _ in range(limit // size):
            other.append([event])
    assert other.path is not None
    used = len(other.path.read_bytes().rstrip(b"\0"))
    assert limit - spool_file.LAST_ROOM - size <= used <= limit - spool_file.LAST_ROOM
    other.is_ending = True
    other.append([event])
    assert len(other.path.read_bytes().rstrip(b"\0")) == used + size


def test_a_folder_that_is_named_is_refused_for_what_no_waiting_mends_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool_folder.validate(None)
    spool_folder.validate(tmp_path / "new")
    assert (tmp_path / "new").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot be written \(File exists\); correct its owner"):
        spool_folder.validate(tmp_path / "file")

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    spool_folder.validate(tmp_path / "new")


def test_a_spool_is_found_abandoned_when_its_writer_is_gone_and_not_before(
    other: spool_file.Spool, audit: Audit, tmp_path: Path
) -> None:
    assert other.path is not None
    assert not spool_replay.is_abandoned(other.path)  # not there: its writer replayed it
    other.append(chained(1))
    assert not spool_replay.is_abandoned(other.path)
    assert [*spool_replay.find_abandoned(audit.url)] == []
    other.close()
    assert spool_replay.is_abandoned(other.path)
    assert spool_replay.is_abandoned(tmp_path)  # nothing that a writer could have
    assert [path for path, _ in spool_replay.find_abandoned(audit.url)] == [other.path]


def test_what_was_replayed_is_cleared_away_whole(other: spool_file.Spool) -> None:
    first, second = chained(2)
    other.append([first])
    assert (other.is_open, other.path is not None) == (True, True)
    assert other.path is not None
    ready = other.path.with_suffix(spool_folder.PREPARED)
    other.clear()
    assert (other.is_open, other.path.exists()) == (False, False)
    assert ready.read_bytes().strip(b"\0") == b""
    assert ready.stat().st_blocks * 512 >= spool_file.ROOM
    other.append([second])
    assert other.path.read_bytes().rstrip(b"\0") == spool_format.write_line(second)
    events_, end = other.take(0)
    assert (events_, other.take(end)) == ([second], ([], end))


def test_a_file_system_without_locks_takes_no_event_and_keeps_no_file_open(
    other: spool_file.Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.append(chained(1))
    other.close()
    open_before = len(list(Path("/proc/self/fd").iterdir()))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(spool_file.fcntl, "flock", refuse)
    for url in (f"sqlite:///{other.path}", other.path):
        made = other if url is other.path else spool_file.Spool(str(url), OTHER)
        with pytest.raises(OSError, match="No locks available"):
            made.append(chained(1))
        made.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_the_name_that_a_database_is_linked_to_need_not_be_text(tmp_path: Path) -> None:
    link = tmp_path / "audit.db"
    link.symlink_to(tmp_path / "\udcff.db")
    folder, stem = spool_folder.place(f"sqlite:///{link}", tmp_path)
    assert (folder, stem.startswith("audit.db-")) == (tmp_path, True)


@pytest.mark.parametrize("cut", [True, False])
def test_half_a_batch_of_a_disk_that_fails_is_cut_off_or_written_over(
    other: spool_file.Spool, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    batch = chained(5)
    other.append(batch[:1])
    write, refused = os.write, OSError(errno.EIO, "Input/output error")

    def half(fd: int, data: bytes) -> int:
        if len(data) < 200:
            raise refused
        return write(fd, bytes(data)[: len(data) // 2])

    def refuse(*_: object) -> None:
        raise refused

    for name, broken in (("write", half), ("fdatasync", refuse)):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, broken)
            if not cut:
                patch.setattr(os, "ftruncate", refuse)
            with pytest.raises(OSError, match="Input/output error"):
                other.append(batch[1:2])
        assert other.path is not None
        assert len(spool_replay.read(other.path).events) <= (1 if cut else 2)
    other.append(batch[2:])
    assert other.take(0)[0] == [batch[0], *batch[2:]]
    content = spool_replay.read(other.path)
    assert (content.events, content.torn) == ((batch[0], *batch[2:]), 0)


def test_what_is_tried_is_the_nearest_folder_and_nothing_stays_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, tried = tempfile.mkstemp, []

    def note(**named: Any) -> tuple[int, str]:
        fd, name = make(**named)
        assert Path(name).name.startswith(".mexc-plugin-")  # for whoever finds one after a kill
        tried.append(Path(name).parent)
        return fd, name

    monkeypatch.setattr(tempfile, "mkstemp", note)
    spool_folder.try_to_write(tmp_path / "a" / "b", make=False)
    spool_folder.try_to_write(tmp_path / "c" / "d", make=True)
    assert tried == [tmp_path, tmp_path / "c" / "d"]
    assert [path.name for path in tmp_path.rglob("*")] == ["c", "d"]
    assert (tmp_path / "c" / "d").stat().st_mode & 0o777 == 0o700


def test_what_is_set_aside_is_durable_with_its_name_and_for_its_owner_only(
    other: spool_file.Spool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    synced: list[tuple[Path, int]] = []

    def note(fd: int) -> None:
        synced.append((Path(f"/proc/self/fd/{fd}").readlink(), os.fstat(fd).st_size))

    monkeypatch.setattr(os, "fsync", note)
    batch = chained(7)
    for some in ([], batch[:1], batch[1:]):
        other.set_aside(some, spool_replay.log.log)
    assert other.path is not None
    kept = other.path.with_suffix(spool_folder.CONFLICT)
    lines = [spool_format.write_line(event) for event in batch]
    assert kept.read_bytes() == b"".join(lines)
    assert kept.stat().st_mode & 0o777 == 0o600
    sizes = [size for path, size in synced if path == kept]
    assert sizes == [len(lines[0]), sum(map(len, lines))]
    assert [path for path, _ in synced] == [kept, kept.parent] * 2
    said = [record.getMessage() for record in caplog.records]
    assert [text.partition(": they")[0] for text in said] == [
        f"audit: another row is in the place of 1 events (writer {OTHER}, seq 1), or they left for an archive",
        f"audit: another row is in the place of 6 events (writer {OTHER}, seq 2, 3, 4, 5, 6, …), or they left for an archive",
    ]
