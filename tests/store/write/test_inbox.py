"""Between those who record and the disks: the order, who is told what, and what the next event says."""

import logging
import threading

import pytest

from mexc_plugin.audit import canonical
from mexc_plugin.audit.recorder import Place, Receipt
from mexc_plugin.store.write import inbox
from mexc_plugin.store.write.inbox import Inbox
from mexc_plugin.store.write.sealer import Sealer
from mexc_plugin.store.write.workers import Latch, QuietLog
from tests.store.write.drafts import draft


@pytest.fixture
def handed_over() -> list[Receipt]:
    return []


@pytest.fixture
def box(handed_over: list[Receipt]) -> Inbox:
    return Inbox(Sealer("w", 1), QuietLog(logging.getLogger("mexc_plugin")), handed_over.append)


def say_next(box: Inbox) -> dict:
    """What the next event says."""
    receipt = Receipt(draft(9))
    assert box.put(receipt)
    box.seal()
    assert receipt.event is not None
    return canonical.decode(receipt.event.payload)


class Leaving(Receipt):
    """One whose waiter gives up at the last moment before it is settled."""

    __slots__ = ()

    def settle(self, place: Place) -> None:
        if self.place is None:
            assert self.give_up() is Place.PENDING
        super().settle(place)


def test_whoever_gives_up_just_as_an_event_is_settled_has_it_called_late(box: Inbox) -> None:
    receipt = Leaving(draft(1))
    box.put(receipt)
    box.settle(box.seal(), Place.DATABASE)
    assert receipt.place is Place.DATABASE
    assert say_next(box)["late"] == {"count": 1, "first": 2, "last": 2}


def test_what_the_database_took_meanwhile_is_not_called_lost(box: Inbox) -> None:
    receipt = Receipt(draft(1))
    box.put(receipt)
    waiting = box.seal()
    box.settle(waiting, Place.DATABASE)
    box.settle(waiting, Place.LOST)
    assert receipt.place is Place.DATABASE
    assert "lost" not in say_next(box)


def test_what_is_in_the_spool_and_in_the_database_is_said_to_be_spooled(box: Inbox) -> None:
    box.put(Receipt(draft(1)))
    waiting = box.seal()
    box.settle(waiting, Place.DATABASE)
    box.settle(waiting, Place.SPOOL)
    assert say_next(box)["spooled"] == {"count": 2, "first": 1, "last": 2}


def test_a_full_inbox_still_takes_the_end_and_the_end_says_how_much_it_did_not_take(
    box: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "QUEUE_LIMIT", 2)
    receipts = [Receipt(draft(n)) for n in range(4)]
    assert [box.put(receipt) for receipt in receipts] == [True, True, False, False]
    assert [receipt.place for receipt in receipts] == [None, None, Place.LOST, Place.LOST]
    stop = Receipt({"kind": "stop", "occurred_ns": 5})
    assert box.put(stop)
    sealed = [receipt.event for receipt in box.seal() if receipt.event is not None]
    assert sealed[-1] is stop.event
    assert [canonical.decode(event.payload).get("lost", 0) for event in sealed] == [2, 0, 0, 0]


def test_what_is_settled_is_let_go_of(box: Inbox) -> None:
    box.put(Receipt(draft(1)))
    box.settle(box.seal(), Place.DATABASE)
    assert (box.seal(), [*box._sealed]) == ([], [])


def test_what_comes_behind_the_end_is_handed_over(box: Inbox, handed_over: list[Receipt]) -> None:
    box.put(Receipt({"kind": "stop", "occurred_ns": 5}))
    late = Receipt(draft(1))
    box.put(late)
    assert len(box.seal()) == 2  # start and stop
    assert handed_over == [late]
    assert late.event is None


def test_a_lock_that_is_not_to_be_had_in_time_seals_nothing(box: Inbox) -> None:
    box.put(Receipt(draft(1)))
    with box._lock:
        assert box.seal(patience=0.0) == []
    assert len(box.seal()) == 2


def test_a_latch_lets_all_through_that_wait_and_that_come_later() -> None:
    latch, passed = Latch(), []
    assert not latch.wait(0.01)
    threads = [
        threading.Thread(target=lambda: passed.append(latch.wait(60)), daemon=True)
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    latch.open()
    for thread in threads:
        thread.join(20)
    assert passed == [True] * 5
    assert latch.wait(0)
