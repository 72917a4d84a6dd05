"""45 answers of the venue, real, documented or constructed (each says which), and what each deserves.

The answers are data: tests/fixtures/mexc-samples.jsonl. What is on record and what the bot gets is decided here, with
the reason wherever the venue's pages leave it open.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import ccxt
import pytest

from mexc_plugin.sandbox import Fault, FaultKind
from tests.conftest import FIXTURES, Bot, MakeBot

SAMPLES = [json.loads(line) for line in (FIXTURES / "mexc-samples.jsonl").read_text().splitlines()]
SWAP = "BTC/USDT:USDT"


class Deserved(NamedTuple):
    """The outcome on record, and ccxt's error for the bot, None where it gets what was cancelled."""

    outcome: str
    error: type[ccxt.BaseError] | None = None
    why: str = ""


TABLE = {
    1: Deserved("canceled", None, "no status: an answer that names the order acknowledges"),
    2: Deserved("canceled"),
    3: Deserved("canceled", None, "NEW is the state before the cancel, the page's own example of a cancel says so"),
    4: Deserved("canceled"),
    5: Deserved("accepted", None, "success in plain words, no order named"),
    6: Deserved("accepted"),
    7: Deserved("rejected", ccxt.InvalidOrder, "`success: true` is the batch's; of the one order it says that it failed"),
    8: Deserved("rejected", None, "three orders, two failures: no plain success; which is which is in `orders`"),
    9: Deserved("accepted"),
    10: Deserved("accepted", None, "the id is the name and `success` its result"),
    11: Deserved("not_found", ccxt.OrderNotFound),
    12: Deserved("not_found", ccxt.OrderNotFound),
    13: Deserved("not_found", ccxt.OrderNotFound, "-2011 has one other meaning, and the text does not say that"),
    14: Deserved("rejected", ccxt.BadRequest),
    15: Deserved("rejected", ccxt.BadSymbol),
    16: Deserved("rejected", ccxt.InvalidNonce),
    17: Deserved("unauthorized", ccxt.AuthenticationError),
    18: Deserved("rejected", ccxt.ExchangeError, "the words stand in `data`"),
    19: Deserved("rejected", ccxt.InvalidOrder),
    20: Deserved("unknown", ccxt.ExchangeNotAvailable, "a 500 as a code is as little a refusal as one as a status"),
    21: Deserved("rejected", ccxt.ExchangeError, "an account that may not order: no word of the key"),
    22: Deserved("unauthorized", ccxt.PermissionDenied),
    23: Deserved("unknown", ccxt.NetworkError, "HTML is nobody's word for what the venue did; a CDN's 403 may come after it"),
    24: Deserved("rejected", ccxt.PermissionDenied, "the page says both frequency and firewall: neither may be repeated unasked"),
    25: Deserved("unauthorized", ccxt.AuthenticationError),
    26: Deserved("unauthorized", ccxt.PermissionDenied),
    27: Deserved("unauthorized", ccxt.PermissionDenied, "511 is a refusal by its words, the one 5xx code that is none of a fault"),
    28: Deserved("unauthorized", ccxt.PermissionDenied),
    29: Deserved("unauthorized", ccxt.PermissionDenied),
    30: Deserved("unknown", ccxt.ExchangeNotAvailable),
    31: Deserved("unknown", ccxt.ExchangeNotAvailable),
    32: Deserved("unknown", ccxt.RequestTimeout, "what timed out may have been executed"),
    33: Deserved("unknown", ccxt.RateLimitExceeded, "a 5xx as a code: not repeated by us, though the bot hears of the frequency"),
    34: Deserved("rate_limited", ccxt.RateLimitExceeded),
    35: Deserved("not_found", ccxt.OrderNotFound),
    36: Deserved("rejected", ccxt.OnMaintenance, "the feature is closed: it was not done"),
    37: Deserved("unknown", ccxt.ExchangeNotAvailable, "a 5xx as a code, though its words speak of the time of the request"),
    38: Deserved("unauthorized", ccxt.PermissionDenied),
    39: Deserved("rejected", ccxt.BadRequest),
    40: Deserved("rejected", ccxt.ExchangeError),
    41: Deserved("unknown", ccxt.ExchangeNotAvailable),
    42: Deserved("rejected", ccxt.OrderNotFound, "an id that is none: no word of an order that was there"),
    43: Deserved("unknown", ccxt.ExchangeNotAvailable, "`Request failed` does not say at which step"),
    44: Deserved("unauthorized", ccxt.PermissionDenied),
    45: Deserved("canceled", None, "PARTIALLY_FILLED is the state before the cancel; what was executed is kept"),
}  # fmt: skip


def ids_of(body: str) -> list[str]:
    return re.findall(r'"orderId": "?(\w+)', body) or ["4"]


def symbol_of(body: str) -> str:
    found = re.search(r'"symbol": "(\w+)"', body)
    return {"LTCBTC": "LTC/BTC", "XRPUSDT": "XRP/USDT"}.get(found[1] if found else "", "BTC/USDT")


