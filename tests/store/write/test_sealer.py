"""The sealer: one chain, and the next event says what became of those before it."""

import json
from typing import Any

import pytest

from mexc_plugin.audit import chain, events, ladders, signing_keys
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.ladders import Ladder
from mexc_plugin.store.write.sealer import LATE, SPOOLED, Sealer

WRITER = "00000000-0000-4000-8000-00000000000a"
DRAFT = {"kind": "request", "occurred_ns": 2}


@pytest.fixture
def sealer() -> Sealer:
    made = Sealer(WRITER, 1)
    made.start()
    return made


def seal(sealer: Sealer, count: int) -> list[Event]:
    return [sealer.seal(DRAFT) for _ in range(count)]


def said(sealer: Sealer) -> dict[str, Any]:
    """What the next event says of others."""
    document = json.loads(sealer.seal(DRAFT).payload)
    return {name: document[name] for name in ("lost", "spooled", "late") if name in document}


def test_a_chain_begins_once_with_who_writes() -> None:
    sealer = Sealer(WRITER, 7)
    first = sealer.start()
    assert first is not None
    assert (first.seq, first.prev_hash, sealer.start()) == (1, chain.GENESIS, None)
    assert json.loads(first.payload) == {
        **events.start_draft(7), "v": events.FORMAT, "writer_id": WRITER, "seq": 1
    }  # fmt: skip


def test_who_writes_is_what_was_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sealer = Sealer(WRITER, 7)
    sealer.look_up()
    monkeypatch.setattr(events, "start_draft", None)
    assert sealer.start() is not None


def test_each_event_is_tied_to_the_one_before_it(sealer: Sealer) -> None:
    first, second = seal(sealer, 2)
    assert (first.seq, second.seq, sealer.seq) == (2, 3, 3)
    assert second.prev_hash == first.hash == chain.link(first.prev_hash, first.payload)


def test_what_was_spooled_and_late_is_said_once(sealer: Sealer) -> None:
    batch = seal(sealer, 4)
    sealer.mark(SPOOLED, batch[1:3])
    sealer.mark(LATE, batch[:1])
    sealer.mark(SPOOLED, ())
    assert said(sealer) == {
        SPOOLED: {"count": 2, "first": 3, "last": 4},
        LATE: {"count": 1, "first": 2, "last": 2},
    }
    assert said(sealer) == {}


def test_marks_of_several_batches_are_one(sealer: Sealer) -> None:
    batch = seal(sealer, 5)
    sealer.mark(SPOOLED, batch[3:])
    sealer.mark(SPOOLED, batch[:1])
    assert said(sealer) == {SPOOLED: {"count": 3, "first": 2, "last": 6}}


def test_what_is_lost_is_counted_with_what_it_was_to_say(sealer: Sealer) -> None:
    spooled, late, lost, other = seal(sealer, 4)
    sealer.mark(SPOOLED, [spooled])
    sealer.mark(LATE, [late])
    sealer.count_lost([lost], unsealed=2)
    speaker = sealer.seal(DRAFT)  # which says all that, and is lost in its turn
    sealer.mark(SPOOLED, [other])
    sealer.count_lost([speaker])
    assert said(sealer) == {
        "lost": 4,
        SPOOLED: {"count": 2, "first": 2, "last": 5},
        LATE: {"count": 1, "first": 3, "last": 3},
    }
    assert said(sealer) == {}


def test_an_event_that_is_known_by_its_payload_only_is_counted_all_the_same(sealer: Sealer) -> None:
    sealer.count_lost([], unsealed=1)
    odd = sealer.seal({**DRAFT, "symbol": "\ud800"})
    assert odd.document is None
    sealer.count_lost([odd])
    assert said(sealer) == {"lost": 2}


def test_what_cannot_be_sealed_takes_no_number_and_no_word_with_it(sealer: Sealer) -> None:
    (event,) = seal(sealer, 1)
    sealer.mark(SPOOLED, [event])
    sealer.count_lost((), unsealed=1)
    with pytest.raises(TypeError):
        sealer.seal({**DRAFT, "price": 1.5})
    assert sealer.seq == 2
    following = sealer.seal(DRAFT)
    document = json.loads(following.payload)
    assert (following.seq, following.prev_hash, document["lost"]) == (3, event.hash, 1)
    assert document[SPOOLED] == {"count": 1, "first": 2, "last": 2}


def test_a_ladder_whose_beginning_is_lost_is_begun_anew() -> None:
    key = signing_keys.make("grid")
    sealer = Sealer(WRITER, 1, Ladder(WRITER, key))
    documents = [json.loads(event.payload) for event in [sealer.start(), *seal(sealer, 2)] if event]
    assert [("ladder" in each, "rung" in each) for each in documents] == [
        (True, False), (False, True), (False, True)
    ]  # fmt: skip
    (lost,) = seal(sealer, 1)
    sealer.count_lost([lost])  # which began none
    assert "rung" in json.loads(sealer.seal(DRAFT).payload)
    lost = Sealer(WRITER, 1, Ladder(WRITER, key)).start()
    assert lost is not None
    sealer.count_lost([lost])
    following = json.loads(sealer.seal(DRAFT).payload)
    assert ladders.read_anchor(following["ladder"], key.public, WRITER, 6) is not None


def test_a_key_that_fails_ties_nothing_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sealer = Sealer(WRITER, 1, Ladder(WRITER, signing_keys.make("grid")))

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Ladder, "fields", refuse)
    first = sealer.start()
    assert first is not None
    assert not {"ladder", "rung"} & json.loads(first.payload).keys()
