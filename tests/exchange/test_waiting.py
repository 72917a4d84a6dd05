"""How a cancel waits for its record: in its thread, or so that the loop's tasks or the other greenlets go on."""

import asyncio
import sys
import threading
import time
from types import ModuleType
from typing import Any

import pytest

from mexc_plugin.audit.recorder import Place, Receipt, settle_all
from mexc_plugin.exchange.waiting import in_own_thread, put_blocking, put_on_loop, put_only


class Slow:
    """A recorder whose event is durable when somebody has slept; says who waited for it, and how."""

    def __init__(self) -> None:
        self.receipt = Receipt({})
        self.waited: list[str] = []

    def submit(self, draft: Any, budget: float, loop: Any = None) -> Receipt:
        return self.receipt

    def commit(self, draft: Any, budget: float) -> Place:
        self.waited.append("thread")
        return Place.DATABASE

    def sleep(self, seconds: float) -> None:
        self.waited.append("sleep")
        self.receipt.settle(Place.DATABASE)


def put(recorder: Any, budget: float = 20) -> Place:
    coroutine: Any = put_blocking(recorder, {}, budget)
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    place: Place = ended.value.value
    return place


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_where_the_sleep_is_a_librarys_of_greenlets_it_waits_in_that(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    recorder = Slow()
    monkeypatch.setitem(sys.modules, library, ModuleType(library))
    monkeypatch.setattr(time, "sleep", recorder.sleep)

    assert put(recorder) is Place.DATABASE
    assert recorder.waited == ["sleep"]


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_a_library_that_was_only_imported_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    recorder = Slow()
    monkeypatch.setitem(sys.modules, library, ModuleType(library))

    assert put(recorder) is Place.DATABASE
    assert recorder.waited == ["thread"]


def test_a_sleep_that_somebody_else_has_replaced_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder = Slow()
    monkeypatch.setattr(time, "sleep", recorder.sleep)

    assert put(recorder) is Place.DATABASE
    assert recorder.waited == ["thread"]


def test_with_greenlets_too_it_waits_no_longer_than_its_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder = Slow()
    monkeypatch.setitem(sys.modules, "gevent", ModuleType("gevent"))
    monkeypatch.setattr(time, "sleep", lambda seconds: recorder.waited.append("sleep"))

    assert put(recorder, 0.02) is Place.PENDING
    assert recorder.waited
    assert recorder.receipt.is_late


class OnLoop:
    """A recorder whose event is durable a moment later."""

    def submit(self, draft: Any, budget: float, loop: asyncio.AbstractEventLoop) -> Receipt:
        receipt = Receipt({}, loop=loop)
        loop.call_later(0.05, settle_all, [receipt], Place.DATABASE)
        return receipt


async def test_on_a_loop_it_waits_until_the_event_is_durable_and_no_longer() -> None:
    budget, began = 6, time.monotonic()

    assert await put_on_loop(OnLoop(), {}, budget) is Place.DATABASE
    assert time.monotonic() - began < budget / 2


@pytest.mark.parametrize("place", [None, *Place])
async def test_a_coroutine_that_is_closed_says_where_its_event_is_already(
    place: Place | None,
) -> None:
    recorder = Slow()
    if place is not None:
        recorder.receipt.settle(place)

    assert await put_only(recorder, {}, 20) is (place or Place.PENDING)


async def test_what_blocks_for_ever_in_a_thread_of_its_own_keeps_no_process_from_ending() -> None:
    assert await in_own_thread(lambda: threading.current_thread().daemon)
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(lambda: 1 // 0)
