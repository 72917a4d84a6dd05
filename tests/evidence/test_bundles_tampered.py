"""Bundles that somebody tampered with: both verifiers find it, or neither can and docs/evidence.md says why."""

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.evidence import signed_notes, verifying
from mexc_plugin.store.verify.findings import Degree, Fault

from . import bundles, records
from .bundles import KEY, OTHER_KEY, note, packed
from .records import Draft, honest, sealed
from .test_tampering import CLASSES

IDS = [f"{n}0000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3)]
Chains = list[list[Event]]


@cache
def drafts(number: int) -> tuple[Draft, ...]:
    return tuple(honest())


def three() -> Chains:
    return [sealed(drafts(number), writer_id) for number, writer_id in enumerate(IDS)]


def notes(key: bundles.PrivateKey = KEY) -> list[bytes]:
    """Three checkpoints: of the first five events of each, of the first ten, of all but the third's stop."""
    first = note([chain[:5] for chain in three()], 1, None, key)
    second = note([chain[:10] for chain in three()], 2, first, key)
    whole = three()
    return [first, second, note([whole[0], whole[1], whole[2][:14]], 3, second, key)]


def rehashed(place: int, **fields: object) -> list[Event]:
    """The second chain with an event changed, and all hashes made anew."""
    changed = list(drafts(1))
    changed[place] = changed[place] | fields
    return sealed(changed, IDS[1])


def with_second(chain: list[Event]) -> Chains:
    first, _, third = three()
    return [first, chain, third]


def repacked(change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(packed(three(), notes()))) as file:
        return bundles.zipped(change({name: file.read(name) for name in file.namelist()}))


def manifest_with(**fields: object) -> bytes:
    def change(contents: dict[str, bytes]) -> dict[str, bytes]:
        document = json.loads(contents["manifest.json"]) | fields
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return contents | {"manifest.json": f"{text}\n".encode()}

    return repacked(change)


def renamed(old: str, new: str) -> bytes:
    return repacked(
        lambda c: {new if name == old else name: content for name, content in c.items()}
    )


def with_number_true() -> bytes:
    """A writer whose first event has the number `true`, which many languages take for 1."""
    first = three()[0][0]
    payload = first.payload.replace('"seq":1', '"seq":true')
    forged = replace(first, payload=payload, hash=chain.link(chain.GENESIS, payload))
    return packed([[forged], *three()[1:]], [note([[forged], *three()[1:]], 1, None)])


def bomb() -> bytes:
    """A member of 160 MB of zeros, in 160 kB."""
    return bundles.zipped({f"events/{IDS[0]}.jsonl": b"0" * 160_000_000, "manifest.json": b"{}"})


second = three()[1]
FIRST_FILE = f"events/{IDS[0]}.jsonl"
BROKEN: dict[str, tuple[Callable[[], bytes], Fault]] = {
    "an event edited, hashes made anew": (
        lambda: packed(with_second(rehashed(2, filled="0.4")), notes()),
        Fault.CHECKPOINT,
    ),
    "an event edited, its hash as it was": (
        lambda: packed(
            with_second(
                [
                    *second[:3],
                    replace(second[3], payload=second[3].payload.replace("grid", "grab")),
                    *second[4:],
                ]
            ),
            notes(),
        ),
        Fault.HASH,
    ),
    "an event exchanged for that of another writer": (
        lambda: packed(with_second([*second[:3], three()[0][3], *second[4:]]), notes()),
        Fault.PAYLOAD,
    ),
    "a prev_hash changed": (
        lambda: packed(
            with_second([*second[:3], replace(second[3], prev_hash="1" * 64), *second[4:]]), notes()
        ),
        Fault.LINK,
    ),
    "an event removed": (
        lambda: packed(with_second([*second[:3], *second[4:]]), notes()),
        Fault.GAP,
    ),
    "the first event removed": (lambda: packed(with_second(second[1:]), notes()), Fault.GAP),
    "two events exchanged": (
        lambda: packed(with_second([*second[:3], second[4], second[3], *second[5:]]), notes()),
        Fault.GAP,
    ),
    "an event doubled": (
        lambda: packed(with_second([*second[:4], *second[3:]]), notes()),
        Fault.GAP,
    ),
    "a tail cut off": (lambda: packed(with_second(second[:12]), notes()), Fault.CHECKPOINT),
    "a writer dropped": (lambda: packed([three()[0], three()[2]], notes()), Fault.CHECKPOINT),
    "every writer dropped": (lambda: packed([], notes()), Fault.CHECKPOINT),
    "the first checkpoint removed": (lambda: packed(three(), notes()[1:]), Fault.NOTE),
    "a checkpoint removed from the middle": (
        lambda: packed(three(), [notes()[0], notes()[2]]),
        Fault.NOTE,
    ),
    "every checkpoint removed": (lambda: packed(three(), []), Fault.NOTE),
    "checkpoints exchanged": (
        lambda: packed(three(), [notes()[1], notes()[0], notes()[2]]),
        Fault.NOTE,
    ),
    "a checkpoint's text changed": (
        lambda: packed(three(), [notes()[0].replace(b"events 15", b"events 14"), *notes()[1:]]),
        Fault.NOTE,
    ),
    "signed by another key of that name": (lambda: packed(three(), notes(OTHER_KEY)), Fault.NOTE),
    "hashes and checkpoints made anew by another key": (
        lambda: packed(with_second(rehashed(2, filled="0.4")), notes(OTHER_KEY)),
        Fault.NOTE,
    ),
    "another event than a later checkpoint of the same key states": (
        lambda: packed(
            with_second(rehashed(2, filled="0.4")),
            [*notes()[:2], note(with_second(rehashed(2, filled="0.4")), 4, notes()[1])],
        ),
        Fault.CHECKPOINT,
    ),
    "two checkpoints that differ": (
        lambda: packed(
            three(), [*notes(), note(with_second(rehashed(2, filled="0.4")), 4, notes()[2])]
        ),
        Fault.CHECKPOINT,
    ),
    "the number of events": (lambda: manifest_with(events=44), Fault.BUNDLE),
    "an entry of the manifest": (lambda: manifest_with(writers=[]), Fault.BUNDLE),
    "another format": (lambda: manifest_with(format="mexc-plugin/bundle/v2"), Fault.BUNDLE),
    "one entry more": (lambda: manifest_with(comment="whole"), Fault.BUNDLE),
    "the manifest removed": (
        lambda: repacked(lambda c: {n: t for n, t in c.items() if n != "manifest.json"}),
        Fault.BUNDLE,
    ),
    "a file more": (lambda: repacked(lambda c: {"readme.txt": b"hello"} | c), Fault.BUNDLE),
    "a path that leaves the folder": (
        lambda: renamed(FIRST_FILE, f"../{FIRST_FILE}"),
        Fault.BUNDLE,
    ),
    "an absolute path": (lambda: renamed(FIRST_FILE, f"/{FIRST_FILE}"), Fault.BUNDLE),
    "files in another order": (
        lambda: repacked(lambda c: dict(reversed(c.items()))),
        Fault.BUNDLE,
    ),
    "an empty file of events": (lambda: repacked(lambda c: c | {FIRST_FILE: b""}), Fault.BUNDLE),
    "a line without its end": (
        lambda: repacked(lambda c: c | {FIRST_FILE: c[FIRST_FILE][:-1]}),
        Fault.BUNDLE,
    ),
    "a line that is no event": (
        lambda: repacked(lambda c: c | {FIRST_FILE: b"hello\n" + c[FIRST_FILE]}),
        Fault.BUNDLE,
    ),
    "a number that is none": (
        with_number_true,
        Fault.BUNDLE,
    ),
    "a note of another format": (
        lambda: packed(three(), [signed_notes.sign("x/v1\nevents 1\ntime 1\nprevious -\n", KEY)]),
        Fault.NOTE,
    ),
    "a payload that is no UTF-8": (
        lambda: repacked(lambda c: c | {FIRST_FILE: c[FIRST_FILE].replace(b"grid", b"gr\xffd")}),
        Fault.BUNDLE,
    ),
    "a ZIP bomb": (bomb, Fault.BUNDLE),
    "a file behind the seal": (lambda: packed(three(), notes()) + b"\n", Fault.BUNDLE),
    "the end cut off": (lambda: packed(three(), notes())[:-1], Fault.BUNDLE),
    "nothing": (lambda: b"", Fault.BUNDLE),
    "a ZIP of others": (lambda: zlib.compress(b"PK"), Fault.BUNDLE),
}


# What the single file says, where several of its checks would find the same.
WORDS = {
    "an event edited, its hash as it was": "after seq 3: an event that was changed",
    "an event exchanged for that of another writer": "after seq 3: another writer's event",
    "a prev_hash changed": "after seq 3: an event that does not follow",
    "an event removed": "after seq 3: events are missing",
    "the first event removed": "after seq 0: events are missing",
    "a number that is none": "after seq 0: events are missing",
    "a file more": "not those of a bundle, or not in their order",
    "a path that leaves the folder": "not those of a bundle, or not in their order",
    "an empty file of events": ": no event",
    "a line that is no event": "after seq 0: no event",
    "a ZIP bomb": "a ZIP bomb",
    "a note of another format": "a note of another format",
}


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


def test_a_bundle_is_verified_as_its_database_is(tmp_path) -> None:
    """Of every class of tampering that is found by meaning: the same findings, in the same words."""
    url = f"sqlite:///{tmp_path}/audit.db"
    records.store(url, *(sealed(chain) for make, _ in CLASSES.values() for chain in make()))
    stored = set(verifying.verify(url, verifying.make_plan(url)))
    bundled = set(bundles.findings(bundles.exported(url)))
    no_checkpoint = {each for each in bundled if each.fault is Fault.NOTE}
    assert len(no_checkpoint) == 1
    assert bundled - no_checkpoint == stored
    assert len(stored) > len(CLASSES)


def test_the_newest_form_of_an_event_is_the_one_that_the_program_seals() -> None:
    """The single file has the tag of the chain written out; it is that of the program."""
    event = events.seal(drafts(1)[0], IDS[0], 1, "0" * 64)
    digest = hashlib.sha256(event.payload.encode()).digest()
    assert bundles.TOOL.link("0" * 64, digest) == event.hash
