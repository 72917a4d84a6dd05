#!/usr/bin/env python3
"""Checks a bundle (.zip) or a proof (.json) of mexc-plugin, with nothing of that program.

    python verify_bundle.py FILE PUBLIC_KEY_FILE [CHECKPOINT_FILE ...]

Needs Python 3.11 and the package `cryptography`. A CHECKPOINT_FILE is one that was kept elsewhere.
Exit code 0: FILE holds what was recorded and signed. 3: it does not; the first problem is said. 2:
usage. Nothing is unpacked to disk. The formats, and what no check can show: docs/evidence.md.
"""

import base64
import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = (0, "0" * 64)  # before a writer's first event
LARGEST = 1 << 26  # bytes of an event, a note, a manifest or a proof
HASH, UUID = "[0-9a-f]{64}", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
EVENT = re.compile(rf"({HASH}) ({HASH}) (\{{.*\}})\n".encode())


def need(holds, words):
    if not holds:
        raise ValueError(words)


def link(before, digest):
    """The hash of an event, from that of the event before it and the SHA-256 of its payload."""
    return hashlib.sha256(b"mexc-plugin/cancel_audit/1\n" + before.encode() + digest).hexdigest()


def canonical(document):
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


class Key:
    """A public key: `<name>+<key id>+<base64 of 0x01 and the 32 bytes of an Ed25519 key>`."""

    def __init__(self, line):
        self.name, key_id, encoded = line.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        need(raw[:1] == b"\x01" and self.id.hex() == key_id, "that is no public key")
        self.public = Ed25519PublicKey.from_public_bytes(raw[1:])

    def open(self, note):
        """The lines of a signed note, which is a text, an empty line and signatures."""
        text, _, signatures = note.decode().rpartition("\n\n")
        for name, encoded in re.findall(r"— (\S+) (\S+)\n", signatures):
            raw = base64.b64decode(encoded, validate=True)
            if (name, raw[:4]) == (self.name, self.id):
                self.public.verify(raw[4:], f"{text}\n".encode())
                return text.split("\n")
        raise ValueError(f"a note (a checkpoint) is not signed by {self.name}")


def read_writers(lines):
    """What a note says of writers: the last seq of each, and the hash of that event."""
    return {writer: (int(seq), hash_) for _, writer, *_, seq, hash_ in map(str.split, lines)}


def read_notes(notes, key):
    """What notes, oldest first, state: how far writers had come, and what left for an archive."""
    stated, newest, archived, hashes, time = {}, {}, {}, ["-"], "none"
    for note in notes:
        kind, _, taken, previous, *lines = key.open(note)
        need(previous[9:] in hashes, f"the note before that of {taken} is missing")
        hashes.append(hashlib.sha256(note).hexdigest())
        if kind == "mexc-plugin/archive/v1":
            archived |= read_writers(lines[1:])
            continue
        need(kind == "mexc-plugin/checkpoint/v1", "a note of another format")
        newest, time = read_writers(lines), taken[5:]
        for writer, (seq, hash_) in newest.items():
            known = stated.setdefault(writer, {}).setdefault(seq, hash_)
            need(known == hash_, f"two checkpoints differ about writer {writer} seq {seq}")
    return stated, newest, archived, hashes, time


def check_bundle(file, key, kept):
    """What the bundle holds, in words."""
    size, digest = file.seek(0, 2), hashlib.sha256()
    file.seek(0)
    for start in range(0, size - 66, 1 << 20):
        digest.update(file.read(min(1 << 20, size - 66 - start)))
    seal = b"\x40\x00" + digest.hexdigest().encode()
    need(file.read() == seal, "damaged, cut or changed: its end is not the SHA-256 of the rest")
    digest.update(seal)
    anchored = any(f"\nbundle {digest.hexdigest()}\n".encode() in note for note in kept)
    bundle = zipfile.ZipFile(file)
    names, unpacked = bundle.namelist(), sum(each.file_size for each in bundle.infolist())
    need(unpacked <= 200 * size + LARGEST, "a ZIP bomb")
    need(bundle.infolist()[0].header_offset == 0, "something stands before its first file")
    ids = [name[7:-6] for name in names if re.fullmatch(rf"events/{UUID}\.jsonl", name)]
    numbered = [f"checkpoints/{number:04}.txt" for number in range(1, len(names) - len(ids))]
    expected = [f"events/{id_}.jsonl" for id_ in sorted(set(ids))] + numbered + ["manifest.json"]
    need(names == expected, "its files are not those of a bundle, or not in their order")
    *notes, manifest = [bundle.open(name).read(LARGEST) for name in names[len(ids) :]]
    stated, newest, archived, hashes, time = read_notes(notes, key)
    need(notes or anchored, f"nothing in it is signed by {key.name}: it holds no checkpoint")
    for note in kept:
        is_in = key.open(note) and hashlib.sha256(note).hexdigest() in hashes
        need(is_in or anchored, "it lacks a checkpoint that was kept elsewhere")
    checked = [check_chain(bundle, id_, stated, archived.get(id_, GENESIS)) for id_ in ids]
    rows, files = [row for row, _ in checked], [entry for _, entry in checked]
    for name, note, sha256 in zip(numbered, notes, hashes[1:], strict=True):
        files.append({"name": name, "bytes": len(note), "sha256": sha256})
    last = {row["writer_id"]: row["last_seq"] for row in rows}
    for writer in () if anchored else stated:
        there = last.get(writer, archived.get(writer, GENESIS)[0])
        need(there >= max(stated[writer]), f"writer {writer}: cut off after seq {there}")
    events = sum(row["last_seq"] - row["first_seq"] + 1 for row in rows)
    made = {"format": "mexc-plugin/bundle/v1", "events": events, "writers": rows, "files": files}
    need(manifest == canonical(made), "manifest.json does not say what the files are")
    newer = sum(max(0, last[writer] - newest.get(writer, GENESIS)[0]) for writer in last)
    return f"{events} events of {len(rows)} writers; {newer} of them after the checkpoint of {time}"


