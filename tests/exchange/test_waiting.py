"""How a sync cancel waits for its record: in its thread, or, where greenlets are at work, so that the others go on."""

import sys
import time
from types import ModuleType
from typing import Any

import pytest

from mexc_plugin.audit.recorder import Place, Receipt
from mexc_plugin.exchange.waiting import put_blocking


class Slow:
    """A recorder whose event is durable when somebody has slept; says who waited for it, and how."""

    def __init__(self) -> None:
        self.receipt = Receipt({})
        self.waited: list[str] = []

    def submit(self, draft: Any, budget: float) -> Receipt:
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
