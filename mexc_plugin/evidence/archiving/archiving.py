"""An archive from the first look to the last: verify, write, read back, remove with an anchor.

Only the last step changes the record, and it is one transaction. Whatever ends the program before, the same command
begins anew; after it, the same command finds nothing to do but to put the note beside its bundle.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from mexc_plugin.audit import naive_utc
from mexc_plugin.audit.signing_keys import PrivateKey
from mexc_plugin.errors import EvidenceError, StoreError
from mexc_plugin.evidence import note_table, signed_notes, statements, verifying
from mexc_plugin.evidence.archiving import archive_files, leaving, removing
from mexc_plugin.evidence.archiving.removing import CHUNK, Chunk
from mexc_plugin.evidence.checking import decode
from mexc_plugin.evidence.checkpoint_checks import Elsewhere, Witnesses
from mexc_plugin.evidence.offline import bundle_writing
from mexc_plugin.evidence.offline.bundle_reading import Bundle
from mexc_plugin.evidence.offline.bundle_verifying import BundleCheck
from mexc_plugin.evidence.statements import Archive, Left
from mexc_plugin.evidence.verifying import Plan
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.connect.error_messages import explaining
from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify.findings import Degree, Fault, Finding
from mexc_plugin.store.verify.stretches import Stretch

# The largest removal that a server may be silent about.
A_DAY_MS = 86_400_000

# Called with what is done now, and how much of it, 0 to 1.
Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Leaving:
    """What an archive would take out. before: of the time before that, UTC and naive;

    unresolved: its cancels whose outcome nobody knows.
    """

    before: datetime
    stretches: tuple[Stretch, ...]
    unresolved: tuple[str, ...]

    @property
    def events(self) -> int:
        """How many events leave."""
        return sum(stretch.events for stretch in self.stretches)


@dataclass(frozen=True, slots=True)
class Finished:
    """What left. partitions: the names of those that left whole."""

    events: int
    writers: int
    bundle: Path
    note: bytes
    partitions: tuple[str, ...]


def look(url: str, before: datetime) -> Leaving:
    """What may leave of what happened before that time. Raises what `queries.reading` raises."""
    before_ns = naive_utc.to_ns(before)
    with queries.reading(url) as connection:
        read_any_text(connection)
        found = leaving.select(connection, before_ns)
        return Leaving(
            before, tuple(found), tuple(leaving.find_unresolved(connection, found, before_ns))
        )


def find_broken(url: str, wanted: Leaving, tell: Tell) -> Iterator[Finding]:
    """What is broken of the record as a whole, or of what leaves: it is to stay where it is."""
    done = 0

    def add(more: int) -> None:
        nonlocal done
        done += more
        tell("verifying", done / max(1, wanted.events))

    for finding in verifying.verify(url, Plan(wanted.stretches), add):
        if finding.degree is Degree.BROKEN:
            yield finding


def archive(
    url: str,
    wanted: Leaving,
    folder: Path,
    key: PrivateKey,
    tell: Tell,
    beside: Callable[[Path], object] = lambda _: None,
) -> Finished:
    """Write the bundle, read it back, and remove what is in it.

    beside: called with the bundle before anything is removed, for what else is to be made of it.
    Raises StoreError, EvidenceError, OSError; then the record is as it was.
    """
    bundle, sha256 = _write(url, wanted, folder, tell)
    writers = _read_back(bundle, sha256, wanted, key, tell)
    beside(bundle)
    notes: list[bytes] = []

    def anchor(connection: Connection) -> None:
        now_ns = time.time_ns() // 1000 * 1000
        previous = note_table.newest(connection)
        statement = Archive(wanted.events, now_ns, previous, sha256, tuple(writers))
        notes.append(signed_notes.sign(statements.write(statement), key))
        note_table.insert(connection, notes[-1], statement)

    gone = 0

    def add(more: int) -> None:
        nonlocal gone
        gone += more
        tell("removing", gone / wanted.events)

    engine = engines.create(url, answer_ms=A_DAY_MS)
    try:
        with explaining(url):
            dropped = removing.remove(
                engine, wanted.stretches, wanted.before, lambda: _chunks(bundle), anchor, add
            )
    finally:
        engine.dispose()
    archive_files.write_note(folder, sha256, notes[-1])
    return Finished(wanted.events, len(writers), bundle, notes[-1], tuple(dropped))


def put_notes(url: str, folder: Path) -> int:
    """Put notes beside bundles in the folder that lack them, as an archive that was ended left them; how many."""
    missing = 0
    with queries.reading(url) as connection:
        for row in note_table.rows(connection, Archive.kind):
            try:
                note = note_table.content(row)
                said = statements.parse(signed_notes.read(note))
            except EvidenceError:
                continue  # `audit verify` says so
            if (
                isinstance(said, Archive)
                and archive_files.bundle_path(folder, said.bundle).exists()
                and not archive_files.note_path(folder, said.bundle).exists()
            ):
                archive_files.write_note(folder, said.bundle, note)
                missing += 1
    return missing


def _write(url: str, wanted: Leaving, folder: Path, tell: Tell) -> tuple[Path, str]:
    with archive_files.writing(folder) as (put, publish):
        done = bundle_writing.write(
            url, put, lambda _, share: tell("writing", share), wanted.stretches
        )
        if done.events != wanted.events:
            raise StoreError("events came in among those that leave; archive again")
        bundle = archive_files.bundle_path(folder, done.sha256)
        publish(bundle)
    return bundle, done.sha256


def _read_back(
    bundle: Path, sha256: str, wanted: Leaving, key: PrivateKey, tell: Tell
) -> Sequence[Left]:
    """What left, from the file alone: it has to hold by itself, and to be what was asked for."""
    writers = []
    with bundle.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise EvidenceError(f"{bundle} is not as it was written; look after the disk")
        read = Bundle(file)
        for writer_id in read.writers:
            first, last, hash_ = 0, 0, ""
            for line in read.events(writer_id):
                last, hash_ = decode(line.payload)["seq"], line.hash
                first = first or last
            writers.append(Left(writer_id, first, last, hash_))
        if [(w.writer_id, w.first, w.last) for w in writers] != [
            (s.writer_id, s.first, s.last) for s in wanted.stretches
        ]:
            raise EvidenceError(f"{bundle} does not hold what was to leave")
        said = Archive(wanted.events, 0, None, sha256, tuple(writers))
        check = BundleCheck(
            file,
            Witnesses((key.public,), (Elsewhere("", said),)),
            lambda _, share: tell("reading back", share),
        )
        for finding in check.findings():
            # Notes of other keys are no matter of what leaves.
            if finding.degree is Degree.BROKEN and finding.fault is not Fault.NOTE:
                raise EvidenceError(f"{bundle} does not hold by itself: {finding.message}")
    return writers


def _chunks(bundle: Path) -> Iterator[Chunk]:
    with bundle.open("rb") as file:
        read = Bundle(file)
        for writer_id in read.writers:
            events: list[tuple[int, str]] = []
            cancel_ids: set[str] = set()
            for line in read.events(writer_id):
                document = decode(line.payload)
                events.append((document["seq"], line.hash))
                if document.get("cancel_id") is not None:
                    cancel_ids.add(document["cancel_id"])
                if len(events) == CHUNK:
                    yield Chunk(writer_id, events, frozenset(cancel_ids))
                    events, cancel_ids = [], set()
            if events:
                yield Chunk(writer_id, events, frozenset(cancel_ids))
