"""Does what is about to be copied follow? Each event from the one before it, and from its own payload. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from mexc_plugin.audit import canonical
from mexc_plugin.audit.events import INTEGER_COLUMNS, KINDS, Event
from mexc_plugin.shipping.gaps import Gap
from mexc_plugin.store.verify.record import Fault, Verifier

# Events that wait in a spool, or were lost as their writer says: what is there is copied meanwhile.
_MISSING = (Fault.GAP, Fault.LOST)


class DoesNotFollow(Exception):
    """An event that is not to be copied, nor what is behind it."""

    def __init__(self, seq: object, reason: str) -> None:
        super().__init__(reason)
        self.seq = seq


def following(rows: Iterable[tuple[Any, ...]], writer_id: str, gap: Gap) -> Iterator[Event]:
    """The events of rows in the order of `columns.CHAIN`, which lie in that gap. Raises DoesNotFollow."""
    verifier = Verifier()
    if gap.first > 1:
        verifier.begin(writer_id, gap.first - 1, gap.before)
    for values in rows:
        for finding in verifier.check_chain(values):
            if finding.fault not in _MISSING:
                raise DoesNotFollow(values[1], finding.message)
        event = _event(values)
        if event.seq == gap.last and gap.after not in (None, event.hash):
            raise DoesNotFollow(
                event.seq, "the event behind it, which is there, follows another one"
            )
        yield event


def _event(values: tuple[Any, ...]) -> Event:
    writer_id, seq, payload, prev_hash, hash_ = values
    try:
        document = canonical.decode(payload)
    except (ValueError, RecursionError):
        document = {}
    whole = (
        document.get("writer_id") == writer_id
        and document.get("seq") == seq
        and document.get("kind") in KINDS
        and all(type(document.get(name, 0)) is int for name in ("occurred_ns", *INTEGER_COLUMNS))
    )
    if not whole:
        raise DoesNotFollow(seq, "payload is not that of this event")
    return Event(writer_id, seq, payload, prev_hash, hash_, document)
