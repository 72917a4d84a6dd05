"""What is said of a bundle: of a line that is no document, of what no signature covers, and of what is missing."""

import io
from dataclasses import replace
from typing import Any

import pytest

from mexc_plugin.evidence.checkpoint_checks import Witnesses
from mexc_plugin.evidence.offline import bundle_verifying
from mexc_plugin.evidence.offline.bundle_verifying import BundleCheck
from mexc_plugin.store.verify.findings import Degree, Fault

from . import bundles, records
from .bundles import KEY, contents, note
from .matrix import keyed
from .records import honest, sealed

CHAINS = sorted((sealed(honest()) for _ in range(2)), key=lambda chain: chain[0].writer_id)
FIRST = note([chain[:9] for chain in CHAINS], 1, None)
RAW = bundles.packed(CHAINS, [FIRST, note(CHAINS, 2, FIRST)])
CONTENTS = dict(contents(RAW))
# JSON that Python's reader gives up on, however much its stack holds.
DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000


def messages(raw: bytes) -> list[str]:
    return [found.message for found in bundles.findings(raw)]


def said(raw: bytes, **how: Any) -> list[tuple[Fault, Degree, str]]:
    check = BundleCheck(io.BytesIO(raw), Witnesses((KEY.public,)), **how)
    return [(found.fault, found.degree, found.message) for found in check.findings()]


# -- what a line says


def with_payload(place: int, payload: str) -> bytes:
    """A bundle with another payload of an event, and a manifest that says so."""
    chain = list(CHAINS[0])
    chain[place] = replace(chain[place], payload=payload)
    return bundles.packed([chain, CHAINS[1]], [FIRST])


@pytest.mark.parametrize("payload", ["{}", "{x}", DEEP], ids=["empty", "no JSON", "deep"])
def test_a_payload_that_is_no_document_is_answered_in_words(payload: str) -> None:
    raw = with_payload(7, payload)
    assert Fault.PAYLOAD in [found.fault for found in bundles.broken(raw)]
    assert bundles.objection(raw) is not None


@pytest.mark.parametrize("number", [2**31, 2**64, -(2**31) - 1, True, "1"], ids=repr)
def test_an_attempt_that_no_column_holds_is_broken_and_not_merely_unjudged(number: object) -> None:
    """What a database cannot hold was recorded by no program of ours, whoever signed it."""
    drafts = honest()
    drafts[1:3] = [draft | {"attempt": number} for draft in drafts[1:3]]
    chain = sealed(drafts)
    raw = bundles.packed([chain], [note([chain], 1, None)])
    assert [(each.fault, each.seq) for each in bundles.broken(raw)] == [
        (Fault.PAYLOAD, 2),
        (Fault.PAYLOAD, 3),
    ]


@pytest.mark.parametrize("payload", ["{}", "{x}", '{"seq":true}', '{"seq":"1"}', '{"seq":1.0}'])
@pytest.mark.parametrize("place", [0, 14])
def test_an_end_of_a_chain_that_has_no_number_is_said(place: int, payload: str) -> None:
    raw = with_payload(place, payload)
    words = f"an event of writer {CHAINS[0][0].writer_id} in it has no number"
    assert messages(raw) == [words]
    assert bundles.objection(raw) is not None


def test_a_bundle_that_says_that_it_has_no_events_is_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How far it is cannot be said then."""
    monkeypatch.setattr(bundle_verifying, "TELL_EVERY", 10)
    told: list[tuple[int, float]] = []
    for manifest in (b'{"events":0,"x":1}\n', b"{}"):
        raw = io.BytesIO(bundles.zipped(CONTENTS | {"manifest.json": manifest}))
        check = BundleCheck(raw, Witnesses((KEY.public,)), lambda *how_far: told.append(how_far))
        (found,) = check.findings()
        assert found.message == "its manifest does not say what the files in it are"
    assert told == [(5, 1.0), (10, 1.0), (15, 1.0)] * 2


def test_how_far_the_reading_is_is_told_after_as_many_events_as_that() -> None:
    """Of 30 events, each of which is read twice."""
    for every, told in ((60, [(30, 1.0)]), (59, [(29, 59 / 60)]), (61, [])):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bundle_verifying, "TELL_EVERY", every)
            heard: list[tuple[int, float]] = []
            assert said(RAW, tell=lambda *how_far: heard.append(how_far)) == []  # noqa: B023
            assert heard == told


# -- what is said


def test_what_no_checkpoint_covers_is_counted() -> None:
    """From each writer's last one that is stated on; of a writer whose beginning left, from there on."""
    newer = bundles.packed(CHAINS, [FIRST])
    words = "12 events came after the newest checkpoint: no signature covers them"
    assert said(newer) == [(Fault.UNCOVERED, Degree.NOTED, words)]
    one = note([CHAINS[0]], 1, None)
    left = bundles.anchor(CHAINS[1][:6], one)
    raw = bundles.packed([CHAINS[0], CHAINS[1][6:]], [one, left])
    words = "9 events came after the newest checkpoint: no signature covers them"
    assert said(raw) == [(Fault.UNCOVERED, Degree.NOTED, words)]
    assert bundles.objection(raw) is None


