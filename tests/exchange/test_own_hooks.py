"""A bot's own `handle_errors`, `on_rest_response` and `parse_json`: what they raise is the bot's, and the response is on record."""

import pickle
from typing import Any

import ccxt
import pytest

from mexc_plugin.exchange import error_classes
from mexc_plugin.sandbox import Sandbox
from tests.conftest import Audit, Bot, MakeBot

SYMBOL = "LTC/BTC"


class Gone(ccxt.OrderNotFound):
    """Takes other arguments than a text."""

    def __init__(self, exchange_id: str, order_id: str) -> None:
        super().__init__(f"{exchange_id}: {order_id} is gone")
        self.order_id = order_id


class Refused(ccxt.ExchangeError):
    """Hands on more than it takes."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "said by the bot")


class Strict(ccxt.ExchangeError):
    """Cannot be made but by itself."""

    def __new__(cls, *, order_id: str) -> "Strict":
        return super().__new__(cls, order_id)

    def __init__(self, *, order_id: str) -> None:
        self.order_id = order_id


ERRORS = {
    "a class with other arguments": lambda: Gone("mexc", "1"),
    "a class with more arguments": lambda: Refused("no"),
    "a class that only it can make": lambda: Strict(order_id="1"),
    "a KeyError": lambda: KeyError("result"),
    "an IndexError": lambda: IndexError("list index out of range"),
}
HOOKS = ("on_rest_response", "handle_errors", "parse_json")


def with_hook(make_bot: MakeBot, hook: str, error: BaseException) -> Bot:
    bot = make_bot()
    bot.load_markets()

    def raising(self: Any, *_: Any, **__: Any) -> Any:
        raise error

    bot.exchange.__class__ = type("mexc", (type(bot.exchange),), {hook: raising})
    return bot


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("name", ERRORS)
def test_what_a_hook_of_the_bots_own_raises_comes_back_with_all_that_it_holds(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit, hook: str, name: str
) -> None:
    error = ERRORS[name]()
    bot = with_hook(make_bot, hook, error)
    with pytest.raises(type(error)) as caught:
        bot.cancel_order("1", SYMBOL)
    assert (caught.value.args, str(caught.value)) == (error.args, str(error))
    assert getattr(caught.value, "order_id", None) == getattr(error, "order_id", None)

    row = audit.history()[0]
    # Where the hook keeps the answer to itself, nobody knows it.
    known = ("unknown", None) if hook == "on_rest_response" else ("not_found", 400)
    assert (row["outcome"], row["http_status"]) == known
    assert len(sandbox.arrivals) == 1


def test_a_class_of_the_bots_own_is_ours_too_and_can_be_pickled(
    make_bot: MakeBot, sandbox: Sandbox
) -> None:
    bot = with_hook(make_bot, "handle_errors", Gone("mexc", "1"))
    with pytest.raises(Gone) as caught:
        bot.cancel_order("1", SYMBOL)
    again = pickle.loads(pickle.dumps(caught.value))
    for error in (caught.value, again):
        assert isinstance(error, error_classes.OrderNotFound)
        assert (error.order_id, str(error)) == ("1", "mexc: 1 is gone")


def test_a_class_of_the_bots_own_in_ccxts_table_is_made_by_ccxt_alone(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_bot()
    bot.load_markets()
    bot.exchange.exceptions["exact"]["-2011"] = Refused
    with pytest.raises(Refused) as caught:
        bot.cancel_order("1", SYMBOL)
    assert isinstance(caught.value, ccxt.OrderNotFound)
    assert caught.value.args[1] == "said by the bot"
    assert [row["outcome"] for row in audit.history()] == ["not_found"]
