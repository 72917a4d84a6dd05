"""What is done to a spool file before it is replayed.

Of an honest chain the first `before` events are in the database, what follows up to the twelfth is in the spool, and
the rest came to the database after it. `how` gets the spool's events and gives the bytes of the file, None where it is gone.
"""

import json
from collections.abc import Callable
from dataclasses import replace

from mexc_plugin.audit import events
from mexc_plugin.audit.events import Event
from mexc_plugin.store.verify.findings import Degree, Fault
from mexc_plugin.store.write.spool.spool_format import write_line
from tests.evidence import records

from .rows import BOT_USER, By, Row

LAST = 12
How = Callable[[list[Event]], bytes | None]


def lines(spooled: list[Event]) -> bytes:
    return b"".join(map(write_line, spooled))


def edit(spooled: list[Event]) -> bytes:
    changed = replace(spooled[1], payload=spooled[1].payload.replace("here", "away"))
    return lines([spooled[0], changed, *spooled[2:]])


def rehash(before: list[Event], place: int) -> list[Event]:
    """One is changed, and all hashes behind it are made anew."""
    found = before[:place]
    for event in before[place:]:
        draft = {
            k: v for k, v in json.loads(event.payload).items() if k not in ("writer_id", "seq")
        }
        last = found[-1].hash if found else event.prev_hash
        is_first = event is before[place]
        change = {"host": "away"} if is_first else {}
        found.append(events.seal(draft | change, event.writer_id, event.seq, last))
    return found


def foreign(spooled: list[Event]) -> bytes:
    """Events in the places that the first ones of the database have."""
    forged = events.seal(records.start(), spooled[0].writer_id, 2, "1" * 64)
    return lines([*spooled, forged])


def row(does: str, how: How, *place: object, **more: object) -> Row:
    return Row(does, "spool", BOT_USER, how, *place, **{"before": 5, **more})  # type: ignore[arg-type]


ROWS = [
    row("edits an event", edit, Fault.GAP, 8),
    row("edits an event, and makes the hashes of the file anew", lambda s: lines(rehash(s, 1)), Fault.LINK, 13),
    row("removes the file", lambda _: None, Fault.GAP, 13),
    row("removes a line", lambda s: lines([s[0], *s[2:]]), Fault.GAP, 8),
    row("cuts off its end", lambda s: lines(s)[:-9], Fault.GAP, 13),
    row("writes an event into it whose place is taken", foreign, by=By.NO_NEED),
    row("exchanges lines", lambda s: lines(s[::-1]), by=By.NO_NEED),
    row("doubles lines", lambda s: lines([*s, *s]), by=By.NO_NEED),
    row("puts what is no event into it", lambda s: b"hello\n" + lines(s), by=By.NO_NEED),
    row(
        "removes the file of a writer that wrote nothing after it",
        lambda _: None,
        Fault.NO_STOP,
        None,
        Degree.NOTED,
        before=-5,
    ),
    row(
        "edits its last event, of a writer that wrote nothing after it, and makes the hash anew",
        lambda s: lines(rehash(s, len(s) - 1)),
        by=By.NOTHING,
        why="it was durable nowhere else, and in no checkpoint",
        before=-5,
    ),
]  # fmt: skip
