"""What a line of a spool may hold: one that no writer's chain or no row could take is counted as torn."""

import json
from typing import Any

import pytest

from mexc_plugin.audit import canonical, chain, events
from mexc_plugin.store.write.spool.spool_format import read_lines, write_line

WRITER = "00000000-0000-4000-8000-00000000000a"
OTHER = "00000000-0000-4000-8000-00000000000b"
DRAFT = {"kind": "request", "occurred_ns": 1, "cancel_id": "c", "attempt": 1}
MOST = 2**63 - 1


def forge(document: dict[str, Any], *, seq: Any = 1, prev: Any = chain.GENESIS) -> dict[str, Any]:
    """A line's record whose hash fits, whatever the document says of itself."""
    payload = canonical.encode({"v": 1, "writer_id": WRITER, "seq": seq, **DRAFT, **document})
    return {
        "writer_id": WRITER,
        "seq": seq,
        "payload": payload,
        "prev_hash": prev,
        "hash": chain.link(str(prev), payload),
    }


def line_of(record: object) -> bytes:
    return json.dumps(record).encode() + b"\n"


ORDERS = [{"order_id": "7"}, {"order_id": "8"}]
GOOD = {
    "an event": forge({}),
    "the last number": forge({}, seq=MOST),
    "orders": forge({"order_ids": ["7", "8"]}),
    "what an order is": forge({"orders": ORDERS}),
    "the largest numbers": forge({"http_status": MOST, "latency_us": -MOST - 1}),
    "nothing of a cancel": forge({"kind": "start", "cancel_id": None}),
}
TORN = {
    "another writer in its payload": forge({"writer_id": OTHER}),
    "no writer in its payload": forge({"writer_id": None}),
    "another writer's line": forge({"writer_id": OTHER}) | {"writer_id": OTHER},
    "another number in its payload": forge({"seq": 2}),
    "number 0": forge({}, seq=0),
    "a number beyond any": forge({}, seq=MOST + 1),
    "a number that is a truth": forge({}, seq=True),
    "a hash before it that is none": forge({}, prev="g" * 64),
    "a hash before it that is too long": forge({}, prev="0" * 65),
    "a hash that does not fit": forge({}) | {"hash": "0" * 64},
    "another hash before it": forge({}) | {"prev_hash": "1" * 64},
    "a field too many": forge({}) | {"more": 1},
    "a field too few": {k: v for k, v in forge({}).items() if k != "hash"},
    "a text for a number": forge({}) | {"seq": "1"},
    "no kind": forge({"kind": None}),
    "no time": forge({"occurred_ns": None}),
    "a time beyond any": forge({"occurred_ns": 10**40}),
    "a number that no column holds": forge({"http_status": MOST + 1}),
    "a number that no column holds, below": forge({"http_status": -MOST - 2}),
    "a list for a number": forge({"http_status": [200]}),
    "orders of no cancel": forge({"cancel_id": None, "order_ids": ["7"]}),
    "an order that is none": forge({"orders": [7]}),
    "no object": forge({}) | {"payload": "7"},
}


@pytest.mark.parametrize("what", GOOD)
def test_what_a_row_can_be_made_of_is_read_as_it_was_written(what: str) -> None:
    content = read_lines(line_of(GOOD[what]), WRITER)
    (event,) = content.events
    assert (json.loads(write_line(event)), content.torn) == (GOOD[what], 0)
    assert event.document == json.loads(event.payload)


@pytest.mark.parametrize("what", TORN)
def test_what_no_chain_or_no_row_could_hold_is_torn(what: str) -> None:
    content = read_lines(line_of(TORN[what]), WRITER)
    assert (content.events, content.torn) == ((), 1)


def test_a_lone_surrogate_is_torn() -> None:
    record = forge({})
    record["payload"] = record["payload"].replace('"c"', '"\ud800"')
    assert read_lines(line_of(record), WRITER).torn == 1


def test_lines_are_counted_apart_and_nuls_are_room() -> None:
    good = write_line(events.seal(DRAFT, WRITER, 1, chain.GENESIS))
    content = read_lines(b"\0\0" + good + b"{}\n7\n\n" + good + b"\0" * 9, WRITER)
    assert (len(content.events), content.torn) == (2, 2)
