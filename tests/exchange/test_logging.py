"""Whatever logger an exchange has, it stays the bot's own, and shows no secret."""

import copy
import logging
import pickle
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from requests.structures import CaseInsensitiveDict

from mexc_plugin import mexc
from mexc_plugin.exchange.context import sending
from mexc_plugin.exchange.redacted_logging import guard_loggers
from mexc_plugin.sandbox import Sandbox
from tests.conftest import Bot, MakeBot

CCXTS = "ccxt.base.exchange"
KEYS = {"apiKey": "the-key-of-nobody", "secret": "the-secret-of-nobody"}


class Kept(logging.Handler):
    """What a handler gets to see: the text, and the record's parts."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts += [record.getMessage(), repr(record.msg), repr(record.args)]


class Foreign:
    """A logger that is none of logging's, as of loguru or structlog."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def debug(self, message: str, *args: object, **kwargs: object) -> None:
        self.texts += [message % args, repr(args), repr(kwargs)]


class OwnKind(logging.Logger):
    """A subclass, as setLoggerClass gives."""


@pytest.fixture
def kept() -> Iterator[Kept]:
    """A handler on the root, and everything at DEBUG."""
    handler = Kept()
    loggers = [logging.getLogger(name) for name in ("", CCXTS, "urllib3", "the bot's")]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield handler
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def own_kind() -> logging.Logger:
    logger = OwnKind("the bot's own kind", logging.DEBUG)
    logger.parent = logging.getLogger()
    return logger


def bots_logger() -> logging.Logger:
    return logging.getLogger("the bot's")


GIVEN: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "logger": bots_logger,
    "subclass": own_kind,
    "adapter": lambda: logging.LoggerAdapter(bots_logger(), {"bot": "grid"}),
    "adapter of an adapter": lambda: logging.LoggerAdapter(
        logging.LoggerAdapter(bots_logger(), {}), {}
    ),
    "foreign": Foreign,
}


def send_something(bot: Bot, sandbox: Sandbox) -> None:
    bot.cancel_order(sandbox.place("LTCBTC", "BUY", "2", "0.002"), "LTC/BTC")
    bot.fetch_balance()


def assert_no_secret(texts: list[str], bot: Bot) -> None:
    assert any("/api/v3/order" in text for text in texts)
    assert any("/api/v3/account" in text for text in texts)
    for text in texts:
        assert bot.exchange.apiKey not in text
        assert bot.exchange.secret not in text
        assert "signature=" not in text.replace("signature=[redacted]", "")


@pytest.mark.parametrize("kind", GIVEN)
def test_no_logger_that_is_given_shows_a_secret(
    make_bot: MakeBot, sandbox: Sandbox, kept: Kept, kind: str
) -> None:
    given = GIVEN[kind]()
    bot = make_bot(logger=given)
    send_something(bot, sandbox)
    assert_no_secret(given.texts if isinstance(given, Foreign) else kept.texts, bot)


@pytest.mark.parametrize("kind", ["logger", "adapter", "foreign"])
def test_no_logger_that_is_set_later_shows_a_secret(
    make_bot: MakeBot, sandbox: Sandbox, kept: Kept, kind: str
) -> None:
    bot, given = make_bot(), GIVEN[kind]()
    bot.exchange.logger = given
    send_something(bot, sandbox)
    assert_no_secret(given.texts if isinstance(given, Foreign) else kept.texts, bot)


def test_a_key_that_is_set_later_is_not_shown_either(
    make_bot: MakeBot, sandbox: Sandbox, kept: Kept
) -> None:
    bot = make_bot(apiKey=None, secret=None)
    bot.exchange.apiKey, bot.exchange.secret = (
        sandbox.ccxt_config()[name] for name in ("apiKey", "secret")
    )
    send_something(bot, sandbox)
    assert_no_secret(kept.texts, bot)


@pytest.mark.parametrize(
    "double", [copy.copy, copy.deepcopy, lambda exchange: pickle.loads(pickle.dumps(exchange))]
)
def test_a_copy_shows_no_secret_and_has_the_same_logger(
    make_bot: MakeBot, sandbox: Sandbox, kept: Kept, double: Callable[[Any], Any]
) -> None:
    bot = make_bot()
    logger = logging.getLogger(CCXTS)
    logger.filters.clear()  # as in a new process
    bot.exchange = double(bot.exchange)
    send_something(bot, sandbox)
    assert bot.exchange.logger is logger
    assert_no_secret(kept.texts, bot)


