"""`audit export --bundle`, `audit prove` and `audit verify FILE`, as people type them; and the single file beside."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from mexc_plugin.audit import chain
from mexc_plugin.audit.events import seal
from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence.checkpoint_checks import Witnesses
from mexc_plugin.evidence.offline import (
    bundle_reading,
    bundle_verifying,
    bundle_writing,
    proof_writing,
    scratch_record,
)
from mexc_plugin.evidence.offline.bundle_verifying import BundleCheck
from mexc_plugin.evidence.offline.proof_verifying import ProofCheck
from mexc_plugin.store.verify.findings import Degree, Fault
from mexc_plugin.store.write.open_database import Database
from tests.command_line import invoke
from tests.conftest import Audit

from . import bundles, records
from .owner import unguarded
from .records import honest, sealed, store

CHAINS = [sealed(honest()) for _ in range(2)]
FIRST = bundles.note([chain_[:9] for chain_ in CHAINS], 1, None)
SECOND = bundles.note(CHAINS, 2, FIRST)
CANCEL = str(json.loads(CHAINS[0][3].payload)["cancel_id"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record with two checkpoints, its key, a bundle and a proof of it."""
    folder = tmp_path_factory.mktemp("evidence")
    url = f"sqlite:///{folder}/audit.db"
    store(url, *CHAINS)
    bundles.keep(url, FIRST, SECOND)
    (folder / "auditor.pub").write_text(f"{bundles.KEY.public}\n")
    (folder / "first.txt").write_bytes(FIRST)
    (folder / "record.zip").write_bytes(bundles.exported(url))
    (folder / "proof.json").write_bytes(bundles.proven(url, CANCEL))
    return folder