def check_chain(bundle, writer, stated, begin):
    """Follows a writer's chain; what the manifest has to say of the writer and of its file."""
    (last, before), stated = begin, stated.get(writer, {})
    row = {"writer_id": writer, "first_seq": last + 1, "prev_hash": before}
    name, content, size = f"events/{writer}.jsonl", hashlib.sha256(), 0
    lines = bundle.open(name)
    while line := lines.readline(LARGEST):
        content.update(line)
        size += len(line)
        match, where = EVENT.fullmatch(line), f"{name} after seq {last}: "
        need(match, where + "no event")
        prev_hash, hash_, event = match[1].decode(), match[2].decode(), json.loads(match[3])
        last += 1
        need(type(event["seq"]) is int and event["seq"] == last, where + "events are missing")
        need(event["writer_id"] == writer, where + "another writer's event")
        need(prev_hash == before, where + "an event that does not follow")
        before = link(prev_hash, hashlib.sha256(match[3]).digest())
        need(hash_ == before, where + "an event that was changed")
        need(stated.get(last, before) == before, where + "another event than a checkpoint states")
    need(size, f"{name}: no event")
    entry = {"name": name, "bytes": size, "sha256": content.hexdigest()}
    return row | {"last_seq": last, "hash": before}, entry


def check_proof(file, key, kept):
    """What is proven, in words."""
    file.seek(0)
    proof = json.loads(raw := file.read(LARGEST))
    known = raw == canonical(proof) and proof["format"] == "mexc-plugin/proof/v1"
    known = known and len(proof) == 4 and re.fullmatch(UUID, proof["cancel_id"])
    need(known and proof["chains"], "neither a bundle nor a proof")
    kind, _, time, _, *lines = key.open(note := proof["checkpoint"].encode())
    need(all(each == note for each in kept), "its checkpoint is not the one that was kept")
    need(kind == "mexc-plugin/checkpoint/v1", "what is signed is no checkpoint")
    stated, events = read_writers(lines), []
    for chain in proof["chains"]:
        writer, hash_ = chain["writer_id"], chain["prev_hash"]
        for seq, text in enumerate(chain["links"], chain["first_seq"]):
            if text[:1] == "{":
                event, digest = json.loads(text), hashlib.sha256(text.encode()).digest()
                place = event["cancel_id"], event["writer_id"], event["seq"]
                need(place == (proof["cancel_id"], writer, seq), "an event of something else")
                events.append("\n{occurred_ns} {kind} {outcome}".format(**{"outcome": ""} | event))
            else:
                digest = bytes.fromhex(text)
                need(digest.hex() == text, "neither a bundle nor a proof")
            hash_ = link(hash_, digest)
        form = (len(chain), type(chain["links"]), type(chain["first_seq"])) == (4, list, int)
        need(form and stated.pop(writer, None) == (seq, hash_), f"writer {writer!r}: not as signed")
    return f"{len(events)} events of cancel {proof['cancel_id']}, signed {time[5:]}{''.join(sorted(events))}"


def main(arguments):
    try:
        need(len(arguments) > 1, "name the FILE and the PUBLIC_KEY_FILE")
        path, public, *kept = map(Path, arguments)
        key, file, kept = Key(public.read_text()), path.open("rb"), [*map(Path.read_bytes, kept)]
    except (OSError, ValueError) as error:
        print(f"{error}\n{__doc__}", file=sys.stderr)
        return 2
    try:
        with file:
            check = check_bundle if zipfile.is_zipfile(file) else check_proof
            print("whole:", check(file, key, kept))
    except InvalidSignature:
        print(f"broken: a note (a checkpoint) was changed after {key.name} had signed it")
        return 3
    except Exception as error:  # noqa: BLE001 - a file that was made up provokes any of them
        print("broken:", error if type(error) is ValueError else f"not as written: {error!r}")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
