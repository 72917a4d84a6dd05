"""What checkpoints say of a record: between which of them a change lies, and what none of them covers."""

import pytest

from mexc_plugin.audit import signing_keys
from mexc_plugin.evidence import checkpointing, note_table, signed_notes, statements, verifying
from mexc_plugin.evidence.checkpoint_checks import Witnesses, read_note
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.verify.findings import Degree, Fault, Finding
from tests.conftest import BACKENDS, Audit

from .owner import unguarded
from .records import honest, sealed, store

KEY = signing_keys.make("notary")
OTHER = signing_keys.make("notary")


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


def remove(audit: Audit, backend: str, *tables: str) -> None:
    with unguarded(audit, backend):
        audit.execute(*(f"DELETE FROM {table}" for table in tables))


EVENTS = ("cancel_audit", "cancel_audit_order", "cancel_history")


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
