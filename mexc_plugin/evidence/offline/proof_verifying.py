"""Verifies the proof of a cancel without a database: that its events were signed, and what they mean."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from mexc_plugin.audit import canonical, chain
from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence import signed_notes, statements
from mexc_plugin.evidence.attempt_story import Story
from mexc_plugin.evidence.checking import decode, look_up
from mexc_plugin.evidence.checkpoint_checks import Witnesses
from mexc_plugin.evidence.judging import Document
from mexc_plugin.evidence.offline.bundle_format import LARGEST, UUID
from mexc_plugin.evidence.offline.proof_writing import FORMAT
from mexc_plugin.evidence.offline.scratch_record import ScratchRecord, scratch_record
from mexc_plugin.evidence.statements import Checkpoint
from mexc_plugin.store.verify import attempts
from mexc_plugin.store.verify.findings import Degree, Fault, Finding

_KEYS = {"format", "cancel_id", "checkpoint", "chains"}
_CHAIN_KEYS = {"writer_id", "first_seq", "prev_hash", "links"}
_ID = re.compile(UUID)


@dataclass(frozen=True, slots=True)
class _Chain:
    """A writer's part: where it ends, and the events in it with their payloads."""

    writer_id: str
    last: int
    hash: str
    events: tuple[tuple[Document, str], ...]


class ProofCheck:
    """One proof, and what it is to agree with.

    events, writers: how many there were, once `findings` has come to its end.
    """

    def __init__(self, file: BinaryIO, witnesses: Witnesses) -> None:
        self.events = 0
        self.writers = 0
        self._file = file
        self._witnesses = witnesses

    def findings(self) -> Iterator[Finding]:
        """Every finding; where the file is no proof, that alone."""
        try:
            document = _decode(self._file)
            chains = _chains(document)
            self.writers = len(chains)
            self.events = sum(len(each.events) for each in chains)
            unsigned = list(self._check_signed(document["checkpoint"].encode(), chains))
            yield from unsigned
            if any(each.degree is Degree.BROKEN for each in unsigned):
                return  # what events mean that nobody signed is of no interest
            with scratch_record() as scratch:
                yield from _check_meaning(chains, scratch)
        except EvidenceError as error:
            yield Finding(Fault.BUNDLE, str(error))

    def _check_signed(self, note: bytes, chains: Sequence[_Chain]) -> Iterator[Finding]:
        keys, kept = self._witnesses.keys, self._witnesses.notes
        try:
            text = signed_notes.verify(note, keys) if keys else signed_notes.read(note)
            said = statements.parse(text)
        except EvidenceError as error:
            yield Finding(Fault.NOTE, f"its checkpoint: {error}")
            return
        if not isinstance(said, Checkpoint):
            raise EvidenceError("it is no proof: what is signed in it is no checkpoint")
        if not keys:
            message = "no public key was given: who signed its checkpoint was not looked at"
            yield Finding(Fault.UNCOVERED, message, degree=Degree.NOTED)
        if any(each.sha256 != signed_notes.digest(note) for each in kept):
            yield Finding(Fault.NOTE, "its checkpoint is not the one that is kept elsewhere")
        heads = {head.writer_id: (head.seq, head.hash) for head in said.writers}
        for each in chains:
            if heads.get(each.writer_id) != (each.last, each.hash):
                message = "these are not the events that the checkpoint states"
                yield Finding(Fault.CHECKPOINT, message, each.writer_id, each.last)


def _check_meaning(chains: Sequence[_Chain], scratch: ScratchRecord) -> Iterator[Finding]:
    """Whether the events can be, as far as they say; what else there is of the cancel, nobody sees here."""
    for each in chains:
        for document, payload in each.events:
            scratch.add(each.writer_id, document, payload)
    scratch.settle()
    yield from attempts.find_doubles(scratch.connection)
    yield from attempts.find_skipped(scratch.connection)
    for each in chains:
        story = Story(
            each.writer_id,
            lambda cancel_id, attempt: look_up(scratch.connection, cancel_id, attempt),
            {},  # its start is not told: nobody knows which version it was
        )
        for document, _ in each.events:
            yield from story.read(document)
        yield from (found for found in story.end() if found.fault is not Fault.NO_STOP)


def _decode(file: BinaryIO) -> dict[str, Any]:
    file.seek(0)
    raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise EvidenceError("it is no proof: it is too large")
    try:
        document = canonical.decode(raw.decode())
        if f"{canonical.encode(document)}\n".encode() == raw and document.keys() == _KEYS:
            return document
    except (ValueError, TypeError, RecursionError):
        pass
    raise EvidenceError(
        "it is neither a bundle nor a proof, or it was damaged: a proof is canonical JSON with "
        f"{', '.join(sorted(_KEYS))}"
    )


def _chains(document: dict[str, Any]) -> list[_Chain]:
    if document["format"] != FORMAT:
        raise EvidenceError(f"it is a proof of another format than {FORMAT}, the one that is known")
    cancel_id, given = document["cancel_id"], document["chains"]
    names = isinstance(cancel_id, str) and _ID.fullmatch(cancel_id)
    if not (
        names and isinstance(document["checkpoint"], str) and isinstance(given, list) and given
    ):
        raise EvidenceError("it is no proof: it names no cancel, no checkpoint or no events")
    chains = [_chain(each, cancel_id) for each in given]
    if len({each.writer_id for each in chains}) < len(chains):
        raise EvidenceError("it is no proof: a writer is in it twice")
    return chains


def _chain(given: Any, cancel_id: str) -> _Chain:  # noqa: ANN401 - whatever the file has there
    if not isinstance(given, dict) or given.keys() != _CHAIN_KEYS:
        raise EvidenceError("it is no proof: a chain in it is none")
    writer_id, seq, hash_, links = (
        given[name] for name in ("writer_id", "first_seq", "prev_hash", "links")
    )
    if (
        not (isinstance(writer_id, str) and _ID.fullmatch(writer_id))
        or not statements.is_hash(hash_)
        or type(seq) is not int
        or not (isinstance(links, list) and links and all(isinstance(x, str) for x in links))
    ):
        raise EvidenceError("it is no proof: a chain in it is none")
    events = []
    for number, link in enumerate(links, seq):
        if link.startswith("{"):
            events.append((_event(link, (cancel_id, writer_id, number)), link))
            hash_ = chain.link(hash_, link)
        elif statements.is_hash(link):
            hash_ = chain.link_digest(hash_, bytes.fromhex(link))
        else:
            raise EvidenceError(f"it is no proof: what it says of event {number} is no SHA-256")
    return _Chain(writer_id, seq + len(links) - 1, hash_, tuple(events))


def _event(payload: str, place: tuple[str, str, int]) -> Document:
    document = decode(payload)
    if tuple(map(document.get, ("cancel_id", "writer_id", "seq"))) != place:
        raise EvidenceError(f"event {place[2]} of writer {place[1]} in it is of something else")
    return document
