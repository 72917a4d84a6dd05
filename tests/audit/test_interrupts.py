"""What a signal handler of the bot's throws goes through, wherever it is thrown; what an odd object throws does not."""

import functools
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mexc_plugin import misspellings
from mexc_plugin.audit.interrupts import is_from_handler
from mexc_plugin.audit.redaction import Redactor, as_text, redact_exception
from mexc_plugin.exchange import redacted_logging
from mexc_plugin.exchange.cancels import notes
from mexc_plugin.exchange.context import Scope
from mexc_plugin.exchange.drafts import unified_symbol


class TimeLimit(Exception):
    """As a scheduler throws it into a task that takes too long."""


def stop(*_: object) -> None:
    raise TimeLimit


class Scheduler:
    def stop(self, *_: object) -> None:
        raise TimeLimit

    def __call__(self, *_: object) -> None:
        raise TimeLimit


HANDLERS: dict[str, Callable[..., None]] = {
    "a function": stop,
    "a method": Scheduler().stop,
    "a partial": functools.partial(stop, "more"),
    "an object": Scheduler(),
}


@pytest.fixture
def handler(request: pytest.FixtureRequest) -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, HANDLERS[getattr(request, "param", "a function")])
    yield
    signal.signal(signal.SIGUSR1, before)


class Odd:
    """Something happens whenever it is looked at: its owner's signal, or an error of its own."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self.happens = happens

    def __str__(self) -> str:
        self.happens()
        return "odd"

    __repr__ = __str__

    def get(self, _name: str) -> str:
        return str(self)


class Settings(dict[str, object]):
    def __init__(self, odd: Odd) -> None:
        super().__init__()
        self.odd = odd

    def items(self) -> Any:
        return str(self.odd)

    def __iter__(self) -> Any:
        return iter(str(self.odd))


class Noted(Exception):
    def __init__(self, odd: Odd) -> None:
        self.odd = odd

    @property
    def __notes__(self) -> Any:
        return str(self.odd)


def interrupt() -> None:
    signal.raise_signal(signal.SIGUSR1)


def fail() -> None:
    raise TimeLimit


LOOKING: dict[str, tuple[Callable[[Odd], object], object]] = {
    "as a text": (as_text, "<Odd>"),
    "in an error's arguments": (lambda odd: redact_exception(ValueError(odd), Redactor()), None),
    "in a log": (lambda odd: redacted_logging.redact(Redactor(), [odd]) and None, None),
    "in a call of a logger": (lambda odd: redacted_logging._redact_safely(Redactor(), (Settings(odd), {}), None), None),
    "among the settings": (lambda odd: misspellings.warn_once({}, Settings(odd)), None),
    "as an error's notes": (lambda odd: notes.say_what_was_sent(Noted(odd), Scope(), "sqlite:///"), None),
    "among the markets": (lambda odd: unified_symbol(SimpleNamespace(markets_by_id=odd), "A"), None),
}  # fmt: skip


@pytest.mark.parametrize("handler", HANDLERS, indirect=True)
def test_what_a_handler_throws_is_known_by_its_frame(handler: None) -> None:
    with pytest.raises(TimeLimit) as thrown:
        str(Odd(interrupt))

    assert is_from_handler(thrown.value)


def test_the_same_error_from_elsewhere_is_none_of_a_handlers(handler: None) -> None:
    with pytest.raises(TimeLimit) as thrown:
        str(Odd(fail))

    assert not is_from_handler(thrown.value)
    assert not is_from_handler(TimeLimit())


@pytest.mark.parametrize("way", LOOKING)
def test_what_a_handler_throws_while_an_object_is_looked_at_goes_through(
    handler: None, way: str
) -> None:
    look, _ = LOOKING[way]

    with pytest.raises(TimeLimit):
        look(Odd(interrupt))


@pytest.mark.parametrize("way", LOOKING)
def test_what_the_object_throws_itself_does_not(handler: None, way: str) -> None:
    look, found = LOOKING[way]

    assert look(Odd(fail)) == found
