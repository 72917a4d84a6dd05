"""What stands in a spool: a line of JSON for each event, read as something that anybody may have written."""

import json
import re
from dataclasses import dataclass

from mexc_plugin.audit import canonical, chain
from mexc_plugin.audit.events import Event, project, project_orders

# A line holds these and no more: what an event says is in its payload alone.
_FIELDS = {"writer_id": str, "seq": int, "payload": str, "prev_hash": str, "hash": str}
_HASH = re.compile("[0-9a-f]{64}")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Content:
    """What a spool file holds: whole events, and how many lines could not be read."""

    events: tuple[Event, ...]
    torn: int


def write_line(event: Event) -> bytes:
    record = {name: getattr(event, name) for name in _FIELDS}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _read_line(line: bytes, writer_id: str) -> Event | None:
    """The event of a line; None unless that writer's chain could hold it and a row be made of it."""
    try:
        record = json.loads(line)
        if set(record) != set(_FIELDS) or not all(
            type(record[name]) is kind for name, kind in _FIELDS.items()
        ):
            return None
        document = canonical.decode(record["payload"])
        event = Event(**record, document=document)
        fits = (
            event.writer_id == writer_id == document.get("writer_id")
            and event.seq == document.get("seq")
            and 1 <= event.seq < 2**63
            and _HASH.fullmatch(event.prev_hash) is not None
            and chain.link(event.prev_hash, event.payload) == event.hash
            and all(map(_is_storable, (project(event), *project_orders(event))))
        )
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return event if fits else None


def _is_storable(row: dict[str, object]) -> bool:
    """Whether every database takes these values. Raises ValueError for text that is not Unicode."""
    for value in row.values():
        if isinstance(value, str):
            value.encode()
        elif value is not None and not (isinstance(value, int) and value in _INT64):
            return False
    required = "kind" if "kind" in row else "cancel_id"
    return row[required] is not None


def read_lines(data: bytes, writer_id: str) -> Content:
    """The events of a spool's bytes; NULs are room that was reserved."""
    events, torn = [], 0
    for line in filter(None, (line.strip(b"\0") for line in data.split(b"\n"))):
        event = _read_line(line, writer_id)
        if event is None:
            torn += 1
        else:
            events.append(event)
    return Content(tuple(events), torn)
