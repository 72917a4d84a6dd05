"""Does what is about to be copied follow? Each event from the one before it, and from its own payload. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from mexc_plugin.audit import canonical
from mexc_plugin.audit.events import KINDS, Event, fits_columns, project
from mexc_plugin.shipping.gaps import Gap
from mexc_plugin.store.verify.record import Fault, Verifier

# Events that wait in a spool, or were lost as their writer says: what is there is copied meanwhile.
_MISSING = (Fault.GAP, Fault.LOST)


class DoesNotFollow(Exception):
    """An event that is not to be copied, nor what is behind it."""

    def __init__(self, seq: object, reason: str) -> None:
        super().__init__(reason)
        self.seq = seq


# An event, and its row as `project` has it: made while its document is at hand, which is not kept. A thousand of
# those would cost the collector of garbage and the processor's caches more than the copying does.
Shipped = tuple[Event, dict[str, Any]]


def following(rows: Iterable[tuple[Any, ...]], writer_id: str, gap: Gap) -> Iterator[Shipped]:
    """The events of rows in the order of `columns.CHAIN`, which lie in that gap. Raises DoesNotFollow."""
    verifier = Verifier()
    if gap.first > 1:
        verifier.begin(writer_id, gap.first - 1, gap.before)
    for values in rows:
        for finding in verifier.check_chain(values):
            if finding.fault not in _MISSING:
                raise DoesNotFollow(values[1], finding.message)
        event, row = _read(values)
        if event.seq == gap.last and gap.after not in (None, event.hash):
            raise DoesNotFollow(
                event.seq, "the event behind it, which is there, follows another one"
            )
        yield event, row


def _read(values: tuple[Any, ...]) -> Shipped:
    event = Event(*values)
    try:
        document = canonical.decode(event.payload)
        row = project(event, document)
    except (ValueError, OverflowError, RecursionError):
        document = row = {}
    whole = (
        document.get("writer_id") == event.writer_id
        and document.get("seq") == event.seq
        and document.get("kind") in KINDS
        and fits_columns(document)
    )
    if not whole:
        raise DoesNotFollow(event.seq, "payload is not that of this event")
    return event, row
