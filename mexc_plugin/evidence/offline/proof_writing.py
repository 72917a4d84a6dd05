"""Proves one cancel: its events, and of everything else no more than SHA-256s, up to a signed checkpoint."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit import chain
from mexc_plugin.audit.signing_keys import PublicKey
from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence import signed_notes, statements
from mexc_plugin.evidence.offline.bundle_format import LARGEST
from mexc_plugin.evidence.statements import Checkpoint, Head
from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema.tables import audit_checkpoint
from mexc_plugin.store.verify.stretches import Reader, Stretch

FORMAT = "mexc-plugin/proof/v1"
_COLUMNS = ("seq", "prev_hash", "payload")
_LINK_BYTES = 67  # of an event between: its SHA-256, quoted, and a comma


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof is of. events: of the cancel; between: how many others it has the SHA-256 of; signed_ns: when."""

    events: int
    between: int
    signed_ns: int


def write(
    connection: Connection, cancel_id: str, keys: Sequence[PublicKey], put: Callable[[bytes], Any]
) -> Proven:
    """Write the proof of a cancel that is on record, by `put`.

    keys: whose checkpoints are taken; any that is there, where none is given. Raises EvidenceError where no
    checkpoint covers the cancel, or the record between is not whole.
    """
    read_any_text(connection)
    places: dict[str, list[int]] = {}
    for row in queries.events(connection, cancel_id):
        places.setdefault(row["writer_id"], []).append(row["seq"])
    note, checkpoint = _find_checkpoint(
        connection, {writer_id: max(seqs) for writer_id, seqs in places.items()}, keys
    )
    heads = {head.writer_id: head for head in checkpoint.writers}
    links = sum(heads[writer_id].seq - min(seqs) + 1 for writer_id, seqs in places.items())
    events = sum(map(len, places.values()))
    if links * _LINK_BYTES > LARGEST:
        raise EvidenceError(
            f"{links} events lie between this cancel and the first checkpoint after it: too many for a "
            "proof; take checkpoints more often, and give a bundle of this one: mexc-plugin audit export --bundle"
        )
    separator = f'{{"cancel_id":{_quote(cancel_id)},"chains":['
    for writer_id in sorted(places):
        put(separator.encode())
        for piece in _chain(connection, heads[writer_id], set(places[writer_id])):
            put(piece.encode())
        separator = ","
    put(f'],"checkpoint":{_quote(note)},"format":{_quote(FORMAT)}}}\n'.encode())
    return Proven(events, links - events, checkpoint.taken_ns)


def _chain(connection: Connection, head: Head, own: set[int]) -> Iterator[str]:
    """The links of one writer. own: the numbers of the cancel's events."""
    first = min(own)
    expected, hash_ = first, ""
    stretch = Stretch(head.writer_id, first, head.seq, head.seq - first + 1)
    for seq, prev_hash, payload in Reader(connection, _COLUMNS).rows(stretch):
        if seq != expected:
            break
        try:
            hash_ = chain.link(hash_ or prev_hash, payload)
        except UnicodeEncodeError:
            break
        expected += 1
        link = payload if seq in own else hashlib.sha256(payload.encode()).hexdigest()
        yield f'{{"first_seq":{first},"links":[' if seq == first else ","
        yield _quote(link)
        if seq == first:
            before = prev_hash
    if expected != head.seq + 1 or hash_ != head.hash:
        raise EvidenceError(
            f"events {first} to {head.seq} of writer {head.writer_id} are not those that the checkpoint "
            "states; look with: mexc-plugin audit verify"
        )
    yield f'],"prev_hash":{_quote(before)},"writer_id":{_quote(head.writer_id)}}}'


def _find_checkpoint(
    connection: Connection, wanted: dict[str, int], keys: Sequence[PublicKey]
) -> tuple[str, Checkpoint]:
    """The first checkpoint that states all of these events, by writer the last one's number."""
    table = audit_checkpoint.c
    query = sa.select(table.sha256).where(table.kind == Checkpoint.kind)
    for sha256 in connection.scalars(query.order_by(table.taken_ns, table.sha256)).all():
        note = connection.scalar(sa.select(table.note).where(table.sha256 == sha256))
        connection.rollback()
        checkpoint = _read(str(note), keys)
        if checkpoint is None:
            continue
        stated = {head.writer_id: head.seq for head in checkpoint.writers}
        if all(stated.get(writer_id, 0) >= seq for writer_id, seq in wanted.items()):
            return str(note), checkpoint
    raise EvidenceError(
        "no checkpoint covers this cancel yet; take one, and prove it then: "
        "mexc-plugin audit checkpoint --key FILE --to FOLDER"
    )


def _read(note: str, keys: Sequence[PublicKey]) -> Checkpoint | None:
    """A checkpoint, where the note is one and of one of the keys."""
    try:
        raw = note.encode()
        said = statements.parse(signed_notes.verify(raw, keys) if keys else signed_notes.read(raw))
    except (EvidenceError, UnicodeEncodeError):
        return None
    return said if isinstance(said, Checkpoint) else None


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