def test_events_that_are_missing_at_the_end_are_named() -> None:
    one, other = sorted(CHAINS, key=lambda chain: chain[0].writer_id)
    notes = [note(CHAINS, 1, None)]
    at = "the checkpoint of 2026-11-23 13:00:00.000000 UTC states them"
    *_, cut = said(bundles.packed([one, other[:12]], notes))
    assert cut == (Fault.CHECKPOINT, Degree.BROKEN, f"events 13 to 15 are missing: {at}")
    gone = said(bundles.packed([one], notes))
    assert gone == [(Fault.CHECKPOINT, Degree.BROKEN, f"events 1 to 15 are missing: {at}")]


def test_a_later_note_that_nobody_signed_is_said_too() -> None:
    """Not the first alone: what it states would count for nothing, and nobody would hear of it."""
    changed = note(CHAINS, 2, FIRST).replace(b"\nevents 30\n", b"\nevents 31\n")
    raw = bundles.packed(CHAINS, [FIRST, changed])
    fault, degree, message = said(raw)[0]
    assert (fault, degree, message.partition(": ")[0]) == (
        Fault.NOTE,
        Degree.BROKEN,
        "note 2 of the bundle",
    )
    assert bundles.objection(raw) is not None


def test_a_note_that_names_one_that_is_missing_is_said_by_its_number() -> None:
    raw = bundles.packed(CHAINS, [FIRST, note(CHAINS, 3, b"another")])
    words = "note 2 of the bundle names one before it that is missing"
    assert said(raw)[0] == (Fault.NOTE, Degree.BROKEN, words)


def test_what_can_be_said_at_the_end_of_a_writer_is_said_and_not_by_quick() -> None:
    raw = bundles.packed([CHAINS[0][:9]], [note([CHAINS[0][:9]], 1, None)])
    words = "ended without stop; its newest event is of 2026-11-23 12:03:20.000000"
    assert said(raw) == [(Fault.NO_STOP, Degree.NOTED, words)]
    assert said(raw, quick=True) == []


def test_quick_looks_at_no_meaning() -> None:
    """Neither at what one event says nor at what several say of an attempt."""
    drafts = [records.start(), *records.canceled(records.common("9", 10, attempt=2), 10)]
    chain = sealed([*drafts, drafts[-1] | {"outcome": "closed"}, records.stop()])
    raw = bundles.packed([chain], [note([chain], 1, None)])
    assert {fault for fault, *_ in said(raw)} == {Fault.ATTEMPT, Fault.OUTCOME}
    assert said(raw, quick=True) == []


def test_of_a_writer_whose_beginning_left_nobody_knows_which_version_it_was() -> None:
    """What another version recorded is not judged as if this one had; of a writer that is whole, that is said."""
    drafts = [records.start(version="0.0.1"), *honest()[1:]]
    chain = sealed(drafts)
    one = note([chain], 1, None)
    raw = bundles.packed([chain[6:]], [one, bundles.anchor(chain[:6], one)])
    assert said(raw) == []


def test_what_stays_of_a_writer_with_a_key_begins_with_its_ladder_or_is_nobodys() -> None:
    """An archive ends before a ladder: a beginning without one is of whoever put it there."""
    tied = keyed.keyed(honest())
    one = note([tied], 1, None)
    raw = bundles.packed([tied[6:]], [one, bundles.anchor(tied[:6], one)])
    witnesses = Witnesses((KEY.public,), writer_keys=(keyed.KEY.public,))
    found = BundleCheck(io.BytesIO(raw), witnesses).findings()
    assert [(each.fault, each.seq) for each in found] == [(Fault.KEY, 7)]


def test_whose_the_events_of_a_bundle_are_is_asked_of_the_keys_that_are_given() -> None:
    tied = keyed.keyed(honest())
    raw = bundles.packed([tied], [note([tied], 1, None)])
    for key, faults in ((keyed.KEY, []), (keyed.OTHER, [Fault.KEY])):
        witnesses = Witnesses((KEY.public,), writer_keys=(key.public,))
        found = BundleCheck(io.BytesIO(raw), witnesses).findings()
        assert [each.fault for each in found] == faults


def test_who_gives_no_key_hears_so_and_nothing_is_signed() -> None:
    raw = bundles.packed(CHAINS, [FIRST])
    check = BundleCheck(io.BytesIO(raw), Witnesses())
    words = "no public key was given: its checkpoints were not looked at"
    assert [(found.fault, found.degree, found.message) for found in check.findings()] == [
        (Fault.UNCOVERED, Degree.NOTED, words)
    ]
    assert (check.events, check.writers) == (30, 2)
