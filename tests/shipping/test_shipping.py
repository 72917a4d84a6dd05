"""`audit ship`: what the target holds afterwards is what the sources hold, row for row."""

import json
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.audit import canonical, chain, signing_keys
from mexc_plugin.audit.events import Event, seal
from mexc_plugin.evidence import signed_notes, statements
from mexc_plugin.store.schema import migrate
from tests.cli.tampering import tamper
from tests.command_line import invoke
from tests.conftest import BACKENDS
from tests.store.audits import Audit
from tests.torture import ledger

from . import records


def ship(source: Audit, target: Audit, *options: str) -> Any:
    result = invoke(["audit", "ship", "--db", source.url, "--to", target.url, *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def copied(result: Any) -> int:
    assert result.exit_code == 0, result.stderr
    return int(json.loads(result.stdout)["copied"])


def sealed_anew(events: list[Event], writer_id: str) -> list[Event]:
    """The same drafts, as one chain of that writer."""
    found: list[Event] = []
    for seq, event in enumerate(events, 1):
        last = found[-1].hash if found else chain.GENESIS
        found.append(seal(canonical.decode(event.payload), writer_id, seq, last))
    return found


@pytest.fixture
def target(tmp_path: Path) -> Audit:
    return Audit(tmp_path / "central.db")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_target_holds_the_union_of_its_sources_row_for_row_and_verifies(
    audit: Audit, tmp_path: Path
) -> None:
    here = records.source(tmp_path / "here.db", records.made(900))
    there = records.source(tmp_path / "there.db", records.made(300, seed=2))
    assert copied(ship(here, audit, "--format", "json")) == 900
    assert copied(ship(there, audit, "--format", "json")) == 300
    assert copied(ship(here, audit, "--format", "json")) == 0
    union = {
        name: sorted([*rows, *records.rows(there)[name]], key=str)
        for name, rows in records.rows(here).items()
    }
    assert {name: sorted(rows, key=str) for name, rows in records.rows(audit).items()} == union
    verified = invoke(["audit", "verify", "--db", audit.url])
    assert verified.exit_code == 0, verified.stdout
    assert "1,200 events" in verified.stdout
    back = Audit(tmp_path / "back.db")
    assert copied(ship(audit, back, "--format", "json")) == 1_200
    assert {name: sorted(rows, key=str) for name, rows in records.rows(back).items()} == union


@pytest.mark.parametrize("backend", BACKENDS[1:2])
def test_a_partitioned_target_takes_events_as_any_other(database: Audit, tmp_path: Path) -> None:
    made = invoke(["db", "upgrade", "--partitioned", "--db", database.url])
    assert made.exit_code == 0, made.stderr
    here = records.source(tmp_path / "here.db", records.made(300))
    assert copied(ship(here, database, "--format", "json")) == 300
    assert records.rows(database) == records.rows(here)


def test_events_of_a_spool_that_is_replayed_late_fill_their_gaps(
    target: Audit, tmp_path: Path
) -> None:
    events = records.made(400)
    written = records.longest(events)
    late = [*written[:3], *written[5:9], written[-1]]
    here = records.source(tmp_path / "here.db", [e for e in events if e not in late])
    records.spooled(here.url, late)
    assert copied(ship(here, target, "--format", "json")) == 400 - len(late)
    assert ledger.replay(here.url) == len(late)
    assert copied(ship(here, target, "--format", "json")) == len(late)
    assert records.rows(target) == records.rows(here)
    assert invoke(["audit", "verify", "--db", target.url]).exit_code == 0


def test_what_a_source_no_longer_has_stays_in_the_target(target: Audit, tmp_path: Path) -> None:
    events = records.made(300)
    records.source(tmp_path / "here.db", events)
    here = Audit(tmp_path / "here.db")
    assert copied(ship(here, target, "--format", "json")) == 300
    for file in tmp_path.glob("here.db*"):
        file.unlink()
    # Another one in its place: the end of one writer, another writer, and nothing of the rest.
    written, others = records.longest(events), records.made(50, seed=7)
    here = records.source(tmp_path / "here.db", [*written[-5:], *others])
    assert copied(ship(here, target, "--format", "json")) == 50
    assert invoke(["audit", "verify", "--db", target.url]).exit_code == 0


def test_an_event_that_does_not_follow_is_not_copied_nor_what_is_behind_it(
    target: Audit, tmp_path: Path
) -> None:
    events = records.made(400)
    written = records.longest(events)
    bad = written[len(written) // 2]
    here = records.source(tmp_path / "here.db", events)
    tamper(
        here.path,
        "UPDATE cancel_audit SET payload = replace(payload, 'spot', 'swap') "
        f"WHERE writer_id = '{bad.writer_id}' AND seq = {bad.seq}",
    )
    result = ship(here, target)
    assert result.exit_code == 3
    assert f"writer {bad.writer_id} seq {bad.seq}: hash is not that of" in result.stderr
    kept = target.query(
        "SELECT max(seq) AS newest FROM cancel_audit WHERE writer_id = ?", bad.writer_id
    )
    assert kept == [{"newest": bad.seq - 1}]
    others = target.query(
        "SELECT count(*) AS n FROM cancel_audit WHERE writer_id != ?", bad.writer_id
    )
    assert others == [{"n": len(events) - len(written)}]


def test_a_row_of_a_wrong_type_holds_back_no_other_writer(target: Audit, tmp_path: Path) -> None:
    events = records.made(100)
    here = records.source(tmp_path / "here.db", events)
    tamper(
        here.path,
        "INSERT INTO cancel_audit (writer_id, seq, occurred_at, occurred_ns, kind, payload, "
        "prev_hash, hash) VALUES ('odd', 'one', '', 0, 'start', '', '', '')",
    )
    result = ship(here, target)
    assert result.exit_code == 3
    assert "writer odd seq one: no event" in result.stderr
    assert target.query("SELECT count(*) AS n FROM cancel_audit") == [{"n": 100}]


@pytest.mark.parametrize(
    ("seq", "hash_"),
    [
        ("'one'", "''"),
        ("2.5", "''"),
        ("x'01'", "''"),
        ("100", "x'ff'"),
        ("100", "CAST(x'ff' AS TEXT)"),
    ],
)
def test_what_is_no_event_in_the_target_holds_nothing_back(
    target: Audit, tmp_path: Path, seq: str, hash_: str
) -> None:
    """SQLite takes any type and any bytes, from whoever may write the file."""
    events = records.made(40)
    here = records.source(tmp_path / "here.db", events)
    records.store(target.url, records.made(1, seed=5))
    target.execute(
        "INSERT INTO cancel_audit (writer_id, seq, occurred_at, occurred_ns, kind, payload, prev_hash, hash) "
        f"VALUES ('{events[0].writer_id}', {seq}, '', 'never', 'start', '', '', {hash_})"
    )
    status = json.loads(ship(here, target, "--status", "--format", "json").stdout)
    assert status["events"] > 0
    assert copied(ship(here, target, "--format", "json")) == 40
    ship(target, here, "--status")  # nor does it in a source


def test_a_chain_that_was_rewritten_after_it_was_shipped_is_refused(
    target: Audit, tmp_path: Path
) -> None:
    events, others = records.made(200), records.made(200, seed=3)
    written, forged = records.longest(events), records.longest(others)
    here = records.source(tmp_path / "here.db", written[:10])
    assert copied(ship(here, target, "--format", "json")) == 10
    for file in tmp_path.glob("here.db*"):
        file.unlink()
    again = sealed_anew(forged[:15], written[0].writer_id)
    here = records.source(tmp_path / "here.db", again)
    result = ship(here, target)
    assert result.exit_code == 3
    assert "prev_hash is not the hash of the event before it" in result.stderr
    assert target.query("SELECT count(*) AS n FROM cancel_audit") == [{"n": 10}]


def test_an_event_that_closes_a_gap_and_is_another_one_is_refused(
    target: Audit, tmp_path: Path
) -> None:
    written = records.longest(records.made(200))
    records.store(target.url, [*written[:4], *written[5:]])
    draft = canonical.decode(written[4].payload) | {"bot": "another"}
    forged = seal(draft, written[0].writer_id, 5, written[3].hash)
    here = records.source(tmp_path / "here.db", [*written[:4], forged])
    result = ship(here, target)
    assert result.exit_code == 3
    assert "follows another one" in result.stderr
    assert not target.query("SELECT 1 FROM cancel_audit WHERE seq = 5")


MANY_ORDERS = {"kind": "response", "orders": [{"order_id": "1"}]}


ODD = (
    ({"attempt": "first"}, "text for a number"),
    ({"latency_us": 2**63}, "number too large"),
    ({"occurred_ns": 10**40}, "time too late"),
    (MANY_ORDERS | {"cancel_id": None}, "orders of no cancel"),
    (MANY_ORDERS | {"cancel_id": {"a": 1}}, "orders of what is no id"),
    ({"kind": "response", "orders": 3}, "orders that are none"),
)
# It hangs up on whoever sends more than 16 MB at once.
TOO_LARGE = ({"bot": "x" * 17_000_000}, "larger than a packet")


@pytest.mark.parametrize(
    ("backend", "odd"),
    [
        *(
            pytest.param(
                *backend.values, odd, marks=backend.marks, id=f"{backend.values[0]}, {name}"
            )
            for backend in (pytest.param("sqlite"), *BACKENDS[1:])
            for odd, name in ODD
        ),
        pytest.param("mariadb", TOO_LARGE[0], marks=pytest.mark.server, id=TOO_LARGE[1]),
    ],
)
def test_an_event_that_the_target_does_not_take_holds_back_its_writer_alone(
    audit: Audit, tmp_path: Path, odd: dict[str, object]
) -> None:
    events = records.made(60)
    written = records.longest(events)
    writer_id = written[0].writer_id
    bad = seal(canonical.decode(written[2].payload) | odd, writer_id, 3, written[1].hash)
    rest = [event for event in events if event.writer_id != writer_id]
    here = records.source(tmp_path / "here.db", [*rest, *written[:2]])
    tamper(
        here.path,
        "INSERT INTO cancel_audit (writer_id, seq, occurred_at, occurred_ns, kind, payload, prev_hash, hash) "
        f"VALUES ('{writer_id}', 3, '', 0, '', '{bad.payload}', '{bad.prev_hash}', '{bad.hash}')",
    )
    result = ship(here, audit)
    assert result.exit_code == 3
    assert f"not copied, nor what is behind it: writer {writer_id} seq 3: " in result.stderr
    assert audit.query("SELECT count(*) AS n FROM cancel_audit") == [{"n": len(rest) + 2}]


@pytest.mark.parametrize(("revision", "words"), [("0004", "db upgrade"), ("9999", "newer than")])
def test_a_target_of_another_revision_is_refused_with_what_to_do(
    target: Audit, tmp_path: Path, revision: str, words: str
) -> None:
    here = records.source(tmp_path / "here.db", records.made(20))
    records.store(target.url, records.made(1, seed=2))
    target.execute(f"UPDATE cancel_audit_version SET version_num = '{revision}'")
    for options in ([], ["--follow"]):
        result = ship(here, target, *options)
        assert result.exit_code == 1
        assert words in result.stderr
    assert migrate.head() not in ("0004", "9999")


def test_the_lag_is_what_the_target_lacks_and_how_old_it_is(target: Audit, tmp_path: Path) -> None:
    events = records.made(300)
    here = records.source(tmp_path / "here.db", events)
    before = json.loads(ship(here, target, "--status", "--format", "json").stdout)
    assert before["events"] == 300
    assert before["writers"] == len({event.writer_id for event in events})
    assert before["seconds"] > 0
    assert not target.path.exists(), "asking makes nothing"
    ship(here, target)
    assert json.loads(ship(here, target, "--status", "--format", "json").stdout) == {
        "events": 0,
        "seconds": 0.0,
        "writers": 0,
    }
    assert ship(here, target, "--status").stdout == "behind: 0 events of 0 writers\n"


def test_shipping_a_record_to_itself_is_refused(tmp_path: Path) -> None:
    here = records.source(tmp_path / "here.db", records.made(5))
    link = tmp_path / "link.db"
    link.symlink_to(here.path)
    result = ship(here, Audit(link))
    assert result.exit_code == 2
    assert "name the central one" in result.stderr


def test_a_source_that_is_not_there_is_said_and_not_made(target: Audit, tmp_path: Path) -> None:
    result = ship(Audit(tmp_path / "none.db"), target)
    assert result.exit_code == 1
    assert "there is no audit database" in result.stderr
    assert not (tmp_path / "none.db").exists()


def test_what_was_archived_from_the_target_does_not_come_back(
    target: Audit, tmp_path: Path
) -> None:
    written = records.longest(records.made(200))[:20]
    here = records.source(tmp_path / "here.db", written)
    records.store(target.url, written[12:16])
    left = statements.Left(written[0].writer_id, 1, 12, written[11].hash)
    text = statements.write(statements.Archive(12, 0, None, "0" * 64, (left,)))
    note = signed_notes.sign(text, signing_keys.make("desk"))
    target.execute(
        "INSERT INTO audit_checkpoint (sha256, kind, taken_ns, events, note) "
        f"VALUES ('{signed_notes.digest(note)}', 'archive', 0, 12, '{note.decode()}')"
    )
    assert copied(ship(here, target, "--format", "json")) == 4
    assert sorted(row["seq"] for row in target.events()) == list(range(13, 21))
    assert ship(here, target, "--status").stdout == "behind: 0 events of 0 writers\n"


@pytest.mark.parametrize("last", [20, 10**15])
def test_what_left_a_target_whole_is_not_missing_there_and_more_than_there_was_is_refused(
    target: Audit, tmp_path: Path, last: int
) -> None:
    """Whoever may add notes could keep a writer's events away otherwise, and nobody would hear of it."""
    written = records.longest(records.made(200))[:20]
    here = records.source(tmp_path / "here.db", written)
    records.store(target.url, records.made(1, seed=2))
    left = statements.Left(written[0].writer_id, 1, last, written[19].hash)
    text = statements.write(statements.Archive(12, 0, None, "0" * 64, (left,)))
    note = signed_notes.sign(text, signing_keys.make("desk"))
    target.execute(
        "INSERT INTO audit_checkpoint (sha256, kind, taken_ns, events, note) "
        f"VALUES ('{signed_notes.digest(note)}', 'archive', 0, 12, '{note.decode()}')"
    )
    assert ship(here, target, "--status").stdout == "behind: 0 events of 0 writers\n"
    result = ship(here, target)
    assert result.exit_code == (0 if last == 20 else 3)
    assert ("as a note there says" in result.stderr) is (last > 20)