# By the last words of a sample's endpoint: how a bot asks for that. What was recorded of another request is judged as a
# cancel's.
WAYS: dict[str, Callable[[Bot, str], Any]] = {
    "DELETE https://api.mexc.com/api/v3/order": lambda bot, body: bot.cancel_order(ids_of(body)[0], symbol_of(body)),
    "judged as DELETE": lambda bot, body: bot.cancel_order("4", "BTC/USDT"),
    "judged as DELETE order": lambda bot, body: bot.cancel_order("4", "BTC/USDT"),
    "DELETE https://api.mexc.com/api/v3/margin/order": lambda bot, body: bot.cancel_order(ids_of(body)[0], symbol_of(body), {"marginMode": "isolated"}),
    "DELETE https://api.mexc.com/api/v3/openOrders": lambda bot, body: bot.cancel_all_orders(symbol_of(body)),
    "DELETE https://api.mexc.com/api/v3/order/all": lambda bot, body: bot.request("order/all", ["spot", "private"], "DELETE", {}),
    "POST https://api.mexc.com/api/v1/private/order/cancel": lambda bot, body: cancel_swaps(bot, ids_of(body)),
    "POST https://contract.mexc.com/api/v1/private/order/cancel": lambda bot, body: cancel_swaps(bot, ids_of(body)),
    "judged as POST order/cancel": lambda bot, body: cancel_swaps(bot, ids_of(body)),
    "POST https://contract.mexc.com/api/v1/private/order/cancel_all": lambda bot, body: bot.cancel_all_orders(SWAP),
    "DELETE https://www.mexc.com/open/api/v2/order/cancel": lambda bot, body: bot.spot2PrivateDeleteOrderCancel({"order_ids": "7b762176d81b4d079cd1105ebdc18809"}),
}  # fmt: skip


def cancel_swaps(bot: Bot, ids: list[str]) -> Any:
    return bot.cancel_order(ids[0], SWAP) if len(ids) == 1 else bot.cancel_orders(ids, SWAP)


def way_of(endpoint: str) -> Callable[[Bot, str], Any]:
    return WAYS[endpoint.rpartition("-> ")[2]]


def test_every_sample_is_in_the_table_and_has_a_way() -> None:
    assert list(TABLE) == list(range(1, len(SAMPLES) + 1))
    assert all(way_of(sample["endpoint"]) for sample in SAMPLES)
    assert all(sample["note"] for sample in SAMPLES)


@pytest.fixture
def loaded(make_bot: MakeBot) -> Bot:
    bot = make_bot()
    bot.load_markets()
    markets = bot.exchange.markets
    # Of a market that the sandbox does not have.
    names = {"id": "XRPUSDT", "symbol": "XRP/USDT", "base": "XRP", "baseId": "XRP"}
    markets["XRP/USDT"] = {**markets["LTC/USDT"], **names}
    return bot


def test_every_sample_gets_the_outcome_and_the_error_that_it_deserves(
    loaded: Bot, sandbox, audit
) -> None:
    found, expected = {}, {}
    for number, sample in enumerate(SAMPLES, 1):
        content_type = "text/html" if sample["body"].startswith("<") else "application/json"
        fault = Fault(
            FaultKind.RAW,
            times=1,
            status=sample["http_status"],
            body=sample["body"].encode(),
            content_type=content_type,
        )
        sandbox.inject(fault)
        error = None
        try:
            way_of(sample["endpoint"])(loaded, sample["body"])
        except ccxt.BaseError as raised:
            error = raised
        deserved = TABLE[number]
        right = error is None if deserved.error is None else isinstance(error, deserved.error)
        response = audit.payloads("response")[-1]
        assert response["response"]["body"] == sample["body"]
        found[number] = response["outcome"], deserved.error if right else type(error)
        expected[number] = deserved.outcome, deserved.error
    assert found == expected


# -- what is kept of them


def answer(loaded: Bot, sandbox, audit, number: int) -> tuple[Any, dict[str, Any]]:
    """What the bot got for a sample, and the newest response on record."""
    sample = SAMPLES[number - 1]
    sandbox.inject(Fault(FaultKind.RAW, times=1, body=sample["body"].encode()))
    returned = way_of(sample["endpoint"])(loaded, sample["body"])
    return returned, audit.payloads("response")[-1]


def test_a_partly_executed_order_keeps_what_was_executed(loaded: Bot, sandbox, audit) -> None:
    order, response = answer(loaded, sandbox, audit, 45)

    assert (order["status"], order["filled"], order["remaining"]) == ("canceled", 4.0, 6.0)
    assert (response["order_status"], response["filled"]) == ("PARTIALLY_FILLED", "4")


def test_a_batch_keeps_the_result_of_each_order(loaded: Bot, sandbox, audit) -> None:
    _, response = answer(loaded, sandbox, audit, 8)

    assert [(order["order_id"], order["outcome"]) for order in response["orders"]] == [
        ("101716841474621953", "not_found"),
        ("108885377779302912", "rejected"),
        ("108886241042563584", "accepted"),
    ]


def test_a_legacy_answer_keeps_the_word_for_the_order(loaded: Bot, sandbox, audit) -> None:
    _, response = answer(loaded, sandbox, audit, 10)

    assert (response["order_id"], response["venue_message"]) == (
        "7b762176d81b4d079cd1105ebdc18809",
        "success",
    )


def test_words_in_data_are_the_venues_message(loaded: Bot, sandbox, audit) -> None:
    with pytest.raises(ccxt.ExchangeError):
        answer(loaded, sandbox, audit, 18)
    response = audit.payloads("response")[-1]
    assert (response["venue_code"], response["venue_message"]) == ("26", "operation not allowed")
