"""The spool: prepared, full, moved away, written by others, and what comes home from it."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.recorder import Place
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.write import spool, spool_folder, spool_format, spool_replay
from mexc_plugin.store.write.writer import Writer

from .conftest import Audit, MakeBot, logged, placed

OTHER = "00000000-0000-4000-8000-00000000000a"
SYMBOL = "LTC/BTC"


def draft(n: int = 0, **more: object) -> dict[str, object]:
    return {"kind": "request", "occurred_ns": n + 1, "cancel_id": f"c{n}", "attempt": 1, **more}


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
def other(audit: Audit) -> Iterator[spool.Spool]:
    made = spool.Spool(audit.url, OTHER)
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
    assert made._spool_tried.get(timeout=10) is None
    made._spool_tried.put(None)
    (ready,) = spool_folder.prepared(audit.url)
    assert (ready.stat().st_mode & 0o777, ready.stat().st_blocks * 512) >= (0o600, spool.ROOM)
    assert spool_folder.files(audit.url) == []
    made.close()
    assert spool_folder.prepared(audit.url) == []


def test_what_is_prepared_is_used_and_prepared_again_when_it_was_replayed(
    writer: Writer, audit: Audit
) -> None:
    (ready,) = spool_folder.prepared(audit.url)
    inode = ready.stat().st_ino
    with audit.locked():
        assert placed(writer, draft(1)) is Place.SPOOL
        (used,) = spool_folder.files(audit.url)
        assert used.stat().st_ino == inode
        assert spool_folder.prepared(audit.url) == []
        assert len(spool_replay.read(used).events) == 1
    until = time.monotonic() + 20
    while not (found := spool_folder.prepared(audit.url)) and time.monotonic() < until:
        time.sleep(0.01)
    assert [path.stat().st_ino for path in found] == [inode]
    with audit.locked():
        assert placed(writer, draft(2)) is Place.SPOOL
        assert len(spool_replay.read(used).events) == 1
    writer.close()
    assert seqs(audit, writer.writer_id) == [1, 2, 3, 4, 5]


def test_what_a_killed_writer_had_prepared_is_swept_away_and_a_living_one_s_is_not(
    writer: Writer, other: spool.Spool, audit: Audit
) -> None:
    left = audit.path.with_name(f"{audit.path.name}.{OTHER}.new")
    left.write_bytes(bytes(100))
    living = {*spool_folder.prepared(audit.url)} - {left}
    replay_others(audit)
    assert {*spool_folder.prepared(audit.url)} == living != set()


def test_a_file_system_that_reserves_nothing_takes_events_all_the_same(
    other: spool.Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    other.prepare()
    other.append(chained(3))
    assert other.path is not None
    assert [event.seq for event in spool_replay.read(other.path).events] == [1, 2, 3]


def test_a_system_without_posix_fallocate_reserves_by_writing(
    other: spool.Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    other.prepare()
    other.append(chained(3))
    assert other.path is not None
    assert other.path.stat().st_blocks * 512 >= spool.ROOM
    assert [event.seq for event in spool_replay.read(other.path).events] == [1, 2, 3]


# A disk of one megabyte, in a mount namespace that goes with the process.
FULL = """
import contextlib, json, os, sys
from pathlib import Path
from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.read import queries; from mexc_plugin.store.write import spool, spool_folder, spool_format, spool_replay; from mexc_plugin.store.verify import record as verify
from mexc_plugin.store.write.writer import Writer

disk = Path(sys.argv[1])
url = f"sqlite:///{disk}/audit.db"
body = "x" * 1_500

def commit(n):
    return writer.commit({"kind": "request", "occurred_ns": n + 1, "cancel_id": str(n), "body": body}, 20)

writer = Writer(url)
writer.prepare()
writer._spool_tried.get(timeout=20)
writer._spool_tried.put(None)
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
    stored = [row["seq"] for row in verify.chained(connection) if row["writer_id"] == writer.writer_id]
    found = [f.fault.value for f in verify.verify(verify.chained(connection), verify.Verifier())]
print(json.dumps([[place.value for place in places], last, stored, writer._sealer.seq, found]))
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
    assert spooled * 1_500 > spool.ROOM / 2
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
    assert writer._sealer._marks["spooled"] is None


def test_within_its_budget_nothing_is_sent_before_the_spool_has_it(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_bot(options={"audit": {"url": audit.url, "deadline_ms": 2_500}})
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
        while not writer.is_down and time.monotonic() < until:
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
        if how == "moved":
            path.rename(path.with_name("elsewhere"))
        else:
            path.unlink()
        assert placed(writer, draft(2)) is Place.SPOOL
        assert [event.seq for event in spool_replay.read(path).events] == [3, 4]
    writer.close()
    assert seqs(audit, writer.writer_id) == [1, 2, 3, 4, 5]


def test_what_was_prepared_and_swept_away_is_made_again(writer: Writer, audit: Audit) -> None:
    for path in spool_folder.prepared(audit.url):
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
        other = spool.Spool(audit.url, OTHER)
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


def test_a_spool_that_was_closed_goes_on_where_it_ended(audit: Audit) -> None:
    made = spool.Spool(audit.url, OTHER)
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
    other: spool.Spool, tmp_path: Path
) -> None:
    other.append(chained(2))
    assert other.path is not None
    other.path.rename(tmp_path / "elsewhere")
    other.clear()
    assert len((tmp_path / "elsewhere").read_bytes().strip(b"\0").splitlines()) == 2
    assert not other.is_open
