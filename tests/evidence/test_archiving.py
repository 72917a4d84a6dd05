"""Old events leave the record for a file: kept and archived together are all, each once, and both verify."""

import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from mexc_plugin.audit import ladders, signing_keys
from mexc_plugin.audit.canonical import decode
from mexc_plugin.audit.events import COLUMNS
from mexc_plugin.errors import StoreError
from mexc_plugin.evidence import checkpointing, key_files, signed_notes, statements, verifying
from mexc_plugin.evidence.archiving import archive_files, archiving, removing
from mexc_plugin.evidence.checkpoint_checks import Elsewhere, Witnesses
from mexc_plugin.evidence.offline.bundle_reading import Bundle
from mexc_plugin.evidence.offline.bundle_verifying import BundleCheck
from mexc_plugin.evidence.statements import Archive, Left
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema import migrate, partitions, triggers
from mexc_plugin.store.schema.tables import cancel_audit
from mexc_plugin.store.verify.findings import Degree, Fault
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.spool import spool_folder, spool_replay
from mexc_plugin.store.write.spool.spool_format import write_line
from mexc_plugin.store.write.writer import Writer
from tests.command_line import invoke
from tests.conftest import BACKENDS, Audit
from tests.store.write.test_store import draft

from . import bundles, records
from .matrix import keyed
from .records import common, honest, moment, sealed, store

KEY = signing_keys.make("archivist")
Event = tuple[str, int, str, str]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "archive"
    made.mkdir()
    return made