@pytest.fixture
def audit_command(folder: Path) -> Callable[..., Result]:
    def run(*arguments: Any) -> Result:
        result = invoke(["audit", *map(str, arguments)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def single_file(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """tools/verify_bundle.py in a process that cannot find the package."""
    program = [sys.executable, "-I", str(bundles.ROOT / "tools" / "verify_bundle.py")]
    return subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True, cwd="/")


# -- a bundle


def test_a_bundle_is_exported_and_both_verifiers_call_it_whole(
    audit_command, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.zip"
    result = audit_command("export", "--bundle", target, "--db", folder / "audit.db")
    assert result.exit_code == 0, result.output
    assert "30 events of 2 writers and 2 signed notes" in result.stderr
    assert target.read_bytes() == (folder / "record.zip").read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    found = audit_command("verify", target, "--public-key", folder / "auditor.pub")
    assert (found.exit_code, found.stdout) == (0, "30 events of 2 writers: whole\n")
    other = single_file(target, folder / "auditor.pub", folder / "first.txt")
    assert (other.returncode, other.stderr) == (0, "")
    assert other.stdout == (
        "whole: 30 events of 2 writers; 0 of them after the checkpoint of "
        "2026-11-23T14:00:00.000000Z\n"
    )


def test_a_bundle_goes_to_stdout(audit_command, folder: Path) -> None:
    result = audit_command("export", "--bundle", "-", "--db", folder / "audit.db")
    assert result.stdout_bytes == (folder / "record.zip").read_bytes()


def test_a_file_that_is_there_is_only_replaced_with_force(
    audit_command, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.zip"
    target.write_text("mine")
    arguments = ("export", "--bundle", target, "--db", folder / "audit.db")
    refused = audit_command(*arguments)
    assert (refused.exit_code, target.read_text()) == (2, "mine")
    assert "is there already" in refused.stderr
    assert audit_command(*arguments, "--force").exit_code == 0
    assert target.read_bytes() == (folder / "record.zip").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["out.zip"]


@pytest.mark.parametrize(
    "more", [("-o", "x.jsonl"), ("--symbol", "LTC/BTC"), ("--format", "csv"), ("--resume",)]
)
def test_a_bundle_is_the_whole_record_and_takes_no_other_option(audit_command, more) -> None:
    result = audit_command("export", "--bundle", "x.zip", *more)
    assert (result.exit_code, "--bundle takes the whole record" in result.stderr) == (2, True)


def test_an_export_to_nowhere_is_a_usage_error(audit_command) -> None:
    result = audit_command("export")
    said = (result.exit_code, "-o record.jsonl" in result.stderr, "--bundle" in result.stderr)
    assert said == (2, True, True)


def test_what_ends_a_bundle_early_leaves_nothing(
    audit_command, folder: Path, tmp_path: Path, monkeypatch
) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle_writing, "_note", full)
    result = audit_command("export", "--bundle", tmp_path / "x.zip", "--db", folder / "audit.db")
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "No space left" in result.stderr


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE cancel_audit SET payload = '[]' WHERE seq = 3",
        "UPDATE cancel_audit SET hash = 'x' WHERE seq = 3",
        "UPDATE cancel_audit SET payload = payload || char(10) WHERE seq = 3",
        "UPDATE cancel_audit SET writer_id = 'me' WHERE seq = 3",
        "UPDATE cancel_audit SET payload = x'ff' WHERE seq = 3",
    ],
)
def test_a_row_that_is_no_event_is_in_no_bundle(audit_command, tmp_path: Path, damage: str) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    store(url, CHAINS[0])
    owned = Audit(tmp_path / "audit.db")
    with unguarded(owned, "sqlite"):
        owned.execute(damage)
    result = audit_command("export", "--bundle", tmp_path / "x.zip", "--db", tmp_path / "audit.db")
    assert (result.exit_code, (tmp_path / "x.zip").exists()) == (1, False)
    assert "is no event; look with: mexc-plugin audit verify" in result.stderr


def test_a_record_without_a_checkpoint_is_exported_and_nobody_calls_it_signed(
    audit_command, folder: Path, tmp_path: Path
) -> None:
    store(f"sqlite:///{tmp_path}/audit.db", CHAINS[0])
    target = tmp_path / "x.zip"
    result = audit_command("export", "--bundle", target, "--db", tmp_path / "audit.db")
    assert (result.exit_code, "nothing in it is signed" in result.stderr) == (0, True)
    assert audit_command("verify", target).exit_code == 0
    assert audit_command("verify", target, "--public-key", folder / "auditor.pub").exit_code == 3
    assert single_file(target, folder / "auditor.pub").returncode == 3


def test_an_empty_record_makes_a_bundle(audit_command, tmp_path: Path) -> None:
    store(f"sqlite:///{tmp_path}/audit.db")
    target = tmp_path / "x.zip"
    assert audit_command("export", "--bundle", target, "--db", tmp_path / "audit.db").exit_code == 0
    result = audit_command("verify", target)
    assert (result.exit_code, result.stdout[-32:]) == (
        0,
        "0 events of 0 writers: whole, 1 noted\n"[-32:],
    )


def test_what_is_recorded_meanwhile_is_not_in_it(tmp_path: Path, monkeypatch) -> None:
    """A bundle is the record of one moment, and no bot waits for it."""
    url = f"sqlite:///{tmp_path}/audit.db"
    ended = CHAINS[0]
    store(url, ended[:9])
    database = Database(url, 5_000)
    original = bundle_writing.Reader.rows

    def rows(self, stretch):
        database.insert(list(ended[9:]))  # would raise after 5 s if anything was locked
        return original(self, stretch)

    monkeypatch.setattr(bundle_writing.Reader, "rows", rows)
    raw = bundles.exported(url)
    monkeypatch.undo()
    database.close()
    assert raw == bundles.packed_by_program([ended[:9]], tmp_path)


# -- verifying a file


def test_a_damaged_file_is_one_finding_and_exit_3(
    audit_command, folder: Path, tmp_path: Path
) -> None:
    for name in ("record.zip", "proof.json"):
        raw = bytearray((folder / name).read_bytes())
        raw[500] ^= 4
        (tmp_path / name).write_bytes(raw)
        result = audit_command("verify", tmp_path / name, "--public-key", folder / "auditor.pub")
        assert (result.exit_code, result.stdout.count("broken: ")) == (3, 1), result.stdout
        other = single_file(tmp_path / name, folder / "auditor.pub")
        words = "broken: damaged, cut or changed" if name == "record.zip" else "broken: "
        assert (other.returncode, other.stdout[: len(words)]) == (3, words)


def test_who_names_no_key_is_told_to_name_one(audit_command, folder: Path) -> None:
    for name in ("record.zip", "proof.json"):
        lines = audit_command("verify", folder / name).stdout.splitlines()
        (advice,) = [line for line in lines if "What to do: " in line]
        assert "name the key with --public-key" in advice


def test_findings_of_a_file_come_as_json(audit_command, folder: Path) -> None:
    result = audit_command("verify", folder / "record.zip", "--format", "json")
    document = json.loads(result.stdout)
    assert [found["fault"] for found in document["findings"]] == ["uncovered"]
    assert (document["events"], document["writers"], document["whole"]) == (30, 2, True)


def test_quick_looks_at_hashes_alone(audit_command, folder: Path) -> None:
    result = audit_command(
        "verify", "--quick", folder / "record.zip", "--public-key", str(bundles.KEY.public)
    )
    assert result.stdout == "30 events of 2 writers: whole, as far as --quick looks\n"


@pytest.mark.parametrize("more", [("--db", "x"), ("--since", "1h"), ("--jobs", "2")])
def test_what_is_for_a_database_is_refused_for_a_file(audit_command, folder: Path, more) -> None:
    result = audit_command("verify", folder / "record.zip", *more)
    assert (result.exit_code, "is looked at as it is" in result.stderr) == (2, True)


def test_the_name_of_a_bundle_follows_its_option(audit_command, tmp_path: Path) -> None:
    result = audit_command("export", "--bundle", "-o", tmp_path / "x.zip")
    assert (result.exit_code, "--bundle record.zip" in result.stderr) == (2, True)


def test_what_is_no_file_to_verify_is_said(audit_command, folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    said = {
        folder / "audit.db": (2, "is a database; name it with --db"),
        tmp_path / "fifo": (2, "is no regular file"),
        tmp_path: (2, "is no regular file"),
        tmp_path / "missing.zip": (1, f"{tmp_path}/missing.zip: No such file"),
        "x\0y": (2, "holds a NUL"),
    }
    for name, (code, words) in said.items():
        result = audit_command("verify", name)
        assert (result.exit_code, words in result.stderr) == (code, True), result.stderr


def test_a_kept_checkpoint_that_is_newer_is_said_by_both(
    audit_command, folder: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer.txt"
    newer.write_bytes(bundles.note(CHAINS, 3, SECOND))
    key = folder / "auditor.pub"
    arguments = ("verify", folder / "record.zip", "--public-key", key, "--checkpoint", newer)
    assert audit_command(*arguments).exit_code == 3
    assert single_file(folder / "record.zip", key, newer).returncode == 3


def test_the_single_file_says_how_it_is_called(folder: Path, tmp_path: Path) -> None:
    name, _, raw = str(bundles.KEY.public).split("+", 2)
    (tmp_path / "bad.pub").write_text(f"{name}+00000000+{raw}\n")  # the id of another
    for arguments in (
        (),
        (folder / "record.zip",),
        (folder / "record.zip", tmp_path / "bad.pub"),
        (tmp_path / "missing", folder / "auditor.pub"),
        (folder / "record.zip", folder / "auditor.pub", tmp_path / "missing"),
    ):
        result = single_file(*arguments)
        assert (result.returncode, result.stdout) == (2, "")
        assert "verify_bundle.py FILE PUBLIC_KEY_FILE" in result.stderr
        assert "unpack (" not in result.stderr  # Python's own words


def test_the_single_file_says_of_a_note_that_it_was_changed(folder: Path, tmp_path: Path) -> None:
    changed = FIRST.replace(b"\nevents 18\n", b"\nevents 19\n")
    assert changed != FIRST
    (tmp_path / "x.zip").write_bytes(bundles.packed(CHAINS, [changed]))
    result = single_file(tmp_path / "x.zip", folder / "auditor.pub")
    words = "broken: a note (a checkpoint) was changed after auditor had signed it\n"
    assert (result.returncode, result.stdout) == (3, words)


def test_the_single_file_counts_what_no_checkpoint_covers() -> None:
    raw = bundles.packed(CHAINS, [bundles.note([CHAINS[0][:9]], 1, None)])
    said = bundles.TOOL.check_bundle(io.BytesIO(raw), bundles.TOOL.Key(str(bundles.KEY.public)), [])
    assert said.startswith("30 events of 2 writers; 21 of them after the checkpoint of ")


def test_the_single_file_is_one_that_is_read_in_one_sitting() -> None:
    """At most 200 lines, and nothing of the package in it."""
    text = (bundles.ROOT / "tools" / "verify_bundle.py").read_text()
    imports = {
        line.split()[1].partition(".")[0]
        for line in text.splitlines()
        if line.startswith(("import ", "from "))
    }
    assert len(text.splitlines()) <= 200
    assert imports - sys.stdlib_module_names == {"cryptography"}


# -- a proof


def test_a_proof_tells_its_cancel_and_nothing_of_others(
    audit_command, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "proof.json"
    result = audit_command("prove", CANCEL[:23], "-o", target, "--db", folder / "audit.db")
    assert result.exit_code == 0, result.output
    assert f"3 events of cancel {CANCEL}" in result.stderr
    assert "3 hashes of others up to the checkpoint of 2026-11-23 13:00:00 UTC" in result.stderr
    text = target.read_text()
    others = {json.loads(event.payload).get("cancel_id") for chain_ in CHAINS for event in chain_}
    assert [name for name in others - {CANCEL, None} if name in text] == []
    found = audit_command("verify", target, "--public-key", folder / "auditor.pub")
    assert (found.exit_code, found.stdout) == (0, "3 events of 1 writer: whole\n")
    other = single_file(target, folder / "auditor.pub")
    assert (other.returncode, other.stdout.splitlines()[0]) == (
        0,
        f"whole: 3 events of cancel {CANCEL}, signed 2026-11-23T13:00:00.000000Z",
    )
    assert other.stdout.splitlines()[3].endswith(" reconciliation canceled")


def test_a_proof_of_two_writers_has_both(audit_command, folder: Path, tmp_path: Path) -> None:
    """Asked by a bot, resolved by somebody else later."""
    lost = records.common("5", 20)
    bot = sealed([records.start(), *records.unknown(lost, 20), records.stop()])
    clerk = sealed(
        [records.start(80), records.reconciled(lost, 90, "canceled", "CANCELED"), records.stop()]
    )
    url = f"sqlite:///{tmp_path}/audit.db"
    store(url, bot, clerk)
    bundles.keep(
        url,
        bundles.note([bot[:3]], 1, None),
        bundles.note([bot, clerk], 2, bundles.note([bot[:3]], 1, None)),
    )
    raw = bundles.proven(url, lost["cancel_id"])
    assert [len(each["links"]) for each in json.loads(raw)["chains"]] == [
        2 if each[0].writer_id == clerk[0].writer_id else 3
        for each in sorted((bot, clerk), key=lambda each: each[0].writer_id)
    ]
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)


def test_what_cannot_be_proven_is_said_and_leaves_no_file(
    audit_command, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "proof.json"

    def prove(name: str, *more: Any, db: Path = folder / "audit.db") -> tuple[int, str]:
        result = audit_command("prove", name, "-o", target, "--db", db, *more)
        assert not target.exists()
        return result.exit_code, result.stderr

    code, words = prove("11111111-1111-7111-8111-111111111111")
    assert (code, "is on record; find ids with" in words) == (1, True)
    other = tmp_path / "other.pub"
    other.write_text(f"{bundles.OTHER_KEY.public}\n")
    code, words = prove(CANCEL, "--public-key", other)
    assert (code, "mexc-plugin audit checkpoint --key" in words) == (1, True)
    store(f"sqlite:///{tmp_path}/audit.db", CHAINS[0])
    code, words = prove(CANCEL, db=tmp_path / "audit.db")
    assert (code, "no checkpoint covers this cancel yet" in words) == (1, True)


def test_a_record_that_is_not_as_signed_is_not_proven(audit_command, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    before = chain.GENESIS
    forged = []
    for event in CHAINS[0]:
        document = json.loads(event.payload) | ({"bot": "other"} if event.seq == 7 else {})
        forged.append(seal(document, event.writer_id, event.seq, before))
        before = forged[-1].hash
    store(url, forged)
    bundles.keep(url, FIRST)
    result = audit_command(
        "prove", CANCEL, "-o", tmp_path / "x.json", "--db", tmp_path / "audit.db"
    )
    assert (result.exit_code, (tmp_path / "x.json").exists()) == (1, False)
    assert "are not those that the checkpoint states" in result.stderr


def proof_with(folder: Path, **fields: object) -> bytes:
    return bundles.TOOL.canonical(json.loads((folder / "proof.json").read_text()) | fields)


def test_a_proof_that_was_tampered_with_is_found_by_both(folder: Path) -> None:
    document = json.loads((folder / "proof.json").read_text())
    (chain_,) = document["chains"]
    payload = json.loads(chain_["links"][0])
    forged = json.dumps(payload | {"order_id": "9"}, sort_keys=True, separators=(",", ":"))
    tampered = {
        "an event changed": {"chains": [chain_ | {"links": [forged, *chain_["links"][1:]]}]},
        "an event left out": {"chains": [chain_ | {"links": chain_["links"][1:]}]},
        "an event hidden": {
            "chains": [chain_ | {"links": [chain_["links"][0], "0" * 64, *chain_["links"][2:]]}]
        },
        "numbers moved": {"chains": [chain_ | {"first_seq": chain_["first_seq"] + 1}]},
        "another cancel": {"cancel_id": "11111111-1111-7111-8111-111111111111"},
        "another checkpoint": {"checkpoint": SECOND.decode()},
        "signed by another": {
            "checkpoint": bundles.note(
                [each[:9] for each in CHAINS], 1, None, bundles.OTHER_KEY
            ).decode()
        },
        "a hash in capitals": {
            "chains": [
                chain_
                | {
                    "links": [
                        *chain_["links"][:3],
                        chain_["links"][3].upper(),
                        *chain_["links"][4:],
                    ]
                }
            ]
        },
        "a note of another format": {
            "checkpoint": bundles.signed_notes.sign(
                bundles.signed_notes.read(document["checkpoint"].encode()).replace(
                    "checkpoint/v1", "checkpoint/v2"
                ),
                bundles.KEY,
            ).decode()
        },
        "an archive's anchor": {"checkpoint": bundles.anchor(CHAINS[0], SECOND).decode()},
        "no chain": {"chains": []},
        "a chain twice": {"chains": [chain_, chain_]},
        "another format": {"format": "mexc-plugin/proof/v2"},
        "more": {"note": "believe me"},
    }
    missed = [
        name
        for name, fields in tampered.items()
        if not (
            bundles.broken(proof_with(folder, **fields))
            and bundles.objection(proof_with(folder, **fields))
        )
    ]
    assert missed == []
    assert bundles.objection(proof_with(folder)) is None


def test_a_proof_of_another_checkpoint_than_the_kept_one_is_said_by_both(folder: Path) -> None:
    raw = (folder / "proof.json").read_bytes()
    assert (bundles.broken(raw, kept=[FIRST]), bundles.objection(raw, kept=[FIRST])) == ([], None)
    assert [each.message for each in bundles.broken(raw, kept=[SECOND])] == [
        "its checkpoint is not the one that is kept elsewhere"
    ]
    assert bundles.objection(raw, kept=[SECOND]) is not None


def test_the_end_of_a_cancel_may_be_left_out_of_a_proof_and_the_page_says_so(folder: Path) -> None:
    """Whoever makes a proof chooses what to tell: what is told was recorded, and no more is proven."""
    document = json.loads((folder / "proof.json").read_text())
    (chain_,) = document["chains"]
    raw = bundles.hide(document, chain_, 2)
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)
    assert "that there are no others" in (bundles.ROOT / "docs" / "evidence.md").read_text()


def test_what_the_page_for_auditors_says_to_type_works(
    audit_command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, source in {
        "record.zip": "record.zip",
        "proof.json": "proof.json",
        "notary.pub": "auditor.pub",
        "kept.txt": "first.txt",
    }.items():
        (tmp_path / name).write_bytes((folder / source).read_bytes())
    monkeypatch.chdir(tmp_path)
    page = (bundles.ROOT / "docs" / "auditors.md").read_text()
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
    ]
    codes = {}
    for line in lines:
        program, *words = line.split()
        if program == "mexc-plugin":
            codes[line] = audit_command(*words[1:]).exit_code
        elif program == "python":
            codes[line] = single_file(*(tmp_path / word for word in words[1:])).returncode
    assert (len(codes), set(codes.values())) == (6, {0})


def test_what_a_proof_or_a_bundle_tells_of_attempts_is_judged(tmp_path: Path) -> None:
    """A first attempt that is missing, and a second answer."""
    cancel = records.common("9", 10, attempt=2)
    drafts = [records.start(), *records.canceled(cancel, 10)]
    drafts += [drafts[-1], records.stop()]
    chain_ = sealed(drafts)
    url = f"sqlite:///{tmp_path}/audit.db"
    store(url, chain_)
    bundles.keep(url, bundles.note([chain_], 1, None))
    for raw in (bundles.proven(url, cancel["cancel_id"]), bundles.exported(url)):
        found = bundles.findings(raw)
        said = [(each.fault, each.degree, each.message.partition(";")[0]) for each in found]
        assert said[:2] == [
            (Fault.ATTEMPT, Degree.BROKEN, "another response of attempt 2"),
            (
                Fault.ATTEMPT,
                Degree.DOUBTFUL,
                "2 attempts by their numbers, and 1 requests on record",
            ),
        ]


def test_what_nobody_signed_is_not_judged_in_a_proof(folder: Path) -> None:
    document = json.loads((folder / "proof.json").read_text())
    (chain_,) = document["chains"]
    raw = proof_with(folder, chains=[chain_ | {"links": chain_["links"][1:3], "first_seq": 5}])
    assert [(each.fault, each.message) for each in bundles.broken(raw)] == [
        (Fault.CHECKPOINT, "these are not the events that the checkpoint states")
    ]


def test_a_link_of_a_proof_that_is_no_hash_is_named(folder: Path) -> None:
    document = json.loads((folder / "proof.json").read_text())
    (chain_,) = document["chains"]
    raw = proof_with(folder, chains=[chain_ | {"links": [*chain_["links"], "x"]}])
    (found,) = bundles.findings(raw)
    assert found.message == "it is no proof: what it says of event 10 is no SHA-256"


@pytest.mark.parametrize("name", ["writer_id", "prev_hash", "first_seq", "links"])
def test_a_chain_of_a_proof_that_lacks_one_thing_is_none(folder: Path, name: str) -> None:
    (chain_,) = json.loads((folder / "proof.json").read_text())["chains"]
    (found,) = bundles.findings(proof_with(folder, chains=[chain_ | {name: []}]))
    assert found.message == "it is no proof: a chain in it is none"


def test_a_writer_that_a_checkpoint_does_not_name_is_not_proven_by_it(tmp_path: Path) -> None:
    """Not even where its only event is its first, as somebody with INSERT may make one."""
    cancel = records.common("9", 10)
    forged = sealed([records.request(cancel, 10)])
    url = f"sqlite:///{tmp_path}/audit.db"
    store(url, CHAINS[0], forged)
    bundles.keep(url, bundles.note(CHAINS[:1], 1, None))
    with pytest.raises(EvidenceError, match="no checkpoint covers this cancel yet"):
        bundles.proven(url, cancel["cancel_id"])


def test_a_note_that_is_none_is_in_no_bundle(audit_command, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    store(url, CHAINS[0])
    bundles.keep(url, FIRST)
    owned = Audit(tmp_path / "audit.db")
    for damage in ("''", "CAST(x'ff' AS TEXT)"):
        with unguarded(owned, "sqlite"):
            owned.execute(f"UPDATE audit_checkpoint SET note = {damage}")
        done = audit_command("export", "--bundle", tmp_path / "x.zip", "--db", owned.path)
        assert (done.exit_code, "in audit_checkpoint is none" in done.stderr) == (1, True)


# -- how large, how far


def test_progress_through_a_bundle_ends_with_all_of_it(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(bundle_verifying, "TELL_EVERY", 20)
    told: list[tuple[int, float]] = []
    witnesses = Witnesses((bundles.KEY.public,))
    with (folder / "record.zip").open("rb") as file:
        check = BundleCheck(file, witnesses, lambda *how_far: told.append(how_far))
        assert list(check.findings()) == []
    assert told == [(10, 20 / 60), (20, 40 / 60), (30, 1.0)]


def test_how_much_a_bundle_unpacks_to_is_limited_by_its_size(folder: Path, monkeypatch) -> None:
    """Of a large record it is more than one event may be."""
    raw = (folder / "record.zip").read_bytes()
    monkeypatch.setattr(bundle_reading, "LARGEST", 6_000)
    monkeypatch.setattr(bundles.TOOL, "LARGEST", 6_000)
    assert (bundles.findings(raw), bundles.objection(raw)) == ([], None)
    (found,) = bundles.findings(bundles.zipped({"x": bytes(100_000)}))
    assert found.message == "it unpacks to more than 200 times its size, as no bundle does"


def test_attempts_are_kept_once_however_many_are_kept_at_a_time(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(scratch_record, "_ROWS", 5)
    assert bundles.findings((folder / "record.zip").read_bytes()) == []


def test_of_what_cannot_be_read_nothing_is_counted() -> None:
    for kind in (BundleCheck, ProofCheck):
        check = kind(io.BytesIO(b"x"), Witnesses((bundles.KEY.public,)))
        assert [each.fault for each in check.findings()] == [Fault.BUNDLE]
        assert (check.events, check.writers) == (0, 0)


def test_a_proof_that_would_be_too_large_is_refused(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(proof_writing, "LARGEST", 300)
    with pytest.raises(EvidenceError, match="6 events lie between this cancel"):
        bundles.proven(f"sqlite:///{folder}/audit.db", CANCEL)


def test_both_take_files_of_the_size_that_the_page_says() -> None:
    assert bundles.TOOL.LARGEST == bundle_reading.LARGEST == 64 * 2**20
    page = (bundles.ROOT / "docs" / "evidence.md").read_text()
    assert "and a line, note, manifest or proof above\n64 MiB" in page


def test_a_file_in_a_bundle_that_is_larger_than_any_is_not_read(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(bundle_reading, "LARGEST", 300)
    (found,) = bundles.findings((folder / "record.zip").read_bytes())
    assert found.message == "manifest.json in it is too large"
