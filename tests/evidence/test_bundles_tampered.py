"""Bundles that somebody tampered with: both verifiers find it, or neither can and docs/evidence.md says why."""

import base64
import hashlib
import random

import pytest

from mexc_plugin.audit import events
from mexc_plugin.store.verify.findings import Degree, Fault

from . import bundles
from .bundles import note, packed
from .matrix.bundle_files import BROKEN, IDS, WORDS, drafts, notes, rehashed, three, with_second
from .records import sealed


@pytest.mark.parametrize("name", BROKEN)
def test_both_verifiers_find_what_was_done_to_a_bundle(name: str) -> None:
    make, fault = BROKEN[name]
    raw = make()
    found = [each.fault for each in bundles.broken(raw)]
    said = bundles.objection(raw)
    assert (fault in found, said is not None) == (True, True), found
    assert WORDS.get(name, "") in str(said)


def test_both_verifiers_call_an_honest_bundle_whole() -> None:
    raw = packed(three(), notes())
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)
    assert [(each.fault, each.degree) for each in bundles.findings(raw)] == [
        (Fault.UNCOVERED, Degree.NOTED)
    ]


def test_what_a_checkpoint_elsewhere_shows_beyond_the_bundle() -> None:
    """A removed newest checkpoint, and an old copy: neither shows by itself, and both do by what was kept."""
    older = packed([chain[:10] for chain in three()], notes()[:2])
    removed = packed(with_second(rehashed(14, host="elsewhere")), notes()[:2])
    for raw in (older, removed):
        assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)
        assert [each.fault for each in bundles.broken(raw, kept=notes()[2:])] == [Fault.NOTE]
        assert bundles.objection(raw, kept=notes()[2:]) is not None
    raw = packed(three(), notes())
    assert (bundles.broken(raw, kept=notes()), bundles.objection(raw, kept=notes())) == ([], None)


def test_the_single_file_knows_no_meaning_and_audit_verify_does() -> None:
    """After the newest checkpoint anybody can make hashes anew; what the events mean still has to agree."""
    raw = packed(with_second(rehashed(13, outcome="canceled")), notes()[:2])
    assert bundles.objection(raw) is None
    assert [each.fault for each in bundles.broken(raw)] == [Fault.OUTCOME]


def test_two_checkpoints_that_follow_the_same_one_are_no_fault() -> None:
    """Two machines may take one at the same time."""
    first, second_, third = notes()
    beside = note([chain[:12] for chain in three()], 2.5, second_)
    raw = packed(three(), [first, second_, beside, third])
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)


def test_what_was_archived_is_missed_by_neither_and_only_with_an_anchor() -> None:
    chains, signed = three(), notes()
    rest = [chains[0][6:], chains[2]]
    gone = bundles.anchor(chains[1], bundles.anchor(chains[0][:6], signed[-1]))
    with_anchors = [*signed, bundles.anchor(chains[0][:6], signed[-1]), gone]
    raw = packed(rest, with_anchors)
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)
    raw = packed(rest, signed)
    assert {each.fault for each in bundles.broken(raw)} == {
        Fault.GAP,
        Fault.CHECKPOINT,
        Fault.START,
    }
    assert bundles.objection(raw) is not None


def test_a_bundle_that_an_anchor_signs_needs_no_more_than_what_it_holds() -> None:
    """What an archive took away: checkpoints state later events, which stayed."""
    raw = packed([chain[:5] for chain in three()], notes())
    assert {each.fault for each in bundles.broken(raw)} == {Fault.CHECKPOINT}
    assert bundles.objection(raw) is not None
    kept = [bundles.anchor(three()[0][:5], notes()[-1], hashlib.sha256(raw).hexdigest())]
    assert (bundles.broken(raw, kept=kept), bundles.objection(raw, kept=kept)) == ([], None)


def test_loss_that_a_writer_admits_is_broken_for_both() -> None:
    lost = sealed([*drafts(1)[:6], drafts(1)[6] | {"lost": 1}, *drafts(1)[7:]], IDS[1])
    raw = packed(with_second([*lost[:5], *lost[6:]]), [note(with_second(lost), 1, None)])
    assert Fault.LOST in [each.fault for each in bundles.broken(raw)]
    assert bundles.objection(raw) is not None


def test_the_newest_form_of_an_event_is_the_one_that_the_program_seals() -> None:
    """The single file has the tag of the chain written out; it is that of the program."""
    event = events.seal(drafts(1)[0], IDS[0], 1, "0" * 64)
    digest = hashlib.sha256(event.payload.encode()).digest()
    assert bundles.TOOL.link("0" * 64, digest) == event.hash


@pytest.mark.parametrize(
    "line",
    [
        str(bundles.KEY.public).replace("auditor", "notary"),
        str(bundles.KEY.public).replace(f"+{bundles.KEY.public.id.hex()}+", "+00000000+"),
        str(bundles.KEY.public).replace("+", "+!", 2),
        "auditor+"
        + hashlib.sha256(b"auditor\n\x02" + bytes(32)).hexdigest()[:8]
        + "+"
        + base64.b64encode(b"\x02" + bytes(32)).decode(),
        str(bundles.KEY.public) + "!",
    ],
    ids=["another name", "another id", "no number", "another algorithm", "a stray character"],
)
def test_the_single_file_takes_no_key_that_is_none(line: str) -> None:
    with pytest.raises(ValueError, match=r"that is no public key|base64|Only|characters"):
        bundles.TOOL.Key(line)


def test_a_bundle_of_several_pieces_is_whole_for_both() -> None:
    """Its seal is computed a MiB at a time."""
    noise = random.Random(1).randbytes(2_500_000).hex()
    big = sealed([drafts(1)[0] | {"host": noise}, *drafts(1)[1:]], IDS[1])
    raw = packed(with_second(big), [note(with_second(big), 1, None)])
    assert len(raw) > 2 << 20
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)
