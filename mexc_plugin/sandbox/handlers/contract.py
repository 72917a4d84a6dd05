"""The futures endpoints: answers are ``{"success", "code", "data"}``, with HTTP 200 throughout.

Messages are in Chinese unless the request says ``Language: English``.
"""

from collections.abc import Iterable

from mexc_plugin.sandbox.futures_state import Family, FuturesOrder, Item, NewFuturesOrder
from mexc_plugin.sandbox.messages import Answer, Call, decimal_of
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.spot.order_json import order_id_json
from mexc_plugin.sandbox.venue_errors import CHINESE, Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import Json, number

MAX_ITEMS = 50
_ID_NAMES = ("orderId", "stopPlanOrderId", "trackOrderId", "id")


def ok(data: Json = None, effect: tuple[str, ...] = ()) -> Answer:
    """A success envelope; without data when there is none."""
    body = {"success": True, "code": 0}
    return Answer(body if data is None else {**body, "data": data}, effect=effect)


def refusal(refused: RefusedError, call: Call) -> Answer:
    message = refused.message if _in_english(call) else CHINESE.get(refused.reason, refused.message)
    return Answer({"success": False, "code": refused.code, "message": message})


def _in_english(call: Call) -> bool:
    return call.headers.get("Language", "").lower() == "english"


# Placing


def create(venue: Venue, api_key: str, call: Call) -> Answer:
    order = venue.futures.create(api_key, _new_order(call))
    order_id = order_id_json(order.order_id, venue.settings.id_style)
    return ok({"orderId": order_id, "ts": order.created_ms})


def place(family: Family, venue: Venue, api_key: str, call: Call) -> Answer:
    """planorder/place and its like: the data is the bare id."""
    order = venue.futures.create(api_key, _new_order(call), family)
    return ok(order_id_json(order.order_id, venue.settings.id_style))


def _new_order(call: Call) -> NewFuturesOrder:
    data = body_object(call)

    def whole(name: str, default: int) -> int:
        value = data.get(name)
        return default if value is None else int(decimal_of(value, name))

    external_oid = data.get("externalOid")
    return NewFuturesOrder(
        symbol=str(data.get("symbol")),
        side=whole("side", 0),
        type=whole("type", whole("orderType", 0)),
        volume=decimal_of(data.get("vol", 0), "vol"),
        price=decimal_of(data.get("price") or 0, "price"),
        external_oid=None if external_oid is None else str(external_oid),
        leverage=whole("leverage", 1),
        open_type=whole("openType", 2),
        trigger_price=decimal_of(data.get("triggerPrice") or 0, "triggerPrice"),
    )


# Cancelling


def cancel_list(family: Family, venue: Venue, api_key: str, call: Call) -> Answer:
    """order/cancel (a list of ids) and planorder/cancel and its like (a list of objects)."""
    items = [venue.futures.cancel(api_key, family, each) for each in _ids(call)]
    data = [{"orderId": _id(venue, item), **_outcome(item, call)} for item in items]
    return ok(data, _effect(items))


def cancel_all(family: Family, venue: Venue, api_key: str, call: Call) -> Answer:
    """Every open order of one contract, or of all when no symbol is sent."""
    symbol = body_object(call).get("symbol")
    items = venue.futures.cancel_all(api_key, family, None if symbol is None else str(symbol))
    return ok(effect=_effect(items))


def cancel_external(venue: Venue, api_key: str, call: Call) -> Answer:
    """One object in, one object out; the venue refuses a list here (600)."""
    item, data = _external(venue, api_key, body_object(call), call)
    return ok(data, _effect([item]))


def cancel_external_batch(venue: Venue, api_key: str, call: Call) -> Answer:
    results = [_external(venue, api_key, each, call) for each in _list(call)]
    return ok([data for _, data in results], _effect(item for item, _ in results))


def _external(venue: Venue, api_key: str, asked: Json, call: Call) -> tuple[Item, dict[str, Json]]:
    if not isinstance(asked, dict) or not {"symbol", "externalOid"} <= set(asked):
        raise RefusedError(Reason.CONTRACT_PARAMETER)
    symbol, external_oid = str(asked["symbol"]), str(asked["externalOid"])
    item = venue.futures.cancel_external(api_key, symbol, external_oid)
    data: dict[str, Json] = {"symbol": symbol, "externalOid": external_oid}
    if item.order_id:
        data["orderId"] = _id(venue, item)
    return item, {**data, **_outcome(item, call)}


