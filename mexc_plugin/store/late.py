"""What a writer says of its events that went to the spool: how many, and between which numbers. Pure."""

from collections.abc import Iterable, Mapping

from mexc_plugin.audit import canonical
from mexc_plugin.audit.events import Event

FIELD = "spooled"


def mark(events: Iterable[Event]) -> dict[str, int] | None:
    """What is to be said of these events, None where there are none."""
    seqs = [event.seq for event in events]
    return {"count": len(seqs), "first": min(seqs), "last": max(seqs)} if seqs else None


def said(event: Event) -> Mapping[str, int] | None:
    """What this event says of earlier ones, which another has to say if it is lost."""
    document = event.document or canonical.decode(event.payload)
    found: Mapping[str, int] | None = document.get(FIELD)
    return found


def merged(*marks: Mapping[str, int] | None) -> dict[str, int] | None:
    """One mark for several."""
    given = [each for each in marks if each]
    if not given:
        return None
    return {
        "count": sum(each["count"] for each in given),
        "first": min(each["first"] for each in given),
        "last": max(each["last"] for each in given),
    }
