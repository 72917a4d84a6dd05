"""`audit checkpoint`, and what `audit verify` makes of notes that are no good: in words, and with the right exit code."""

import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from mexc_plugin.audit import signing_keys
from mexc_plugin.evidence import key_files, signed_notes, statements
from mexc_plugin.evidence.statements import Checkpoint
from mexc_plugin.store.write.writer import Writer
from tests.command_line import invoke
from tests.conftest import BACKENDS, Audit
from tests.store.write.test_store import draft

from .owner import unguarded
from .records import honest, sealed, store


@pytest.fixture
def key(tmp_path: Path) -> signing_keys.PrivateKey:
    made = signing_keys.make("notary")
    key_files.write_private(tmp_path / "notary.key", made)
    (tmp_path / "notary.pub").write_text(f"{made.public}\n")
    return made


@pytest.fixture
def take(audit: Audit, tmp_path: Path, key: signing_keys.PrivateKey):
    def taking(*arguments: Any, code: int = 0) -> Result:
        given = ["--key", tmp_path / "notary.key", "--db", audit.url, *arguments]
        result = invoke(["audit", "checkpoint", *map(str, given)])
        assert (result.exit_code, result.exception and type(result.exception)) == (
            code,
            SystemExit if code else None,
        ), result.output
        return result

    return taking


def verify(audit: Audit, *arguments: Any) -> Result:
    return invoke(["audit", "verify", "--db", audit.url, *map(str, arguments)])


def test_it_is_kept_in_the_table_and_in_every_place_that_is_named(
    audit: Audit, take, tmp_path: Path, key: signing_keys.PrivateKey
) -> None:
    one, other = sealed(honest()), sealed(honest()[:4])
    store(audit.url, one, other)
    (tmp_path / "kept").mkdir()
    result = take("--to", tmp_path / "new.txt", "--to", tmp_path / "kept", "--to", "-")
    note = result.stdout.encode()
    (in_folder,) = (tmp_path / "kept").iterdir()
    assert (tmp_path / "new.txt").read_bytes() == in_folder.read_bytes() == note
    assert [row["note"] for row in audit.query("SELECT note FROM audit_checkpoint")] == [
        note.decode()
    ]
    statement = statements.parse(signed_notes.verify(note, [key.public]))
    assert isinstance(statement, Checkpoint)
    assert (statement.events, statement.previous) == (19, None)
    assert {(head.writer_id, head.seq, head.hash) for head in statement.writers} == {
        (chain[-1].writer_id, len(chain), chain[-1].hash) for chain in (one, other)
    }
    assert result.stderr == f"19 events of 2 writers, signed by notary; {in_folder.name}\n"


def test_each_names_the_one_before_also_when_nothing_happened(audit: Audit, take, key) -> None:
    store(audit.url)
    notes = [take("--to", "-").stdout.encode() for _ in range(3)]
    previous = [statements.parse(signed_notes.read(note)).previous for note in notes]
    assert previous == [None, *(signed_notes.digest(note) for note in notes[:2])]


def test_where_nothing_was_ever_recorded_it_says_so(take, audit: Audit, tmp_path: Path) -> None:
    audit.path.unlink()
    assert "there is no audit database" in take("--to", tmp_path, code=1).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notary.key", "notary.pub"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("there.txt", "no checkpoint is overwritten"),
        ("none/new.txt", "its folder is not there"),
        ("link.txt", "cannot be made"),
        ("a\0b", "NUL"),
    ],
)
def test_a_place_that_cannot_be_meant_is_refused_before_anything_is_signed(
    audit: Audit, take, tmp_path: Path, place: str, words: str
) -> None:
    store(audit.url, sealed(honest()))
    (tmp_path / "there.txt").write_text("mine")
    (tmp_path / "link.txt").symlink_to("nowhere")
    assert words in take("--to", tmp_path / place, "--to", tmp_path, code=2).stderr
    assert (tmp_path / "there.txt").read_text() == "mine"
    assert audit.query("SELECT COUNT(*) AS n FROM audit_checkpoint") == [{"n": 0}]


def test_a_place_that_fails_is_said_and_stops_no_other(audit: Audit, take, tmp_path: Path) -> None:
    store(audit.url, sealed(honest()))
    (tmp_path / "kept").mkdir()
    long = tmp_path / ("x" * 300)
    result = take(
        "--to", tmp_path / "a.txt", "--to", tmp_path / "a.txt", "--to", tmp_path / "kept", code=1
    )
    assert "is in the database, but" in result.stderr.splitlines()[-1]
    assert "a.txt could not be written (File exists)" in result.stderr
    assert len(list((tmp_path / "kept").iterdir())) == 1
    assert "File name too long" in take("--to", long, code=1).stderr


