"""Whatever `cancel_order` raises says whether anything was sent; its class and text are ccxt's as before."""

import pickle
from typing import Any

import ccxt
import pytest

from mexc_plugin.exchange.cancels import notes
from mexc_plugin.exchange.context import Scope
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from tests.conftest import Audit, Bot, MakeBot
from tests.test_docs import read

SYMBOL = "LTC/BTC"
BEFORE = notes.PREFIX + notes.BEFORE


def raised(bot: Bot, *arguments: Any) -> Exception:
    with pytest.raises(ccxt.BaseError) as caught:
        bot.cancel_order(*arguments)
    return caught.value


def note(error: Exception) -> str:
    (found,) = error.__notes__
    return str(found)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("4", "NO/SUCH"), ccxt.BadSymbol),
        ((None, SYMBOL), ccxt.ArgumentsRequired),
        (("4",), ccxt.ArgumentsRequired),
        ((1e30, SYMBOL), ccxt.BadRequest),
    ],
)
def test_what_fails_before_its_request_says_so_and_leaves_no_row(
    bot: Bot, audit: Audit, sandbox: Sandbox, arguments: Any, kind: type[Exception]
) -> None:
    error = raised(bot, *arguments)
    assert (isinstance(error, kind), note(error)) == (True, BEFORE)
    assert (audit.events("request"), list(sandbox.arrivals)) == ([], [])
    assert notes.PREFIX not in str(error)


def test_markets_that_cannot_be_loaded_are_said_to_have_sent_nothing(
    make_bot: MakeBot, audit: Audit, sandbox: Sandbox
) -> None:
    sandbox.inject(Fault(FaultKind.DROP_BEFORE, method="GET", path="/api/v3/exchangeInfo"))
    error = raised(make_bot(), "4", SYMBOL)
    assert isinstance(error, ccxt.NetworkError)
    assert (note(error), audit.events("request")) == (BEFORE, [])


def test_what_was_sent_is_named_with_its_outcome_and_how_to_see_it(
    bot: Bot, audit: Audit, sandbox: Sandbox
) -> None:
    error = raised(bot, "4", SYMBOL)
    (event,) = audit.events("response")
    look = f"see it with: mexc-plugin audit show {event['cancel_id']} --db {audit.path}"
    assert note(error) == f"mexc-plugin: it was sent; recorded as not_found; {look}"
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    lost = raised(bot, sandbox.place("LTCBTC", "BUY", "1", "0.002"), SYMBOL)
    assert note(lost).startswith(
        "mexc-plugin: it may have been sent and executed; recorded as unknown; see it with"
    )


def test_what_was_refused_here_says_that_nothing_was_sent(
    make_bot: MakeBot, audit: Audit, tmp_path: Any
) -> None:
    own = {"url": audit.url, "on_failure": "refuse", "deadline_ms": 1}
    bot = make_bot(options={"audit": own})
    bot.load_markets()
    with audit.locked():
        error = raised(bot, "4", SYMBOL)
    assert note(error).startswith(
        "mexc-plugin: nothing was sent; recorded as not_sent; see it with"
    )


def test_edit_order_says_it_too(bot: Bot) -> None:
    with pytest.raises(ccxt.OrderNotFound) as caught:
        bot.edit_order("4", SYMBOL, "limit", "buy", 1, 0.002)
    assert note(caught.value).startswith("mexc-plugin: it was sent; recorded as not_found")


def test_a_request_that_was_not_seen_is_not_called_unsent(bot: Bot) -> None:
    bot.load_markets()

    def fail(*_: Any) -> Any:
        raise ccxt.ExchangeError("replaced")

    bot.exchange.spotPrivateDeleteOrder = fail
    assert note(raised(bot, "4", SYMBOL)) == notes.PREFIX + notes.UNSEEN


def test_notes_survive_a_pickle_and_are_there_once() -> None:
    from mexc_plugin.exchange import error_classes

    kind = error_classes.combine(error_classes.OrderNotFound, ccxt.InvalidOrder)
    error = kind("mexc {}")
    for _ in range(2):
        notes.say_what_was_sent(error, Scope(), "sqlite:///audit.db")
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), copied.args, note(copied)) == (kind, ("mexc {}",), BEFORE)


@pytest.mark.parametrize("odd", [None, 7, ("a",)])
def test_an_error_that_takes_no_note_is_left_alone(odd: object) -> None:
    error = ccxt.ExchangeError("x")
    error.__notes__ = odd  # type: ignore[assignment]
    notes.say_what_was_sent(error, Scope(), "sqlite:///audit.db")
    assert error.__notes__ == odd


def test_the_notes_are_documented() -> None:
    page = read("docs/bots/own-scripts.md")
    scope = Scope(attempts=1, was_sent=True)
    shown = [
        notes._words(Scope(), "sqlite:///audit.db"),
        notes.UNSEEN.partition(",")[0],
        notes._words(scope, "sqlite:///audit.db").partition(";")[0],
    ]
    assert [words for words in shown if words not in page] == []