def _outcome(item: Item, call: Call) -> dict[str, Json]:
    if item.reason is None:
        # In English as ccxt recorded it, whose requests have no Language header.
        return {"errorCode": 0, "errorMsg": "success"}
    message = item.reason.message if _in_english(call) else CHINESE[item.reason]
    return {"errorCode": item.reason.code, "errorMsg": message}


def _effect(items: Iterable[Item]) -> tuple[str, ...]:
    return tuple(item.order_id for item in items if item.reason is None)


def _id(venue: Venue, item: Item) -> str | int:
    known = item.order is not None
    return order_id_json(item.order_id, venue.settings.id_style) if known else item.order_id


def _ids(call: Call) -> list[str]:
    def id_of(each: Json) -> str:
        if not isinstance(each, dict):
            return str(each)
        for name in _ID_NAMES:
            if name in each:
                return str(each[name])
        raise RefusedError(Reason.CONTRACT_PARAMETER)

    data = [call.json] if isinstance(call.json, dict) else _list(call)
    return [id_of(each) for each in data]


def _list(call: Call) -> list[Json]:
    data = call.json
    if not isinstance(data, list) or not 0 < len(data) <= MAX_ITEMS:
        raise RefusedError(Reason.CONTRACT_PARAMETER)
    return data


def body_object(call: Call) -> dict[str, Json]:
    if call.json is None and not call.body:
        return {}
    if not isinstance(call.json, dict):
        raise RefusedError(Reason.CONTRACT_PARAMETER)
    return call.json


# Looking things up


def get_order(venue: Venue, api_key: str, call: Call) -> Answer:
    return ok(_order_json(venue, own_order(venue, api_key, call.path_params["order_id"])))


def get_external(venue: Venue, api_key: str, call: Call) -> Answer:
    wanted = call.path_params["symbol"], call.path_params["external_oid"]
    for order in reversed(venue.futures.orders(api_key, Family)):
        if (order.asked.symbol, order.asked.external_oid) == wanted:
            return ok(_order_json(venue, order))
    raise RefusedError(Reason.CONTRACT_NO_ORDER)


def batch_query(venue: Venue, api_key: str, call: Call) -> Answer:
    ids = call.need("order_ids").split(",")
    return ok([_order_json(venue, own_order(venue, api_key, each)) for each in ids])


def list_orders(
    family: Family, venue: Venue, api_key: str, call: Call, *, only_open: bool = False
) -> Answer:
    """A list of orders, newest first; ``symbol`` and ``states`` narrow it."""
    symbol = call.text("symbol") or call.path_params.get("symbol")
    states = set((call.text("states") or "").split(",")) - {""}
    found = venue.futures.orders(api_key, [family], symbol)
    return ok(
        [
            _order_json(venue, order)
            for order in reversed(found)
            if (order.is_open or not only_open) and (not states or str(int(order.state)) in states)
        ]
    )


def assets(venue: Venue, api_key: str, _call: Call) -> Answer:
    return ok(
        [
            {
                "currency": asset,
                "positionMargin": 0,
                "availableBalance": number(balance.free),
                "cashBalance": number(balance.free),
                "frozenBalance": 0,
                "equity": number(balance.free),
                "unrealized": 0,
                "bonus": 0,
            }
            for asset, balance in venue.spot.balances(api_key).items()
        ]
    )


def own_order(venue: Venue, api_key: str, order_id: str) -> FuturesOrder:
    try:
        order = venue.futures.order(order_id)
    except KeyError:
        raise RefusedError(Reason.CONTRACT_NO_ORDER) from None
    if order.api_key != api_key:
        raise RefusedError(Reason.CONTRACT_NO_ORDER)
    return order


def _order_json(venue: Venue, order: FuturesOrder) -> dict[str, Json]:
    asked = order.asked
    order_id = order_id_json(order.order_id, venue.settings.id_style)
    return {
        ("orderId" if order.family is Family.ORDER else "id"): order_id,
        "symbol": asked.symbol,
        "positionId": 0,
        "price": number(asked.price),
        "triggerPrice": number(asked.trigger_price) or None,
        "vol": number(asked.volume),
        "leverage": asked.leverage,
        "side": asked.side,
        "category": 1,
        "orderType": asked.type,
        "dealAvgPrice": number(asked.price) if order.filled else 0,
        "dealVol": number(order.filled),
        "orderMargin": 0,
        "takerFee": 0,
        "makerFee": 0,
        "profit": 0,
        "feeCurrency": "USDT",
        "openType": asked.open_type,
        "state": int(order.state),
        "externalOid": asked.external_oid,
        "errorCode": 0,
        "usedMargin": 0,
        "createTime": order.created_ms,
        "updateTime": order.updated_ms,
        "positionMode": 2,
    }