def test_the_logger_is_ccxts_own_or_the_bots(make_bot: MakeBot, sandbox: Sandbox) -> None:
    for kind in ("logger", "subclass", "adapter"):
        given = GIVEN[kind]()
        bot = make_bot(logger=given)
        bot.fetch_time()
        assert bot.exchange.logger is given
    assert make_bot().exchange.logger is logging.getLogger(CCXTS)


def test_a_stand_in_is_used_as_what_it_stands_for(make_bot: MakeBot) -> None:
    given = Mock()
    bot = make_bot(logger=given)
    bot.fetch_time()
    assert bot.exchange.logger.debug.called
    bot.exchange.logger.debug.assert_called()
    bot.exchange.logger.bind("said by the bot", {"token": 1})
    given.bind.assert_called_once_with("said by the bot", {"token": 1})
    copy.deepcopy(bot.exchange.logger)


def test_what_the_bot_writes_itself_stays_as_it_is(kept: Kept) -> None:
    exchange = mexc({**KEYS, "logger": bots_logger()})
    with sending(exchange):
        pass
    bots_logger().info("my token=%s", "abc")
    assert "my token=abc" in kept.texts


class Odd:
    """Shows a secret in its repr only."""

    def __str__(self) -> str:
        return "odd"

    def __repr__(self) -> str:
        return f"Odd({KEYS['secret']})"


class Raising:
    """Cannot say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


ENDLESS: list[Any] = [KEYS["secret"]]
ENDLESS.append(ENDLESS)


def logged(message: object, *args: object) -> str:
    """What the handlers get of a record that is logged while an exchange sends."""
    exchange = mexc({**KEYS, "logger": bots_logger()})
    record = logging.LogRecord("x", logging.DEBUG, "path", 1, message, args, None)
    guard_loggers(exchange.logger)
    with sending(exchange):
        assert exchange.logger.filter(record)
    return record.getMessage()


@pytest.mark.parametrize(
    "value",
    [
        KEYS["secret"],
        KEYS["secret"].encode(),
        {"X-MEXC-APIKEY": "of another account"},
        CaseInsensitiveDict({"X-MEXC-APIKEY": "of another account"}),
        CIMultiDictProxy(CIMultiDict({"Set-Cookie": "of another account"})),
        [1, (KEYS["apiKey"],)],
        ValueError(KEYS["secret"]),
        SimpleNamespace(key=KEYS["apiKey"]),
        Odd(),
        ENDLESS,
        f"https://host/?timestamp=1&signature={'0' * 64}",
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("template", ["%s", "%r", "%s %s"])
def test_a_secret_in_any_argument_is_not_shown(value: object, template: str) -> None:
    args = (value,) if "%s %s" not in template else (value, 1)
    text = logged(template, *args)
    for secret in (*KEYS.values(), "of another account", "0" * 64):
        assert secret not in text


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(), st.binary(),
    st.fractions(), st.datetimes(), st.lists(st.integers()), st.tuples(st.text(), st.floats()),
    st.dictionaries(st.text("abc"), st.floats()), st.just(CIMultiDict(a="b")), st.just(object),
)  # fmt: skip


@given(st.lists(PLAIN, min_size=1, max_size=4), st.sampled_from(["%s", "%r", "%10s"]))
def test_what_holds_no_secret_reads_as_ever(values: list[object], conversion: str) -> None:
    template = " ".join([conversion] * len(values))
    expected = logging.LogRecord("x", 10, "path", 1, template, tuple(values), None).getMessage()
    assert logged(template, *values) == expected


def test_numbers_fit_any_conversion() -> None:
    found = logged("%d %x %.2f %s %05.1f", 7, 255, Decimal("1.234"), Fraction(1, 2), 2.0)
    assert found == "7 ff 1.23 1/2 002.0"
    assert logged("%(price).1f %(secret)s", {"price": 2.0, "secret": "x"}) == "2.0 [redacted]"


def test_an_object_that_raises_stops_nothing() -> None:
    with pytest.raises(
        RuntimeError
    ):  # as ever, where a handler formats it: logging catches it there
        logged("%s", Raising())