@pytest.mark.parametrize("content", [None, "", "PRIVATE+KEY+x+00000000+AAAA"])
def test_a_key_that_cannot_be_used_is_refused(
    audit: Audit, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "bad.key"
    if content is not None:
        path.write_text(content)
    result = invoke(["audit", "checkpoint", "--key", str(path), "--to", "-", "--db", audit.url])
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert f"the key {path} cannot be" in result.stderr


def test_a_record_that_is_shorter_than_it_was_is_stated_as_it_was_and_needs_attention(
    audit: Audit, take, tmp_path: Path
) -> None:
    chain, gone = sealed(honest()), sealed(honest())
    store(audit.url, chain, gone)
    first = take("--to", "-").stdout
    with unguarded(audit, "sqlite"):
        audit.execute(
            f"DELETE FROM cancel_audit WHERE writer_id = '{gone[0].writer_id}' OR seq = 15"
        )
    result = take("--to", "-", code=3)
    assert "2 writers lack events that the checkpoint before states" in result.stderr
    before, after = (
        statements.parse(signed_notes.read(note.encode())) for note in (first, result.stdout)
    )
    assert after.writers == before.writers
    assert (before.events, after.events) == (30, 14)


def test_what_no_program_of_ours_wrote_does_not_stop_it(audit: Audit, take) -> None:
    chain = sealed(honest())
    store(audit.url, chain, sealed(honest(), "someone else's\nwriter"))
    result = take("--to", "-")
    assert "1 writer is not of this program and not stated" in result.stderr
    statement = statements.parse(signed_notes.read(result.stdout.encode()))
    assert [head.writer_id for head in statement.writers] == [chain[0].writer_id]


@pytest.mark.parametrize("writer_id", ["CAST(X'80' AS TEXT)", "X'80'", "1.5", "''"])
def test_nor_does_a_writer_whose_id_is_none(audit: Audit, take, writer_id: str) -> None:
    store(audit.url, sealed(honest()))
    with unguarded(audit, "sqlite"):
        audit.execute(f"UPDATE cancel_audit SET writer_id = {writer_id} WHERE seq > 10")
    assert "1 writer is not of this program and not stated" in take("--to", "-").stderr


def test_what_another_key_stated_is_not_repeated(audit: Audit, take, tmp_path: Path) -> None:
    store(audit.url, sealed(honest()))
    take("--to", "-")
    (tmp_path / "notary.key").unlink()
    key_files.write_private(tmp_path / "notary.key", signing_keys.make("notary"))
    assert "was signed with another key" in take("--to", "-").stderr
    assert "another key" not in take("--to", "-").stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_is_right_while_bots_record(audit: Audit, take) -> None:
    """Of each writer it states an event that is there, and as many as there are up to it."""
    store(audit.url)
    ended = threading.Event()

    def record() -> None:
        writer = Writer(audit.url)
        while not ended.is_set():
            writer.submit(draft(), 20).wait(20)
        writer.close()

    threads = [threading.Thread(target=record) for _ in range(2)]
    for thread in threads:
        thread.start()
    notes = [take("--to", "-").stdout.encode() for _ in range(8)]
    ended.set()
    for thread in threads:
        thread.join()
    counted = []
    for note in notes:
        statement = statements.parse(signed_notes.read(note))
        assert statement.events == sum(head.seq for head in statement.writers)
        for head in statement.writers:
            where = f"writer_id = '{head.writer_id}' AND seq = {head.seq}"
            row = audit.query(f"SELECT hash FROM cancel_audit WHERE {where}")
            assert row == [{"hash": head.hash}]
        counted.append(statement.events)
    assert counted == sorted(counted)
    assert counted[-1] > counted[0]


def test_verify_says_what_it_compared_with_and_what_is_not_covered(
    audit: Audit, take, tmp_path: Path
) -> None:
    chain = sealed(honest())
    store(audit.url, chain)
    (tmp_path / "kept").mkdir()
    for _ in range(2):
        take("--to", tmp_path / "kept")
    known = ["--checkpoint", tmp_path / "kept", "--public-key", tmp_path / "notary.pub"]
    result = verify(audit, *known)
    assert (result.exit_code, result.stdout) == (0, "15 events of 1 writer: whole\n")
    assert result.stderr.startswith("compared with 2 checkpoints from elsewhere, the newest of 20")
    store(audit.url, sealed(honest()))
    found = json.loads(verify(audit, *known, "--format", "json").stdout)
    assert {item["fault"] for item in found["findings"]} == {"uncovered", "time"}
    with unguarded(audit, "sqlite"):
        audit.execute(f"DELETE FROM cancel_audit WHERE writer_id = '{chain[0].writer_id}'")
    result = verify(audit, *known, "--quick")
    assert result.exit_code == 3
    assert f"broken: checkpoint: writer {chain[0].writer_id} seq 15, " in result.stdout
    assert "all its 15 events that the checkpoint of 20" in result.stdout


def test_without_a_key_the_table_is_taken_as_it_stands(audit: Audit, take) -> None:
    store(audit.url, sealed(honest()))
    take("--to", "-")
    assert verify(audit).stdout == "15 events of 1 writer: whole\n"
    with unguarded(audit, "sqlite"):
        audit.execute("DELETE FROM cancel_audit", "DELETE FROM cancel_audit_order")
    assert "broken: checkpoint: " in verify(audit).stdout


def test_a_key_that_signed_nothing_covers_nothing(audit: Audit, tmp_path: Path, key) -> None:
    store(audit.url, sealed(honest()))
    result = verify(audit, "--public-key", key.public)
    assert (
        "noted: uncovered: there is no checkpoint that is signed with these keys" in result.stdout
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda note: note.replace(b"events 15", b"events 16"),
            "changed after notary had signed it",
        ),
        (lambda note: note[:-30], "its end is missing"),
        (lambda note: note[:-30] + b"\n", "cannot be read"),
        (lambda _: b"hello\n", "no signed note"),
        (lambda _: b"\x80", "no UTF-8"),
        (
            lambda note: signed_notes.sign(signed_notes.read(note), signing_keys.make("eve")),
            "with another key (eve)",
        ),
    ],
)
def test_a_note_that_is_no_good_is_said_in_a_line(
    audit: Audit, take, tmp_path: Path, change, words: str
) -> None:
    store(audit.url, sealed(honest()))
    path = tmp_path / "note.txt"
    path.write_bytes(change(take("--to", "-").stdout.encode()))
    result = verify(audit, "--checkpoint", path, "--public-key", tmp_path / "notary.pub")
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert f"{path} is no checkpoint to go by: it" in result.stderr
    assert words in result.stderr


