"""Seals drafts into one writer's chain, and lets the next event say what became of earlier ones. No I/O.

Used under the writer's chain lock. What a lost event was to say, the next one says.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from mexc_plugin.audit import canonical, chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.ladders import Ladder

LOST = "lost"
# Marks of earlier events, each with how many they are and between which numbers.
SPOOLED, LATE = "spooled", "late"
MARKS = (SPOOLED, LATE)

Mark = Mapping[str, int]


class Sealer:
    """The sequence, the hashes, and what has still to be said. ladder: where the writer has a key."""

    def __init__(self, writer_id: str, born_ns: int, ladder: Ladder | None = None) -> None:
        self.seq = 0
        self._writer_id = writer_id
        self._born_ns = born_ns
        self._start_draft: Mapping[str, Any] | None = None
        self._last_hash = chain.GENESIS
        self._ladder = ladder
        self._lost = 0
        self._marks: dict[str, Mark | None] = dict.fromkeys(MARKS)

    def look_up(self) -> None:
        """Find out who writes, which reads files, before the first event that a cancel waits for."""
        self._start_draft = events.start_draft(self._born_ns)

    def start(self) -> Event | None:
        """The chain's first event, where there is none yet."""
        if self.seq:
            return None
        return self.seal(self._start_draft or events.start_draft(self._born_ns))

    def seal(self, draft: Mapping[str, Any]) -> Event:
        """The next event of the chain."""
        said = {name: mark for name, mark in self._marks.items() if mark}
        if self._lost:
            said[LOST] = self._lost  # type: ignore[assignment]
        more = {**said, **self._tie()}
        event = events.seal(
            {**draft, **more} if more else draft, self._writer_id, self.seq + 1, self._last_hash
        )
        # Nothing is said or counted before there is an event: sealing may fail.
        if said:
            self._lost, self._marks = 0, dict.fromkeys(MARKS)
        self.seq += 1
        self._last_hash = event.hash
        return event

    def _tie(self) -> Mapping[str, Any]:
        """What ties the next event to the key. An event without it is better than none."""
        if self._ladder is None:
            return {}
        try:
            return self._ladder.fields(self.seq + 1)
        except Exception:  # noqa: BLE001 - as Python ends, anything may fail; verify says that it is missing
            return {}

    def mark(self, name: str, marked: Iterable[Event]) -> None:
        """Have the next event say that these were spooled, or late."""
        seqs = [event.seq for event in marked]
        if seqs:
            mark = {"count": len(seqs), "first": min(seqs), "last": max(seqs)}
            self._marks[name] = _merge(self._marks[name], mark)

    def count_lost(self, lost: Iterable[Event], unsealed: int = 0) -> None:
        """Have the next event say how many are missing: these, and some that were never sealed."""
        self._lost += unsealed
        for event in lost:
            document = event.document or canonical.decode(event.payload)
            self._lost += 1 + int(document.get(LOST, 0))
            if self._ladder is not None and "ladder" in document:
                self._ladder.begin_anew()
            for name in MARKS:
                self._marks[name] = _merge(self._marks[name], document.get(name))


def _merge(*marks: Mark | None) -> Mark | None:
    given = [mark for mark in marks if mark]
    if not given:
        return None
    return {
        "count": sum(mark["count"] for mark in given),
        "first": min(mark["first"] for mark in given),
        "last": max(mark["last"] for mark in given),
    }
