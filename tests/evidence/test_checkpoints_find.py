"""Whoever owns the database and leaves a record that an honest program could have written: a checkpoint shows it.

Each class is a writer of its own in one record, so that each database is made once.
"""

from collections.abc import Callable

import pytest

from mexc_plugin.audit import signing_keys
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.evidence import checkpointing, note_table, signed_notes, statements, verifying
from mexc_plugin.evidence.checkpoint_checks import Witnesses, read_note
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.verify.findings import Degree, Fault, Finding
from tests.conftest import BACKENDS, Audit

from . import records
from .owner import unguarded
from .records import Draft, common, honest, sealed, store

KEY = signing_keys.make("notary")
OTHER = signing_keys.make("notary")
Change = Callable[[list[Draft]], list[Draft]]


def rewrite(drafts: list[Draft]) -> list[Draft]:
    """Request, answer and outcome together: the cancel that worked was of another order."""
    forged = records.refused(common("4", 10, drafts[1]["cancel_id"]), 10)
    return [drafts[0], *forged, *drafts[3:]]


def backdate(drafts: list[Draft]) -> list[Draft]:
    """A whole chain, ids included, by a year."""
    year = 365 * 86_400 * records.SECOND
    ids = {draft["cancel_id"]: "" for draft in drafts if "cancel_id" in draft}
    for name in ids:
        at_ms = int(name.replace("-", "")[:12], 16) - year // 1_000_000
        ids[name] = uuid7(at_ms)
    return [
        draft
        | {"occurred_ns": draft["occurred_ns"] - year}
        | ({"cancel_id": ids[draft["cancel_id"]]} if "cancel_id" in draft else {})
        for draft in drafts
    ]


def swap_accounts(drafts: list[Draft]) -> list[Draft]:
    return [d | {"account": "f" * 16} if "account" in d else d for d in drafts]


# What becomes of a writer's 15 events, and at which number and in which words it is found.
CLASSES: dict[str, tuple[Change, str]] = {
    "one text, rehashed": (lambda d: [d[0] | {"host": "there"}, *d[1:]], "one at least of the events 1 to 15"),
    "only the last event": (lambda d: [*d[:14], d[14] | {"host": "there"}], "one at least of the events 1 to 15"),
    "request, answer and outcome together": (rewrite, "one at least of the events 1 to 15"),
    "one event backdated by a second": (
        lambda d: [d[0] | {"occurred_ns": records.moment(-1)}, *d[1:]],
        "one at least of the events 1 to 15",
    ),
    "all backdated": (backdate, "one at least of the events 1 to 15"),
    "accounts swapped": (swap_accounts, "one at least of the events 1 to 15"),
    "another cancel's events removed and renumbered": (lambda d: [*d[:6], *d[8:]], "events 14 to 15"),
    "its reconciliation removed and renumbered": (lambda d: [*d[:5], *d[6:]], "events 15 to 15"),
    "the newest event cut off": (lambda d: d[:14], "events 15 to 15"),
    "the newest ten cut off": (lambda d: d[:5], "events 6 to 15"),
    "cut off and filled up with others": (
        lambda d: [*d[:12], *records.canceled(common("99", 300), 300), d[14]],
        "one at least of the events 1 to 15",
    ),
    "an event slipped in": (
        lambda d: [*d[:14], records.request(common("98", 400), 400), d[14]],
        "one at least of the events 1 to 15",
    ),
    "the whole writer removed": (lambda _: [], "all its 15 events"),
}  # fmt: skip


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def verify(audit: Audit, *notes: bytes, **how: object) -> list[Finding]:
    """What is found with these notes and the key; without notes, as whoever has none of it."""
    witnesses = Witnesses()
    if notes:
        found = tuple(read_note(note, [KEY.public]) for note in notes)
        witnesses = Witnesses((KEY.public,), found)
    plan = verifying.make_plan(audit.url)
    return list(verifying.verify(audit.url, plan, witnesses=witnesses, **how))


def about(findings: list[Finding], *faults: Fault) -> list[Finding]:
    return [finding for finding in findings if finding.fault in faults]


def serious(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.degree is not Degree.NOTED]


def remove(audit: Audit, backend: str, *tables: str) -> None:
    with unguarded(audit, backend):
        audit.execute(*(f"DELETE FROM {table}" for table in tables))


EVENTS = ("cancel_audit", "cancel_audit_order", "cancel_history")


def test_every_class_is_found_by_a_checkpoint_and_by_nothing_else(
    audit: Audit, backend: str
) -> None:
    chains = {}
    for name, (change, _) in CLASSES.items():
        drafts = honest()
        before = sealed(drafts)
        chains[name] = before, sealed(change(drafts), before[0].writer_id)
    untouched = sealed(honest())
    store(audit.url, untouched, *(before for before, _ in chains.values()))
    note = checkpointing.take(audit.url, KEY).note
    assert serious(verify(audit, note)) == []

    remove(audit, backend, *EVENTS, "audit_checkpoint")
    store(audit.url, untouched, *(after for _, after in chains.values()))

    assert serious(verify(audit)) == []
    for how in ({}, {"quick": True}, {"jobs": 2}):
        findings = serious(verify(audit, note, **how))
        found = {item.writer_id: item for item in about(findings, Fault.CHECKPOINT)}
        expected = {
            before[0].writer_id: (words, before[-1].seq)
            for (before, _), (_, words) in zip(chains.values(), CLASSES.values(), strict=True)
        }
        assert found.keys() == expected.keys()
        for writer_id, (words, seq) in expected.items():
            assert words in found[writer_id].message
            assert (found[writer_id].degree, found[writer_id].seq) == (Degree.BROKEN, seq)
        rest = [item for item in findings if item.fault is not Fault.CHECKPOINT]
        assert [item.fault for item in rest] == [Fault.NOTE]
        assert "kept elsewhere is not in audit_checkpoint" in rest[0].message