def test_a_signed_text_that_is_no_checkpoint_is_refused(
    audit: Audit, tmp_path: Path, key: signing_keys.PrivateKey
) -> None:
    store(audit.url)
    path = tmp_path / "note.txt"
    path.write_bytes(signed_notes.sign("hello\n", key))
    result = verify(audit, "--checkpoint", path, "--public-key", key.public)
    assert (result.exit_code, "it is no checkpoint and no archive" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--checkpoint", "{}/x.txt"], 2, "name it with --public-key"),
        (["--checkpoint", "{}/x.txt", "--public-key", "{}/notary.pub"], 1, "No such file"),
        (["--checkpoint", "{}", "--public-key", "{}/notary.pub"], 2, "holds no checkpoint"),
        (["--checkpoint", "a\0b", "--public-key", "{}/notary.pub"], 2, "NUL"),
        (["--public-key", "{}/notary.key"], 2, "this is a private key"),
        (["--public-key", "{}/none.pub"], 2, "cannot be used"),
        (["--public-key", ""], 2, "cannot be used"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_verify(
    audit: Audit, tmp_path: Path, key, arguments: list[str], code: int, words: str
) -> None:
    store(audit.url)
    result = verify(audit, *(each.format(tmp_path) for each in arguments))
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (code, "", 1)
    assert words in result.stderr


def test_a_checkpoint_may_be_read_by_everybody(audit: Audit, take, tmp_path: Path) -> None:
    store(audit.url)
    take("--to", tmp_path / "a.txt")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) & 0o600 == 0o600
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) & 0o022 == 0


@pytest.mark.parametrize("value", ["X'80'", "'x'", "CAST(X'80' AS TEXT)"])
@pytest.mark.parametrize("column", ["note", "taken_ns", "events", "previous", "kind", "sha256"])
def test_odd_values_in_the_table_are_findings(audit: Audit, take, column: str, value: str) -> None:
    store(audit.url, sealed(honest()))
    take("--to", "-")
    with unguarded(audit, "sqlite"):
        audit.execute(f"UPDATE audit_checkpoint SET {column} = {value}")
    result = verify(audit)
    assert (result.exit_code, "broken: note: " in result.stdout) == (3, True), result.output
    note = take("--to", "-").stdout.encode()
    assert statements.parse(signed_notes.read(note)).events == 15
