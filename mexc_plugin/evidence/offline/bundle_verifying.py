"""Verifies a bundle without a database: the same chain, the same meaning and the same words as for a record in one.

Read twice: for its files and the attempts that cross chains, then chain by chain. In constant memory but for what
notes state; what belongs to attempts goes to a temporary table on disk.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence.attempt_story import Story
from mexc_plugin.evidence.checking import decode, look_up
from mexc_plugin.evidence.checkpoint_checks import Witnesses
from mexc_plugin.evidence.judging import Document
from mexc_plugin.evidence.offline import bundle_format
from mexc_plugin.evidence.offline.bundle_format import Chain, Part
from mexc_plugin.evidence.offline.bundle_reading import Bundle, Line
from mexc_plugin.evidence.offline.scratch_record import ScratchRecord, scratch_record
from mexc_plugin.evidence.offline.signed_positions import Positions
from mexc_plugin.evidence.statements import Archive
from mexc_plugin.store.verify import attempts
from mexc_plugin.store.verify.findings import Degree, Fault, Finding
from mexc_plugin.store.verify.record import Verifier

TELL_EVERY = 2_000

# Called with the events read so far, and how much of all that is, 0 to 1.
Tell = Callable[[int, float], None]


class BundleCheck:
    """One bundle, and what it is to agree with.

    events, writers: how many there were, once `findings` has come to its end.
    """

    def __init__(
        self,
        file: BinaryIO,
        witnesses: Witnesses,
        tell: Tell = lambda _events, _share: None,
        *,
        quick: bool = False,
    ) -> None:
        self.events = 0
        self.writers = 0
        self._file = file
        self._witnesses = witnesses
        self._tell = tell
        self._quick = quick
        self._read = 0
        self._positions = Positions()
        self._is_anchored = False
        self._uncovered = 0

    def findings(self) -> Iterator[Finding]:
        """Every finding; where the file is damaged, that alone."""
        try:
            bundle = Bundle(self._file)
            self._expected = 2 * bundle.expected
            with scratch_record() as scratch:
                parts, chains = self._read_files(bundle, scratch)
                notes = [part for part, _ in bundle.notes()]
                bundle.require(bundle_format.manifest(self.events, chains, [*parts, *notes]))
                yield from self._check_notes(bundle)
                if not self._quick:
                    yield from attempts.find_doubles(scratch.connection)
                    yield from attempts.find_skipped(scratch.connection)
                for writer_id in bundle.writers:
                    yield from self._check_chain(bundle, writer_id, scratch)
            yield from self._check_coverage(bundle)
        except EvidenceError as error:
            yield Finding(Fault.BUNDLE, str(error))

    def _read_files(self, bundle: Bundle, scratch: ScratchRecord) -> tuple[list[Part], list[Chain]]:
        """What the files of events are, for the manifest; what is asked of all attempts goes to the table."""
        parts, chains = [], []
        for writer_id in bundle.writers:
            first = None
            events = bundle.events(writer_id)
            for last in events:
                first = first or last
                self.events += 1
                self._count()
                if not self._quick:
                    scratch.add(writer_id, decode(last.payload), last.payload)
            if first is None:
                raise EvidenceError(f"the file of writer {writer_id} in it is empty")
            begin, end = (decode(line.payload).get("seq") for line in (first, last))
            if type(begin) is not int or type(end) is not int:
                raise EvidenceError(f"an event of writer {writer_id} in it has no number")
            chains.append(Chain(writer_id, begin, end, first.prev_hash, last.hash))
            parts.append(events.part)
        scratch.settle()
        self.writers = len(chains)
        return parts, chains

    def _check_notes(self, bundle: Bundle) -> Iterator[Finding]:
        keys, kept = self._witnesses.keys, self._witnesses.notes
        if not keys:
            message = "no public key was given: its checkpoints were not looked at"
            yield Finding(Fault.UNCOVERED, message, degree=Degree.NOTED)
            return
        yield from self._positions.read((note for _, note in bundle.notes()), keys)
        self._is_anchored = any(
            isinstance(each.statement, Archive) and each.statement.bundle == bundle.sha256
            for each in kept
        )
        if self._is_anchored:
            return
        for each in kept:
            if each.sha256 not in self._positions.sha256s:
                message = "the checkpoint that is kept elsewhere is not in the bundle, which is older, or it was removed"
                yield Finding(Fault.NOTE, message, occurred_ns=each.statement.taken_ns)
        if not self._positions.sha256s:
            yield Finding(Fault.NOTE, "it holds no checkpoint: nothing in it is signed")

    def _check_chain(
        self, bundle: Bundle, writer_id: str, scratch: ScratchRecord
    ) -> Iterator[Finding]:
        verifier = Verifier()
        before, hash_ = self._positions.begin_of(writer_id)
        # Of a writer whose beginning left, nobody knows here which version it was.
        story = Story(
            writer_id,
            lambda cancel_id, attempt: look_up(scratch.connection, cancel_id, attempt),
            {} if before else None,
            self._witnesses.writer_keys,
            follows_archive=True,
        )
        verifier.begin(writer_id, before, hash_)
        for line in bundle.events(writer_id):
            self._count()
            document = decode(line.payload)
            values = writer_id, document.get("seq"), line.payload, line.prev_hash, line.hash
            yield from verifier.check_in_file(document, values)
            yield from self._check_signed(writer_id, document, line)
            if not self._quick:
                yield from story.read(document)
        if not self._quick:
            yield from story.end()
        yield from self._check_end(writer_id, verifier.seq)

    def _check_signed(self, writer_id: str, document: Document, line: Line) -> Iterator[Finding]:
        seq = document.get("seq")
        if type(seq) is int:
            problem = self._positions.object_to(writer_id, seq, line.hash)
            if problem is not None:
                yield Finding(Fault.CHECKPOINT, problem, writer_id, seq)

    def _check_end(self, writer_id: str, last: int) -> Iterator[Finding]:
        problem = self._positions.object_to_end(writer_id, last)
        if problem is not None and not self._is_anchored:
            yield Finding(Fault.CHECKPOINT, problem, writer_id)
        self._uncovered += max(0, last - self._positions.last_covered(writer_id))

    def _check_coverage(self, bundle: Bundle) -> Iterator[Finding]:
        """Writers that are missing; and how much no signature covers."""
        for writer_id in sorted(self._positions.stated.keys() - set(bundle.writers)):
            yield from self._check_end(writer_id, 0)
        taken_ns = self._positions.taken_ns
        if taken_ns is not None and self._uncovered and not self._is_anchored:
            message = f"{self._uncovered} events came after the newest checkpoint: no signature covers them"
            yield Finding(Fault.UNCOVERED, message, degree=Degree.NOTED, occurred_ns=taken_ns)

    def _count(self) -> None:
        self._read += 1
        if self._read % TELL_EVERY == 0:
            self._tell(self._read // 2, min(1.0, self._read / max(1, self._expected)))
