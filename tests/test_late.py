"""What a writer says of its events that went to the spool: nothing is left out when marks meet."""

from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.store import late


def event(seq: int, **fields: object) -> Event:
    return events.seal({"kind": "stop", "occurred_ns": 1, **fields}, "w", seq, chain.GENESIS)


def test_of_no_events_there_is_nothing_to_say() -> None:
    assert late.mark([]) is None
    assert late.merged(None, None) is None


def test_an_event_s_own_mark_is_found_in_its_payload() -> None:
    mark = late.mark([event(3), event(4)])
    marked = event(5, **{late.FIELD: mark})
    read = Event("w", 5, marked.payload, marked.prev_hash, marked.hash)
    assert late.said(read) == late.said(marked) == {"count": 2, "first": 3, "last": 4}
    assert late.said(event(6)) is None


@given(st.lists(st.sets(st.integers(1, 99), min_size=1), min_size=1))
def test_several_marks_are_one_that_covers_all(parts: list[set[int]]) -> None:
    merged = late.merged(None, *(late.mark(map(event, sorted(part))) for part in parts))
    seqs = [seq for part in parts for seq in part]
    assert merged == {"count": len(seqs), "first": min(seqs), "last": max(seqs)}
