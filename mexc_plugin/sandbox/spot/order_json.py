"""The shapes of the spot answers: orders and trades to JSON, in the venue's spelling."""

from collections.abc import Callable, Mapping

from mexc_plugin.sandbox.spot.orders import Cancelled, Order, Trade
from mexc_plugin.sandbox.vocabulary import (
    TIME_IN_FORCE,
    AnswerStyle,
    IdStyle,
    Json,
    Status,
    format_fixed,
    plain,
)


def order_id_json(order_id: str, style: IdStyle) -> str | int:
    """An order id as it stands in an answer."""
    return int(order_id) if style is IdStyle.NUMERIC else order_id


def _page(order: Order, status: Status, cancel_id: str, ids: IdStyle) -> dict[str, Json]:
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order_id_json(order.order_id, ids),
        "clientOrderId": cancel_id,
        "price": format_fixed(order.price),
        "origQty": format_fixed(order.quantity),
        "executedQty": format_fixed(order.executed),
        "cummulativeQuoteQty": format_fixed(order.cost),
        "status": status,
        "timeInForce": TIME_IN_FORCE[order.type],
        "type": order.type,
        "side": order.side,
    }


def _page_2026(order: Order, status: Status, cancel_id: str, ids: IdStyle) -> dict[str, Json]:
    page = _page(order, status, cancel_id, ids)
    return {name: value for name, value in page.items() if name != "timeInForce"}


def _short(order: Order, ids: IdStyle) -> dict[str, Json]:
    return {
        "symbol": order.symbol,
        "orderId": order_id_json(order.order_id, ids),
        "price": plain(order.price),
        "origQty": plain(order.quantity),
        "type": order.type,
        "side": order.side,
    }


# One item of an answer to a spot cancel, from the order and the id of the cancel itself.
CANCELLED: Mapping[AnswerStyle, Callable[[Cancelled, str, IdStyle], dict[str, Json]]] = {
    AnswerStyle.PAGE: lambda c, cid, ids: _page(c.after, c.after.status, cid, ids),
    AnswerStyle.PAGE_2026: lambda c, cid, ids: _page_2026(c.after, c.after.status, cid, ids),
    AnswerStyle.PRE_CANCEL: lambda c, cid, ids: _page(c.after, c.before.status, cid, ids),
    AnswerStyle.SHORT: lambda c, _, ids: _short(c.after, ids),
}


def created_order(order: Order, ids: IdStyle) -> dict[str, Json]:
    return {
        "symbol": order.symbol,
        "orderId": order_id_json(order.order_id, ids),
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "price": plain(order.price),
        "origQty": plain(order.quantity),
        "type": order.type,
        "side": order.side,
        "stpMode": order.stp_mode,
        "transactTime": order.created_ms,
    }


def order(order: Order, ids: IdStyle) -> dict[str, Json]:
    """What GET order, openOrders and allOrders say of one order."""
    asked = order.quote_quantity
    return {
        "symbol": order.symbol,
        "orderId": order_id_json(order.order_id, ids),
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "price": plain(order.price),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.executed),
        "cummulativeQuoteQty": plain(order.cost),
        "status": order.status,
        "timeInForce": TIME_IN_FORCE[order.type],
        "type": order.type,
        "side": order.side,
        "stopPrice": None if order.stop_price is None else plain(order.stop_price),
        "icebergQty": None,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "stpMode": order.stp_mode,
        "cancelReason": order.cancel_reason,
        "isWorking": order.is_open,
        "origQuoteOrderQty": plain(asked if asked is not None else order.price * order.quantity),
    }


def margin_order(order: Order, ids: IdStyle) -> dict[str, Json]:
    return {
        "symbol": order.symbol,
        "orderId": order_id_json(order.order_id, ids),
        "orderListId": "-1",
        "clientOrderId": order.client_order_id,
        "price": plain(order.price),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.executed),
        "cummulativeQuoteQty": plain(order.cost),
        "status": order.status,
        "type": order.type,
        "side": order.side,
        "isIsolated": True,
        "isWorking": True,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def trade(trade: Trade, quote: str, ids: IdStyle) -> dict[str, Json]:
    return {
        "symbol": trade.order.symbol,
        "id": trade.trade_id,
        "orderId": order_id_json(trade.order.order_id, ids),
        "orderListId": -1,
        "price": plain(trade.price),
        "qty": plain(trade.quantity),
        "quoteQty": plain(trade.cost),
        "commission": plain(trade.commission),
        "commissionAsset": quote,
        "time": trade.time_ms,
        "isBuyer": trade.order.side == "BUY",
        "isMaker": trade.is_maker,
        "isBestMatch": True,
        "isSelfTrade": False,
        "clientOrderId": trade.order.client_order_id,
    }
