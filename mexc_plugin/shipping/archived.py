"""What a target held once, and gave to a bundle: it counts as held, or it would come back."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence import signed_notes, statements
from mexc_plugin.store.read.places import Run


def archived(notes: Iterable[str]) -> Iterator[tuple[str, Run]]:
    """The runs that signed notes say left the record, with their writers. Who signed them is for `audit verify`."""
    for note in notes:
        with suppress(EvidenceError):
            statement = statements.parse(signed_notes.read(note.encode()))
            if isinstance(statement, statements.Archive):
                for left in statement.writers:
                    yield left.writer_id, Run(left.first, left.last, None, left.hash)
