"""What is done to a bundle. Each is the file that somebody is given, and what `audit verify` finds in it."""

import io
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from mexc_plugin.audit import chain
from mexc_plugin.audit.events import Event
from mexc_plugin.evidence import signed_notes
from mexc_plugin.store.verify.findings import Fault
from tests.evidence import bundles
from tests.evidence.bundles import KEY, OTHER_KEY, note, packed
from tests.evidence.records import Draft, honest, sealed

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
    "a stray character in a signature": (
        lambda: packed(three(), [notes()[0][:-9] + b"!" + notes()[0][-9:], *notes()[1:]]),
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
    "something before the first file": (
        lambda: bundles.sealed(b"#!/bin/sh\n" + packed(three(), notes())[:-66]),
        Fault.BUNDLE,
    ),
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
    "something before the first file": "something stands before its first file",
    "signed by another key of that name": "is not signed by auditor",
    "a note of another format": "a note of another format",
}
