"""Compares the record with its checkpoints: those of the table, and those that are kept elsewhere.

What a chain holds before an event follows from that event's hash. So a checkpoint is kept when each
event that it states is there, with that hash; that the chains hold is checked where they are read.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter

from sqlalchemy import Connection

from mexc_plugin.audit.events import timestamp_text
from mexc_plugin.audit.signing_keys import PublicKey
from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence import note_table, signed_notes, statements
from mexc_plugin.evidence.note_table import NoteRow
from mexc_plugin.evidence.statements import Archive, Head, Statement
from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import columns, heads
from mexc_plugin.store.verify.findings import Degree, Fault, Finding
from mexc_plugin.store.verify.stretches import Stretch

_time = attrgetter("taken_ns")
# Clocks of two machines differ, and an event is stored a little after the time that it gives.
TOLERANCE_NS = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A note that is kept elsewhere, its signature checked."""

    sha256: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What verifying may rest on: public keys, and notes from elsewhere that they signed.

    writer_keys: of those who may record; none is anybody.
    """

    keys: tuple[PublicKey, ...] = ()
    notes: tuple[Elsewhere, ...] = ()
    writer_keys: tuple[PublicKey, ...] = ()


def read_note(content: bytes, keys: Sequence[PublicKey]) -> Elsewhere:
    """A note from elsewhere. Raises EvidenceError."""
    text = signed_notes.verify(content, keys)
    return Elsewhere(signed_notes.digest(content), statements.parse(text))


def check(url: str, plan: Sequence[Stretch], witnesses: Witnesses) -> Iterator[Finding]:
    """What is wrong with the table of notes, and with the record by the notes that are to be believed.

    Without keys the notes of the table are taken as they stand: that shows an accident, and no forger.
    """
    elsewhere = sorted((each.statement for each in witnesses.notes), key=_time)
    with queries.reading(url) as connection, queries.reading(url) as second:
        for each in (connection, second):
            read_any_text(each)
        record = _Record()
        for archive in chain(
            _Table(witnesses).read(note_table.rows(connection, Archive.kind)), elsewhere
        ):
            record.let_go(archive)
        table = _Table(witnesses)
        stored = table.read(note_table.rows(connection))
        for statement in heapq.merge(stored, elsewhere, key=_time):
            record.compare(second, statement)
        yield from table.findings
        yield from table.find_missing()
        yield from record.find(second)
        if witnesses.keys:
            yield from record.find_later(second, plan)
        else:
            yield from record.find_unchecked()


@dataclass(slots=True)
class _Table:
    """The rows of the table: whether each is what its note says, and whether any is missing."""

    witnesses: Witnesses
    findings: list[Finding] = field(default_factory=list)
    _there: set[str] = field(default_factory=set)
    _named: dict[str, int] = field(default_factory=dict)

    def read(self, rows: Iterable[NoteRow]) -> Iterator[Statement]:
        """What the rows state, as far as it is to be believed, in the order of their times."""
        newest = 0
        for row in rows:
            try:
                note = note_table.content(row)
                statement = self._statement(note)
            except EvidenceError as error:
                self._say(row, str(error))
                continue
            self._there.add(signed_notes.digest(note))
            if statement.previous is not None:
                self._named[statement.previous] = statement.taken_ns
            if row != note_table.project(note, statement):
                self._say(row, "its columns are not what its note says")
            # Columns that were changed may have put it at another place.
            if statement.taken_ns >= newest:
                newest = statement.taken_ns
                yield statement

    def find_missing(self) -> Iterator[Finding]:
        """The notes that others name, or that are elsewhere, and that the table lacks."""
        for each in self.witnesses.notes:
            if each.statement.previous is not None:
                self._named.setdefault(each.statement.previous, each.statement.taken_ns)
        elsewhere = {each.sha256: each.statement for each in self.witnesses.notes}
        for sha256, statement in elsewhere.items():
            if sha256 not in self._there:
                yield Finding(
                    Fault.NOTE,
                    f"the {_name(statement)} that is kept elsewhere is not in audit_checkpoint",
                    occurred_ns=statement.taken_ns,
                )
        for sha256, taken_ns in self._named.items():
            if sha256 not in self._there and sha256 not in elsewhere:
                yield Finding(
                    Fault.NOTE,
                    f"the note {sha256[:16]}…, which the one of {_when(taken_ns)} names as the one before, "
                    "is not there any more",
                    occurred_ns=taken_ns,
                )

    def _statement(self, note: bytes) -> Statement:
        keys = self.witnesses.keys
        return statements.parse(
            signed_notes.verify(note, keys) if keys else signed_notes.read(note)
        )

    def _say(self, row: NoteRow, words: str) -> None:
        name = columns.plain(str(row.sha256))[:16]
        self.findings.append(Finding(Fault.NOTE, f"the note {name}… of audit_checkpoint: {words}"))


@dataclass(slots=True)
class _Differing:
    """The oldest statement that the record does not keep, of a writer, and how far it was kept before."""

    head: Head
    taken_ns: int
    kept: int
    is_there: bool


@dataclass(slots=True)
class _Record:
    """The record against what is stated, one statement after the other, oldest first."""

    _archived: dict[str, int] = field(default_factory=dict)
    _stated: dict[str, Head] = field(default_factory=dict)
    _kept: dict[str, int] = field(default_factory=dict)
    _differing: dict[str, _Differing] = field(default_factory=dict)
    _newest_ns: int | None = None

    def let_go(self, statement: Statement) -> None:
        """Learn what left the record in order, before anything is compared."""
        if isinstance(statement, Archive):
            for left in statement.writers:
                last = max(left.last, self._archived.get(left.writer_id, 0))
                self._archived[left.writer_id] = last

    def compare(self, connection: Connection, statement: Statement) -> None:
        """Look whether the record still is as it was stated."""
        if isinstance(statement, Archive):
            return
        self._newest_ns = statement.taken_ns
        fresh = [
            head
            for head in statement.writers
            if head != self._stated.get(head.writer_id) and head.writer_id not in self._differing
        ]
        there = heads.read_at(connection, ((head.writer_id, head.seq) for head in fresh))
        connection.rollback()  # no snapshot is held while a bot records
        for head in fresh:
            self._stated[head.writer_id] = head
            hash_ = there.get((head.writer_id, head.seq))
            kept = self._kept.get(head.writer_id, 0)
            has_left = hash_ is None and self._archived.get(head.writer_id, 0) >= head.seq
            if has_left or hash_ == head.hash:
                self._kept[head.writer_id] = max(head.seq, kept)
            else:
                self._differing[head.writer_id] = _Differing(
                    head, statement.taken_ns, kept, hash_ is not None
                )

    def find_unchecked(self) -> Iterator[Finding]:
        """That events left by the word of notes, where no key says whose word that is."""
        if self._archived:
            writers = len(self._archived)
            words = (
                f"events of {writers} writer{'' if writers == 1 else 's'} left the record, as notes of archives in it say; who signed "
                "those was not looked at: give --public-key"
            )
            yield Finding(Fault.NOTE, words, degree=Degree.NOTED)

    def find(self, connection: Connection) -> Iterator[Finding]:
        """Every writer that is not as it was stated."""
        for writer_id, found in sorted(self._differing.items()):
            words = _describe(found, heads.last_seq(connection, writer_id) or 0)
            where = writer_id, found.head.seq
            yield Finding(Fault.CHECKPOINT, words, *where, occurred_ns=found.taken_ns)

    def find_later(self, connection: Connection, plan: Sequence[Stretch]) -> Iterator[Finding]:
        """What no checkpoint covers; and what says that it was before the newest, which did not have it."""
        later = [
            (stretch, self._kept.get(stretch.writer_id, 0))
            for stretch in plan
            if not isinstance(stretch.last, int)
            or stretch.last > self._kept.get(stretch.writer_id, 0)
        ]
        if self._newest_ns is None:
            words = "there is no checkpoint that is signed with these keys"
            yield Finding(Fault.UNCOVERED, words, degree=Degree.NOTED)
        elif later:
            yield from self._find_backdated(connection, later, self._newest_ns)
            events = sum(_count(stretch, covered) for stretch, covered in later)
            words = (
                f"{events} events of {len(later)} writers are in no checkpoint; the newest is of "
                f"{_when(self._newest_ns)}"
            )
            yield Finding(Fault.UNCOVERED, words, degree=Degree.NOTED, occurred_ns=self._newest_ns)

    def _find_backdated(
        self, connection: Connection, later: Sequence[tuple[Stretch, int]], taken_ns: int
    ) -> Iterator[Finding]:
        firsts = [
            (stretch.writer_id, max(stretch.first, covered + 1))
            for stretch, covered in later
            if statements.may_be_stated(stretch.writer_id, stretch.first, "0" * 64)
            and stretch.writer_id not in self._differing
        ]
        for (writer_id, seq), occurred_ns in heads.read_at(
            connection, firsts, "occurred_ns"
        ).items():
            if isinstance(occurred_ns, int) and occurred_ns < taken_ns - TOLERANCE_NS:
                yield Finding(
                    Fault.TIME,
                    f"the checkpoint of {_when(taken_ns)} is later than it says to be, and does not have it: "
                    "it waited in a spool, a clock was set, or it is backdated",
                    writer_id,
                    seq,
                    Degree.DOUBTFUL,
                    occurred_ns=occurred_ns,
                )


def _describe(found: _Differing, last: int) -> str:
    seq, of = found.head.seq, f"the checkpoint of {_when(found.taken_ns)} states"
    if found.is_there:
        if found.kept + 1 >= seq:
            return f"it is not the event that {of}"
        return f"one at least of the events {found.kept + 1} to {seq} is not as {of}"
    if last == 0:
        return f"all its {seq} events that {of} are gone"
    if last < seq:
        return f"its events {last + 1} to {seq} that {of} are gone"
    return f"this event that {of} is gone"


def _count(stretch: Stretch, covered: int) -> int:
    """How many events of a stretch come after a number."""
    if not isinstance(stretch.last, int):
        return stretch.events
    return min(stretch.events, stretch.last - covered)


def _name(statement: Statement) -> str:
    return f"{statement.kind} of {_when(statement.taken_ns)}"


def _when(taken_ns: int) -> str:
    return f"{timestamp_text(taken_ns)[:19]} UTC"
