"""What the signed notes in a file state: how far writers had come and when, and what left for an archive. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mexc_plugin.audit import chain
from mexc_plugin.audit.events import timestamp_text
from mexc_plugin.audit.signing_keys import PublicKey
from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence import signed_notes, statements
from mexc_plugin.evidence.statements import Archive, Checkpoint
from mexc_plugin.store.verify.findings import Fault, Finding

# The hash of an event, and when a checkpoint first stated it.
Stated = tuple[str, str]


@dataclass
class Positions:
    """stated: by writer and number; newest: by writer, the number that the newest checkpoint states, which was
    taken at taken_ns; archived: by writer, the last event that left.

    sha256s: of the notes that were read.
    """

    stated: dict[str, dict[int, Stated]] = field(default_factory=dict)
    archived: dict[str, tuple[int, str]] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    taken_ns: int | None = None
    sha256s: set[str] = field(default_factory=set)

    def read(self, notes: Iterable[bytes], keys: Iterable[PublicKey]) -> Iterator[Finding]:
        """Read notes, oldest first. What one that is not signed by a key says is not believed."""
        keys = tuple(keys)
        for number, note in enumerate(notes, 1):
            try:
                said = statements.parse(signed_notes.verify(note, keys))
            except EvidenceError as error:
                yield Finding(Fault.NOTE, f"note {number} of the bundle: {error}")
                return
            if said.previous is not None and said.previous not in self.sha256s:
                message = f"note {number} of the bundle names one before it that is missing"
                yield Finding(Fault.NOTE, message, occurred_ns=said.taken_ns)
                return
            self.sha256s.add(signed_notes.digest(note))
            yield from self._keep(said)

    def begin_of(self, writer_id: str) -> tuple[int, str]:
        """Number and hash of the event before a writer's first one that did not leave."""
        return self.archived.get(writer_id, (0, chain.GENESIS))

    def last_covered(self, writer_id: str) -> int:
        """The number of the last event of a writer that the newest checkpoint states."""
        return self.newest.get(writer_id, self.begin_of(writer_id)[0])

    def object_to(self, writer_id: str, seq: int, hash_: str) -> str | None:
        """Why this event is not the one that was signed; None where nothing says so."""
        stated = self.stated.get(writer_id, {}).get(seq)
        if stated is None or stated[0] == hash_:
            return None
        return f"it is another event than the checkpoint of {stated[1]} states"

    def object_to_end(self, writer_id: str, last: int) -> str | None:
        """Why a writer's last event cannot be that. last: its number, 0 where there is none."""
        stated = self.stated.get(writer_id)
        if stated is None or (most := max(stated)) <= max(last, self.begin_of(writer_id)[0]):
            return None
        return f"events {last + 1} to {most} are missing: the checkpoint of {stated[most][1]} states them"

    def _keep(self, said: Checkpoint | Archive) -> Iterator[Finding]:
        when = f"{timestamp_text(said.taken_ns)} UTC"
        if isinstance(said, Archive):
            self.archived |= {left.writer_id: (left.last, left.hash) for left in said.writers}
            return
        self.newest = {head.writer_id: head.seq for head in said.writers}
        self.taken_ns = said.taken_ns
        for head in said.writers:
            known = self.stated.setdefault(head.writer_id, {}).setdefault(
                head.seq, (head.hash, when)
            )
            if known[0] != head.hash:
                message = f"the checkpoints of {known[1]} and of {when} state different events"
                yield Finding(Fault.CHECKPOINT, message, head.writer_id, head.seq)
