"""The futures endpoints that change an order, or replace it: the old one is cancelled by the way.

The page of 2026-04 answers a replaced limit order with the id of the new one ("data is the order id"), and
the other changes with no data. What positions and stop-loss settings do is not modelled.
"""

from decimal import Decimal

from mexc_plugin.sandbox.futures_state import BUYS, Change, Family
from mexc_plugin.sandbox.handlers.contract import body_object, ok, own_order
from mexc_plugin.sandbox.markets import contract_of
from mexc_plugin.sandbox.messages import Answer, Call, decimal_of
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.spot.order_json import order_id_json
from mexc_plugin.sandbox.spot.orders import ZERO
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import Json

_STOP_PRICES = ("stopLossPrice", "takeProfitPrice")


def change_limit_order(venue: Venue, api_key: str, call: Call) -> Answer:
    """``{"orderId", "price", "vol"}``: the order is placed anew."""
    data = body_object(call)
    change = Change(price=_number(data, "price"), volume=_number(data, "vol"))
    return _replace(venue, api_key, _id(data, "orderId"), change)


def chase_limit_order(venue: Venue, api_key: str, call: Call) -> Answer:
    """``{"orderId"}``: the order is placed anew at the best price of its own side."""
    order_id = _id(body_object(call), "orderId")
    asked = own_order(venue, api_key, order_id).asked
    index = contract_of(asked.symbol).index
    best, _ = index.bid if asked.side in BUYS else index.ask
    return _replace(venue, api_key, order_id, Change(price=best))


def _replace(venue: Venue, api_key: str, order_id: str, change: Change) -> Answer:
    new = venue.futures.replace_order(api_key, order_id, change)
    return ok(order_id_json(new.order_id, venue.settings.id_style), effect=(order_id,))


def change(family: Family, id_name: str, venue: Venue, api_key: str, call: Call) -> Answer:
    """An order of another family gets other prices and keeps its id."""
    data = body_object(call)
    names = _STOP_PRICES if family is Family.STOP else ("triggerPrice",)
    trigger = max(_number(data, name) or ZERO for name in names)
    if family is Family.STOP and trigger <= 0:
        raise RefusedError(Reason.CONTRACT_PARAMETER)
    change = Change(_number(data, "price"), _number(data, "vol"), trigger or None)
    venue.futures.change(api_key, family, _id(data, id_name), change)
    return ok()


def change_stop(family: Family, venue: Venue, api_key: str, call: Call) -> Answer:
    """The stop-loss and take-profit prices of an open order; without prices they are cancelled.

    An order has none here, so that nothing changes.
    """
    venue.futures.change(api_key, family, _id(body_object(call), "orderId"), Change())
    return ok()


def _id(data: dict[str, Json], name: str) -> str:
    if data.get(name) is None:
        raise RefusedError(Reason.CONTRACT_PARAMETER)
    return str(data[name])


def _number(data: dict[str, Json], name: str) -> Decimal | None:
    """A number that is sent; None for one that is not, or is 0."""
    return decimal_of(data[name], name) if data.get(name) else None
