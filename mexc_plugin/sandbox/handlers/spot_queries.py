"""The private spot endpoints that look orders and trades up."""

from collections.abc import Callable

from mexc_plugin.sandbox.markets import market_of
from mexc_plugin.sandbox.messages import Answer, Call
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.spot import order_json
from mexc_plugin.sandbox.spot.orders import Order
from mexc_plugin.sandbox.vocabulary import IdStyle, Json

Shape = Callable[[Order, IdStyle], dict[str, Json]]
"""How an order is written: on the spot market, or on margin."""
_DEFAULT_LIMIT = 500
_MAX_LIMIT = 1000


def query(shape: Shape, venue: Venue, api_key: str, call: Call) -> Answer:
    order = venue.spot.query(
        api_key, call.need("symbol"), call.text("orderId"), call.text("origClientOrderId")
    )
    return Answer(shape(order, venue.settings.id_style))


def open_orders(shape: Shape, venue: Venue, api_key: str, call: Call) -> Answer:
    # ccxt asks without a symbol for the orders of all markets.
    symbols = call.need("symbol").split(",") if call.text("symbol") else []
    for symbol in symbols:
        market_of(symbol)
    found = venue.spot.open_orders(api_key, symbols)
    return Answer([shape(order, venue.settings.id_style) for order in reversed(found)])


def all_orders(shape: Shape, venue: Venue, api_key: str, call: Call) -> Answer:
    symbol = call.need("symbol")
    market_of(symbol)
    found = venue.spot.orders(api_key, [symbol])
    chosen = [order for order in found if _in_time(call, order.created_ms)][-limit_of(call) :]
    return Answer([shape(order, venue.settings.id_style) for order in reversed(chosen)])


def my_trades(venue: Venue, api_key: str, call: Call) -> Answer:
    market = market_of(call.need("symbol"))
    order_id = call.text("orderId")
    chosen = [
        trade
        for trade in venue.spot.trades(api_key, market.symbol)
        if _in_time(call, trade.time_ms) and order_id in (None, trade.order.order_id)
    ][-limit_of(call) :]
    ids = venue.settings.id_style
    return Answer([order_json.trade(trade, market.quote, ids) for trade in reversed(chosen)])


def limit_of(call: Call) -> int:
    """The `limit` parameter, 500 if it is not sent, at most 1000."""
    limit = call.integer("limit")
    return _DEFAULT_LIMIT if limit is None or limit < 1 else min(limit, _MAX_LIMIT)


def _in_time(call: Call, at_ms: int) -> bool:
    start, end = call.integer("startTime"), call.integer("endTime")
    return (start is None or at_ms >= start) and (end is None or at_ms <= end)