def at_moment(at: float) -> datetime:
    return datetime(1970, 1, 1) + timedelta(microseconds=moment(at) // 1000)  # noqa: DTZ001 - UTC throughout


def archive(audit: Audit, folder: Path, at: float) -> archiving.Finished | None:
    wanted = archiving.look(audit.url, at_moment(at))
    if not wanted.events:
        return None
    assert list(archiving.find_broken(audit.url, wanted, lambda *_: None)) == []
    return archiving.archive(audit.url, wanted, folder, KEY, lambda *_: None)


def kept(audit: Audit) -> list[Event]:
    rows = audit.query("SELECT writer_id, seq, hash, payload FROM cancel_audit")
    return sorted((row["writer_id"], row["seq"], row["hash"], row["payload"]) for row in rows)


def archived(folder: Path) -> list[Event]:
    found = []
    for path in folder.glob("*.zip"):
        with path.open("rb") as file:
            bundle = Bundle(file)
            for writer_id in bundle.writers:
                for line in bundle.events(writer_id):
                    found.append((writer_id, decode(line.payload)["seq"], line.hash, line.payload))
    return sorted(found)


def broken(url: str, **how: Any) -> list[tuple[Fault, str]]:
    found = verifying.verify(url, verifying.make_plan(url), **how)
    return [(each.fault, each.message) for each in found if each.degree is Degree.BROKEN]


def broken_in_bundles(folder: Path) -> list[str]:
    found = []
    for path in folder.glob("*.zip"):
        note = path.with_suffix(".txt").read_bytes()
        said = statements.parse(signed_notes.verify(note, [KEY.public]))
        witnesses = Witnesses((KEY.public,), (Elsewhere(signed_notes.digest(note), said),))
        with path.open("rb") as file:
            found += [
                each.message
                for each in BundleCheck(file, witnesses).findings()
                if each.degree is Degree.BROKEN
            ]
    return found


def missing_guards(audit: Audit) -> list[str]:
    with queries.reading(audit.url) as connection:
        return triggers.missing(connection)


def assert_whole(audit: Audit, folder: Path, all_: list[Event]) -> None:
    left, stayed = archived(folder), kept(audit)
    assert sorted(left + stayed) == all_
    assert broken(audit.url) == []
    assert broken_in_bundles(folder) == []
    assert missing_guards(audit) == []
    of = [{decode(payload).get("cancel_id") for *_, payload in some} for some in (left, stayed)]
    assert of[0] & of[1] <= {None}
    attempts = audit.query("SELECT DISTINCT cancel_id FROM cancel_history")
    assert {row["cancel_id"] for row in attempts} == of[1] - {None}
    orders = audit.query("SELECT DISTINCT cancel_id FROM cancel_audit_order")
    assert {row["cancel_id"] for row in orders} <= of[1]


def crossing(seed: int, writers: int = 4, cancels: int = 30) -> list[list[records.Draft]]:
    """Writers whose cancels are under way at the same time, reconciled by others, with several attempts."""
    chance = random.Random(seed)
    timed: list[list[tuple[float, records.Draft]]] = []
    for _ in range(writers):
        began = chance.uniform(0, 500)
        timed.append([(began, records.start(began))])
    for number in range(cancels):
        mine = chance.randrange(writers)
        at = timed[mine][0][0] + chance.uniform(1, 800)
        shared = common(str(number), at)
        for attempt in range(1, 1 + chance.choice((1, 1, 2))):
            this = shared | {"attempt": attempt}
            if chance.random() < 0.4:
                request, answer = records.unknown(this, at)
                teller = chance.randrange(writers)
                later = max(at + chance.uniform(1, 400), timed[teller][0][0] + 1)
                told = records.reconciled(this, later, "canceled", "CANCELED")
                timed[teller].append((later, told))
            else:
                request, answer = records.canceled(this, at)
            took = chance.choice((0.009, 0.5, 90))
            answer |= {"occurred_ns": moment(at + took), "latency_us": int(took * 1e6)}
            timed[mine] += [(at, request), (at + took, answer)]
            at += took + 1
    return [[each for _, each in sorted(some, key=lambda pair: pair[0])] for some in timed]


@pytest.mark.parametrize("seed", range(3))
def test_kept_and_archived_are_all_each_event_once(audit: Audit, folder: Path, seed: int) -> None:
    store(audit.url, *map(sealed, crossing(seed)), sealed(honest()))
    all_ = kept(audit)
    for at in (250, 600, 1_000, 5_000):
        archive(audit, folder, at)
        assert_whole(audit, folder, all_)
    assert kept(audit) == []
    assert len(list(folder.glob("*.zip"))) > 1


@pytest.mark.parametrize("backend", ["sqlite"])
def test_more_chunks_than_one_leave_too(audit: Audit, folder: Path) -> None:
    many = [each for n in range(600) for each in records.canceled(common(str(n), n), n)]
    store(audit.url, sealed([records.start(), *many]))
    all_ = kept(audit)
    done = archive(audit, folder, 550)
    assert done is not None
    assert done.events > 2 * removing.CHUNK
    assert_whole(audit, folder, all_)


def test_a_cancel_that_goes_on_keeps_all_that_hangs_together_with_it(
    audit: Audit, folder: Path
) -> None:
    lost = common("5", 20)
    first = [records.start(), *records.canceled(common("4", 10), 10), *records.unknown(lost, 20)]
    told = records.reconciled(lost, 900, "canceled", "CANCELED")
    other = [records.start(5), *records.canceled(common("6", 30), 30), told]
    store(audit.url, sealed(first), sealed(other))
    wanted = archiving.look(audit.url, at_moment(500))
    # Of the second all but what told of the first one's cancel; and that cancel stays whole.
    assert sorted(stretch.last for stretch in wanted.stretches) == [3, 3]
    assert archiving.look(audit.url, at_moment(901)).events == 9
    assert archiving.look(audit.url, at_moment(0)).events == 0


def test_a_checkpoint_from_before_still_agrees_and_a_later_one_counts_all(
    audit: Audit, folder: Path
) -> None:
    store(audit.url, sealed(honest()), sealed(honest()))
    before = checkpointing.take(audit.url, KEY)
    archive(audit, folder, 5_000)
    after = checkpointing.take(audit.url, KEY)
    assert (after.statement.events, after.shorter) == (before.statement.events, 0)
    for taken in (before, after):
        elsewhere = Elsewhere(signed_notes.digest(taken.note), taken.statement)
        assert broken(audit.url, witnesses=Witnesses((KEY.public,), (elsewhere,))) == []


def test_what_stays_of_a_writer_begins_with_its_key(audit: Audit, folder: Path) -> None:
    """So that nothing behind an archive has to be taken as it stands."""
    many = [each for n in range(400) for each in records.canceled(common(str(n), n), n)]
    tied = keyed.keyed([records.start(), *many])
    store(audit.url, tied)
    all_ = kept(audit)
    for at in (200, 390):
        archive(audit, folder, at)
        assert_whole(audit, folder, all_)
        first, *_ = kept(audit)
        assert "ladder" in decode(first[3])
    # One of the ladders between is the response of a cancel, which is not divided.
    assert first[1] == 3 * (ladders.LENGTH + 1) + 1
    witnesses = Witnesses(writer_keys=(keyed.KEY.public,))
    assert broken(audit.url, witnesses=witnesses) == []
    foreign = Witnesses(writer_keys=(keyed.OTHER.public,))
    assert [fault for fault, _ in broken(audit.url, witnesses=foreign)] == [Fault.KEY]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_writer_without_a_key_is_found_behind_an_archive_too(audit: Audit, folder: Path) -> None:
    store(audit.url, sealed(honest()))
    archive(audit, folder, 150)
    witnesses = Witnesses(writer_keys=(keyed.KEY.public,))
    assert [fault for fault, _ in broken(audit.url, witnesses=witnesses)] == [Fault.KEY]
    in_file = BundleCheck(
        io.BytesIO(bundles.exported(audit.url)), Witnesses((KEY.public,), (), (keyed.KEY.public,))
    )
    found = [each for each in in_file.findings() if each.degree is Degree.BROKEN]
    assert [each.fault for each in found if each.fault is not Fault.NOTE] == [Fault.KEY]
    assert broken(audit.url) == []


def test_a_spool_whose_events_left_meanwhile_brings_none_of_them_back(
    audit: Audit, folder: Path, tmp_path: Path
) -> None:
    """Of another machine, say, that was off for years."""
    old, young = sealed(honest()), sealed(honest())
    store(audit.url, old)
    archive(audit, folder, 5_000)
    spools, stem = spool_folder.place(audit.url, tmp_path)
    for chain in (old, young):
        path = spools / f"{stem}.{chain[0].writer_id}.spool"
        path.write_bytes(b"".join(map(write_line, chain)))
    database = Database(audit.url, 5_000)
    replayed = list(spool_replay.replay(audit.url, database, folder=tmp_path))
    database.close()
    assert sorted(stored for _, stored, _ in replayed) == [0, 15]
    (aside,) = tmp_path.glob("*.conflict")
    assert spool_replay.read(aside).events == tuple(old)
    assert {writer_id for writer_id, *_ in kept(audit)} == {young[0].writer_id}
    assert broken(audit.url) == []


def test_an_invented_note_keeps_a_spool_from_the_record_and_is_found_by_a_public_key(
    audit: Audit, tmp_path: Path
) -> None:
    """The replay does not ask who signed it."""
    waiting = sealed(honest())
    store(audit.url, sealed(honest()))
    left = Left(waiting[0].writer_id, 1, 15, waiting[-1].hash)
    said = statements.write(Archive(15, moment(5_000), None, "0" * 64, (left,)))
    bundles.keep(audit.url, signed_notes.sign(said, bundles.OTHER_KEY))
    spools, stem = spool_folder.place(audit.url, tmp_path)
    path = spools / f"{stem}.{waiting[0].writer_id}.spool"
    path.write_bytes(b"".join(map(write_line, waiting)))
    database = Database(audit.url, 5_000)
    assert [
        stored for _, stored, _ in spool_replay.replay(audit.url, database, folder=tmp_path)
    ] == [0]
    database.close()
    assert spool_replay.read(path.with_suffix(".conflict")).events == tuple(waiting)
    assert broken(audit.url) == []
    looked = invoke(["audit", "verify", "--db", audit.url, "--public-key", str(KEY.public)])
    assert (looked.exit_code, "broken: note: " in looked.stdout) == (3, True)


def test_an_event_that_comes_in_meanwhile_ends_it_and_nothing_is_removed(
    audit: Audit, folder: Path
) -> None:
    lost = common("5", 20)
    store(audit.url, sealed([records.start(), *records.unknown(lost, 20), records.stop()]))
    wanted = archiving.look(audit.url, at_moment(950))
    assert len(wanted.unresolved) == 1
    told = records.reconciled(lost, 90, "canceled", "CANCELED")
    store(audit.url, sealed([records.start(60), told, records.stop()]))
    all_ = kept(audit)
    with pytest.raises(StoreError, match="came in meanwhile"):
        archiving.archive(audit.url, wanted, folder, KEY, lambda *_: None)
    assert (kept(audit), missing_guards(audit)) == (all_, [])
    assert audit.query("SELECT * FROM audit_checkpoint") == []
    assert len(audit.history()) == 1


def test_bots_go_on_meanwhile(audit: Audit, folder: Path) -> None:
    many = [each for n in range(500) for each in records.canceled(common(str(n), n), n)]
    store(audit.url, sealed([records.start(), *many]))
    bot, ended, sent = Writer(audit.url), threading.Event(), [0]

    def work() -> None:
        while not ended.is_set():
            sent[0] += 1
            bot.submit(draft(sent[0]), 5).wait(5)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        archive(audit, folder, 450)
    finally:
        time.sleep(0.2)
        ended.set()
        thread.join()
        bot.close()
    assert len(archived(folder)) + len(kept(audit)) == 1 + 2 * 500 + sent[0] + 2
    assert broken(audit.url) == []
    assert missing_guards(audit) == []


# -- a kill at every step

STEPS = {
    name
    for module in (archiving, removing, archive_files)
    for name, thing in vars(module).items()
    if callable(thing) and getattr(thing, "__module__", "") == module.__name__
} | {"anchor", "publish"}


def killed(audit: Audit, folder: Path, step: int, part: str) -> bool:
    """Archive in a process that kills itself when so many functions of a file were called or returned."""
    child = os.fork()
    if child == 0:
        count = 0

        def watch(frame: Any, event: str, _: object) -> None:
            nonlocal count
            ours = frame.f_code.co_name in STEPS and part in frame.f_code.co_filename
            if ours and event in ("call", "return"):
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            wanted = archiving.look(audit.url, at_moment(500))
            sys.setprofile(watch)
            archiving.archive(audit.url, wanted, folder, KEY, lambda *_: None)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def test_killed_at_any_step_it_goes_on(audit: Audit, folder: Path, backend: str) -> None:
    store(audit.url, sealed(honest()), sealed([records.start(300), records.stop(700)]))
    all_ = kept(audit)
    # On a server, where each try takes long, only what goes on in the transaction.
    part, steps = "archiving/" if backend == "sqlite" else "archiving/removing.py", 0
    while len(kept(audit)) == len(all_):
        steps += 1
        was_killed = killed(audit, folder, steps, part)
        assert missing_guards(audit) == []
        if len(kept(audit)) == len(all_):
            assert audit.query("SELECT * FROM audit_checkpoint") == []
    assert was_killed  # between the removal and the note beside the bundle
    assert steps > 10
    assert archiving.put_notes(audit.url, folder) == 1
    assert archiving.put_notes(audit.url, folder) == 0
    for path in folder.glob("*.part"):
        path.unlink()
    assert_whole(audit, folder, all_)


# -- what no anchor says


@pytest.mark.parametrize("last", [3, 5])
def test_a_removal_of_which_no_anchor_says_is_found(
    audit: Audit, folder: Path, backend: str, last: int
) -> None:
    chain = sealed([records.start(), *records.canceled(common("4", 10), 10), *honest()[3:]])
    store(audit.url, chain)
    if last == 5:
        archive(audit, folder, 15)  # 1 to 3 leave in order
        assert broken(audit.url) == []
    on = " ON cancel_audit" if backend == "postgresql" else ""
    name = "cancel_audit_no_change" if backend == "postgresql" else "cancel_audit_no_delete"
    audit.execute(f"DROP TRIGGER {name}{on}", f"DELETE FROM cancel_audit WHERE seq <= {last}")
    gaps = [message for fault, message in broken(audit.url) if fault is Fault.GAP]
    assert gaps == [f"events {1 if last == 3 else 4} to {last} missing before it"]


# -- the command


@pytest.fixture
def run(tmp_path: Path):
    key_files.write_private(tmp_path / "key", KEY)

    def run(audit: Audit, folder: Path, before: str, *more: str):
        return invoke(
            [
                "audit",
                "archive",
                "--before",
                before,
                "-o",
                str(folder),
                *more,
                "--key",
                str(tmp_path / "key"),
                "--database-url",
                audit.url,
            ]
        )

    return run


LATER = "2026-11-24"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_command_says_what_left_and_where_it_is(audit: Audit, folder: Path, run) -> None:
    store(audit.url, sealed(honest()))
    done = run(audit, folder, LATER, "--yes")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 1)
    assert Path(done.stdout.strip()).is_file()
    assert "15 events of 1 writer left" in done.stderr
    again = run(audit, folder, LATER, "--yes")
    assert (again.exit_code, "nothing leaves" in again.stderr) == (0, True)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_an_export_that_goes_on_misses_nothing_that_an_archive_took(
    audit: Audit, folder: Path, tmp_path: Path, run
) -> None:
    store(audit.url, sealed(honest()))
    names = iter("abc")

    def export():
        place = ["-o", str(tmp_path / next(names)), "--cursor", str(tmp_path / "cursor")]
        return invoke(["audit", "export", "--db", audit.url, "--format", "jsonl", *place])

    assert export().exit_code == 0
    run(audit, folder, LATER, "--yes")
    assert kept(audit) == []
    assert (export().exit_code, (tmp_path / "b").read_text()) == (0, "")


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_left_verifies_by_its_note_with_this_program_and_without_it(
    audit: Audit, folder: Path, tmp_path: Path, run
) -> None:
    store(audit.url, sealed(honest()), sealed([*honest()[:-1], records.stop(5_000)]))
    key = tmp_path / "archivist.pub"
    key.write_text(f"{KEY.public}\n")
    before = ["2026-11-23T12:10", "2026-11-25"]
    bundles = [Path(run(audit, folder, day, "--yes").stdout.strip()) for day in before]
    assert len({*bundles}) == 2
    for bundle in bundles:
        note = bundle.with_suffix(".txt")
        ours = ["--public-key", str(key), "--checkpoint", str(note), "--strict"]
        done = invoke(["audit", "verify", str(bundle), *ours])
        assert (done.exit_code, "broken" in done.stdout) == (0, False)
        single = [sys.executable, "tools/verify_bundle.py", bundle, key, note]
        said = subprocess.run(single, capture_output=True, check=False, text=True)
        assert (said.returncode, said.stdout[-29:]) == (0, "after the checkpoint of none\n")