def test_an_old_copy_and_an_emptied_record_are_found(audit: Audit, backend: str) -> None:
    chain, later = sealed(honest()), sealed(honest())
    store(audit.url, chain[:9])
    first = checkpointing.take(audit.url, KEY).note
    store(audit.url, chain[9:], later)
    second = checkpointing.take(audit.url, KEY).note
    assert serious(verify(audit, first, second)) == []

    with unguarded(audit, backend):  # as it was when the first was taken
        audit.execute(
            f"DELETE FROM cancel_audit WHERE seq > 9 OR writer_id = '{later[0].writer_id}'",
            "DELETE FROM cancel_audit_order",
            "DELETE FROM cancel_history",
            f"DELETE FROM audit_checkpoint WHERE sha256 = '{signed_notes.digest(second)}'",
        )
    found = about(verify(audit, second), Fault.CHECKPOINT, Fault.NOTE)
    assert {(item.writer_id, item.seq) for item in found} == {
        (None, None),
        (chain[0].writer_id, 15),
        (later[0].writer_id, 15),
    }
    assert about(verify(audit, first), Fault.CHECKPOINT, Fault.NOTE) == []

    remove(audit, backend, *EVENTS, "audit_checkpoint")
    assert serious(verify(audit)) == []
    found = about(verify(audit, first, second), Fault.CHECKPOINT)
    assert {item.message.partition(" that")[0] for item in found} == {
        "all its 9 events",
        "all its 15 events",
    }


def test_what_is_done_to_the_table_of_checkpoints_is_found(audit: Audit, backend: str) -> None:
    store(audit.url, sealed(honest()))
    notes = [checkpointing.take(audit.url, KEY).note for _ in range(5)]
    names = [signed_notes.digest(note) for note in notes]
    assert serious(verify(audit, notes[-1])) == []
    forged = signed_notes.sign(signed_notes.read(notes[3]).replace("events 15", "events 14"), OTHER)
    with unguarded(audit, backend):
        audit.execute(
            f"DELETE FROM audit_checkpoint WHERE sha256 = '{names[1]}'",
            f"UPDATE audit_checkpoint SET events = 14 WHERE sha256 = '{names[2]}'",
            f"UPDATE audit_checkpoint SET note = '{forged.decode()}' WHERE sha256 = '{names[3]}'",
            f"DELETE FROM audit_checkpoint WHERE sha256 = '{names[4]}'",
        )
    said = [item.message for item in about(verify(audit, notes[4]), Fault.NOTE)]
    assert len(said) == 5
    text = "\n".join(said)
    assert f"{names[1][:16]}…, which the one of" in text
    assert f"{names[2][:16]}… of audit_checkpoint: its columns are not what its note says" in text
    assert f"{names[3][:16]}… of audit_checkpoint: it was signed with another key (notary)" in text
    assert f"{names[3][:16]}…, which the one of" in text
    assert "that is kept elsewhere is not in audit_checkpoint" in text


@pytest.mark.parametrize("backend", BACKENDS[:1])
def test_several_checkpoints_say_between_which_of_them_it_lies(audit: Audit, backend: str) -> None:
    drafts = honest()
    chain = sealed(drafts)
    notes = []
    for start, end in ((0, 5), (5, 10), (10, 15)):
        store(audit.url, chain[start:end])
        notes.append(checkpointing.take(audit.url, KEY).note)
    remove(audit, backend, *EVENTS)
    changed = sealed([*drafts[:7], drafts[7] | {"host": "there"}, *drafts[8:]], chain[0].writer_id)
    store(audit.url, changed)
    found = about(verify(audit, *notes), Fault.CHECKPOINT)
    assert [(item.seq, item.message[:41]) for item in found] == [
        (10, "one at least of the events 6 to 10 is not")
    ]


@pytest.mark.parametrize("backend", BACKENDS[:1])
def test_what_came_after_the_newest_is_named_and_what_claims_to_be_older_is_doubtful(
    audit: Audit,
) -> None:
    chain = sealed(honest())
    store(audit.url, chain[:12])
    note = checkpointing.take(audit.url, KEY).note  # its time is now, long after that of the events
    store(audit.url, chain[12:], sealed(honest()))
    findings = verify(audit, note)
    uncovered = about(findings, Fault.UNCOVERED)
    assert [item.degree for item in uncovered] == [Degree.NOTED]
    assert uncovered[0].message.startswith("18 events of 2 writers are in no checkpoint")
    assert [item.degree for item in about(findings, Fault.TIME)] == 2 * [Degree.DOUBTFUL]
    assert about(verify(audit), Fault.UNCOVERED) == []


def test_only_an_anchor_of_the_key_says_that_events_left_in_order(
    audit: Audit, backend: str
) -> None:
    chain = sealed(honest())
    store(audit.url, chain)
    taken = checkpointing.take(audit.url, KEY)
    left = (statements.Left(chain[0].writer_id, 1, 15, chain[-1].hash),)
    anchor = statements.Archive(15, taken.statement.taken_ns, None, "0" * 64, left)
    remove(audit, backend, *EVENTS)
    for key, expected in ((OTHER, [Fault.NOTE, Fault.CHECKPOINT]), (KEY, [Fault.NOTE])):
        keep(audit.url, signed_notes.sign(statements.write(anchor), key), anchor)
        found = about(verify(audit, taken.note), Fault.NOTE, Fault.CHECKPOINT)
        assert [item.fault for item in found] == expected


def keep(url: str, note: bytes, statement: statements.Statement) -> None:
    engine = engines.create(url)
    with engine.begin() as connection:
        note_table.insert(connection, note, statement)
    engine.dispose()
