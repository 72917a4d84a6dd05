"""The private spot endpoints that place and cancel orders.

Each handler takes the venue, the key of the account that signed, and the call.
"""

import json
import secrets
from enum import StrEnum
from typing import TypeVar

from mexc_plugin.sandbox.markets import market_of
from mexc_plugin.sandbox.messages import Answer, Call
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.spot import order_json
from mexc_plugin.sandbox.spot.orders import Cancelled, NewOrder
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import Json, OrderType, Side, StpMode

Word = TypeVar("Word", bound=StrEnum)
MAX_BATCH = 20


def create(venue: Venue, api_key: str, call: Call) -> Answer:
    order = venue.spot.place(api_key, new_order(call))
    return Answer(order_json.created_order(order, venue.settings.id_style))


def create_test(_venue: Venue, _api_key: str, call: Call) -> Answer:
    market_of(new_order(call).symbol)
    return Answer({})


def create_batch(venue: Venue, api_key: str, call: Call) -> Answer:
    """Each order is placed for itself; one that is refused leaves the others standing."""
    batch = _batch(call)
    results: list[Json] = []
    for item in batch:
        one = Call("POST", call.path, "", {}, json.dumps(item).encode())
        try:
            results.append(create(venue, api_key, one).body)
        except RefusedError as refused:
            results.append(
                {
                    "newClientOrderId": one.text("newClientOrderId"),
                    "msg": refused.message,
                    "code": refused.code,
                }
            )
    return Answer(results)


def _batch(call: Call) -> list[Json]:
    try:
        batch = json.loads(call.need("batchOrders"))
    except ValueError:
        batch = None
    if not isinstance(batch, list) or not 0 < len(batch) <= MAX_BATCH:
        raise RefusedError(Reason.MISSING, "batchOrders")
    return batch


def new_order(call: Call) -> NewOrder:
    """The order that a request asks for. Raises RefusedError (700004)."""
    order_type = _word(OrderType, call, "type")
    if order_type is OrderType.STOP_MARKET_ORDER:
        raise RefusedError(Reason.MISSING, "type")
    return NewOrder(
        symbol=call.need("symbol"),
        side=_word(Side, call, "side"),
        type=order_type,
        quantity=call.decimal("quantity"),
        price=call.decimal("price"),
        quote_quantity=call.decimal("quoteOrderQty"),
        client_order_id=call.text("newClientOrderId"),
        stp_mode=_word(StpMode, call, "stpMode") if call.text("stpMode") else StpMode.NONE,
    )


def _word(words: type[Word], call: Call, name: str) -> Word:
    try:
        return words(call.need(name))
    except ValueError:
        raise RefusedError(Reason.MISSING, name) from None


# Cancelling


def cancel(venue: Venue, api_key: str, call: Call) -> Answer:
    cancelled = _cancel_one(venue, api_key, call)
    return Answer(_cancel_item(venue, call, cancelled), effect=cancelled.effect)


def cancel_open(venue: Venue, api_key: str, call: Call) -> Answer:
    done = venue.spot.cancel_symbols(api_key, _symbols(call))
    return Answer([_cancel_item(venue, call, one) for one in done], effect=_effect(done))


def cancel_everything(venue: Venue, api_key: str, _call: Call) -> Answer:
    done = venue.spot.cancel_everything(api_key)
    body = {"code": 200, "msg": "success", "timestamp": venue.now_ms}
    return Answer(body, effect=_effect(done))


def cancel_margin(venue: Venue, api_key: str, call: Call) -> Answer:
    return _margin_answer(venue, [_cancel_one(venue, api_key, call)])


def cancel_margin_open(venue: Venue, api_key: str, call: Call) -> Answer:
    return _margin_answer(venue, venue.spot.cancel_symbols(api_key, _symbols(call)))


def _cancel_one(venue: Venue, api_key: str, call: Call) -> Cancelled:
    return venue.spot.cancel(
        api_key,
        call.need("symbol"),
        call.text("orderId"),
        call.text("origClientOrderId"),
        filled_is_an_answer=venue.settings.answer_filled,
    )


def _cancel_item(venue: Venue, call: Call, cancelled: Cancelled) -> dict[str, Json]:
    settings = venue.settings
    cancel_id = call.text("newClientOrderId") or secrets.token_hex(12)
    return order_json.CANCELLED[settings.answer_style](cancelled, cancel_id, settings.id_style)


def _margin_answer(venue: Venue, done: list[Cancelled]) -> Answer:
    """Each order as it was before its cancel, status NEW included."""
    ids = venue.settings.id_style
    body = [order_json.margin_order(one.before, ids) for one in done]
    return Answer(body, effect=_effect(done))


def _effect(done: list[Cancelled]) -> tuple[str, ...]:
    return tuple(order_id for one in done for order_id in one.effect)


def _symbols(call: Call) -> list[str]:
    return call.need("symbol").split(",")


# The legacy API (open/api/v2): the same orders, other words


def legacy_cancel(venue: Venue, api_key: str, call: Call) -> Answer:
    """Cancels by ``order_ids`` or ``client_order_ids``, comma separated; data is by id."""
    names = (call.text("order_ids") or call.text("client_order_ids") or "").split(",")
    by_client_id = call.text("order_ids") is None
    if not any(names):
        raise RefusedError(Reason.LEGACY_UNKNOWN_ORDER)
    chosen = {
        name: order
        for order in venue.spot.open_orders(api_key)
        for name in [order.client_order_id if by_client_id else order.order_id]
        if name in names
    }
    done = [
        venue.spot.cancel(api_key, order.symbol, order.order_id, None) for order in chosen.values()
    ]
    data = {name: "success" if name in chosen else "not exist" for name in names}
    return Answer({"code": 200, "data": data}, effect=_effect(done))


def legacy_cancel_symbol(venue: Venue, api_key: str, call: Call) -> Answer:
    """Cancels every order of one ``symbol``, written ``LTC_BTC``."""
    done = venue.spot.cancel_symbols(api_key, [call.need("symbol").replace("_", "")])
    data = [
        {
            "msg": "success",
            "order_id": one.after.order_id,
            "client_order_id": one.after.client_order_id,
        }
        for one in done
    ]
    return Answer({"code": 200, "data": data}, effect=_effect(done))