def test_parquet_beside_the_bundle_holds_what_the_table_held(
    audit: Audit, folder: Path, run
) -> None:
    store(audit.url, sealed(honest()), sealed(honest()))
    with queries.reading(audit.url) as connection:
        query = sa.select(*(cancel_audit.c[name] for name in COLUMNS))
        rows = {tuple(row) for row in connection.execute(query)}
    done = run(audit, folder, LATER, "--yes", "--parquet")
    assert done.exit_code == 0, done.output
    (path,) = folder.glob("*.parquet")
    table = pq.read_table(path)
    assert path.stem == Path(done.stdout.strip()).stem
    assert tuple(table.column_names) == COLUMNS
    naive = (
        row | {"occurred_at": row["occurred_at"].replace(tzinfo=None)} for row in table.to_pylist()
    )
    assert {tuple(row.values()) for row in naive} == rows
    assert kept(audit) == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_parquet_without_pyarrow_is_refused_before_anything_is_done(
    audit: Audit, folder: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(audit.url, sealed(honest()))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    done = run(audit, folder, LATER, "--yes", "--parquet")
    assert (done.exit_code, "parquet needs pyarrow" in done.stderr) == (2, True)
    assert (len(kept(audit)), list(folder.iterdir())) == (15, [])


@pytest.mark.parametrize("backend", ["sqlite"])
def test_that_nobody_looked_who_signed_for_what_left_is_said(
    audit: Audit, folder: Path, run
) -> None:
    store(audit.url, sealed(honest()), sealed([*honest()[:-1], records.stop(5_000)]))
    words = "who signed those was not looked at: give --public-key"
    assert words not in invoke(["audit", "verify", "--db", audit.url]).stdout
    run(audit, folder, "2026-11-23T12:10", "--yes")
    unlooked = invoke(["audit", "verify", "--db", audit.url])
    assert (
        unlooked.exit_code,
        "noted: note: events of 2 writers left" in unlooked.stdout,
        words in unlooked.stdout,
    ) == (0, True, True)
    looked = invoke(["audit", "verify", "--db", audit.url, "--public-key", str(KEY.public)])
    assert (looked.exit_code, words in looked.stdout) == (0, False)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_must_not_leave_is_refused_in_a_line(audit: Audit, folder: Path, run) -> None:
    store(audit.url, sealed(honest()))
    all_ = kept(audit)
    young = run(audit, folder, LATER)
    assert (young.exit_code, "add --yes" in young.stderr) == (2, True)
    nowhere = run(audit, folder / "none", LATER, "--yes")
    assert (nowhere.exit_code, "make it first" in nowhere.stderr) == (2, True)
    waits = Path(f"{audit.path}.11111111-0000-4000-8000-000000000000.spool")
    waits.touch(0o600)
    spooled = run(audit, folder, LATER, "--yes")
    assert (spooled.exit_code, "audit recover" in spooled.stderr) == (3, True)
    waits.unlink()
    audit.execute(
        "DROP TRIGGER cancel_audit_no_update", "UPDATE cancel_audit SET outcome = 'x' WHERE seq = 3"
    )
    changed = run(audit, folder, LATER, "--yes")
    assert (changed.exit_code, "not whole" in changed.stderr) == (3, True)
    assert len(kept(audit)) == len(all_)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_nobody_knows_is_asked_for_first(audit: Audit, folder: Path, run) -> None:
    ago = (datetime.now(UTC) - timedelta(days=6 * 366)).timestamp() - records.NOON / records.SECOND
    store(
        audit.url,
        sealed(
            [
                records.start(ago),
                *records.unknown(common("5", ago + 1), ago + 1),
                records.stop(ago + 2),
            ]
        ),
    )
    refused = run(audit, folder, "2021-11-01")
    assert (refused.exit_code, "audit reconcile" in refused.stderr) == (3, True)
    assert run(audit, folder, "2021-11-01", "--yes").exit_code == 0
    assert kept(audit) == []


# -- partitions


@pytest.mark.parametrize("backend", BACKENDS[1:2])
def test_a_partition_that_leaves_whole_is_dropped_and_of_others_rows_leave(
    database: Audit, folder: Path
) -> None:
    engine = engines.create(database.url)
    migrate.upgrade(engine, partitioned=True)
    with engine.begin() as connection:
        names = partitions.make_ahead(connection, 2, today=date(2020, 8, 31))
    engine.dispose()
    august = 1_598_000_000 - records.NOON // records.SECOND  # the 21st
    day = 86_400
    chains = [
        [records.start(august), *records.canceled(common("1", august + 1), august + 1)],
        [records.start(august + 5), *records.canceled(common("2", august + 6), august + 6)],
        [records.start(august + 2), *records.unknown(common("3", august + 3), august + 3)],
    ]
    chains[0] += records.canceled(common("4", august + 20 * day), august + 20 * day)
    for number, after in (("5", 25 * day), ("6", 50 * day)):
        chains[0] += records.canceled(common(number, august + after), august + after)
    store(database.url, *map(sealed, chains))
    all_ = kept(database)
    done = archive(database, folder, august + 22 * day)
    assert done is not None
    assert done.partitions == tuple(names[:1])
    there = database.query(
        "SELECT relname AS name FROM pg_class WHERE relname LIKE 'cancel_audit_20%'"
    )
    assert {names[1], names[2]} <= {row["name"] for row in there}
    assert names[0] not in {row["name"] for row in there}
    assert [event[1] for event in kept(database)] == [6, 7, 8, 9]
    assert_whole(database, folder, all_)
    # The month that goes on after the date stays, though nothing is in it.
    done = archive(database, folder, august + 52 * day)
    assert done is not None
    assert done.partitions == (names[1],)
    assert_whole(database, folder, all_)


@pytest.mark.parametrize("backend", BACKENDS[1:2])
@pytest.mark.parametrize(
    ("period", "gone"),
    [
        ("day", [f"cancel_audit_2020_08_{day}" for day in range(20, 25)]),
        ("week", ["cancel_audit_2020_w34"]),
    ],
)
def test_partitions_of_any_length_are_dropped_and_so_are_empty_ones(
    database: Audit, folder: Path, period: str, gone: list[str]
) -> None:
    engine = engines.create(database.url)
    migrate.upgrade(engine, partitioned=True)
    with engine.begin() as connection:
        names = partitions.make_ahead(connection, 0, period, today=date(2020, 8, 20))
    engine.dispose()
    august = 1_598_000_000 - records.NOON // records.SECOND  # the 21st
    day = 86_400
    chain = [records.start(august), *records.canceled(common("1", august + 1), august + 1)]
    later = august + 5 * day
    store(database.url, sealed([*chain, *records.canceled(common("2", later), later)]))
    all_ = kept(database)
    done = archive(database, folder, august + 4 * day)
    assert done is not None
    assert [*done.partitions] == gone
    assert set(gone) < set(names)
    assert_whole(database, folder, all_)
