"""Every endpoint of the sandbox in one table: who may call it, what it does, does it cancel?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import TypeVar

from mexc_plugin.sandbox.futures_state import Family
from mexc_plugin.sandbox.handlers import (
    account,
    contract,
    contract_changes,
    contract_public,
    spot_public,
    spot_queries,
    spot_trading,
)
from mexc_plugin.sandbox.http.signing import contract_account, spot_account
from mexc_plugin.sandbox.keys import SPOT_DEAL_READ, SPOT_DEAL_WRITE
from mexc_plugin.sandbox.markets import MARKETS
from mexc_plugin.sandbox.messages import Answer, Call
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.spot import order_json
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError

PublicHandler = Callable[[Venue, Call], Answer]
PrivateHandler = Callable[[Venue, str, Call], Answer]
Signing = Callable[[Call, Mapping[str, str], int], str]
Key = TypeVar("Key")
Endpoint = tuple[str, str]
"""Method and path; a path may have ``{names}``."""


def _always(answer: Answer) -> Callable[..., Answer]:
    """A handler that answers the same whatever is asked."""
    return lambda *_: answer


# Of endpoints that have nothing to do with orders, and of positions, deals and funding: there are none.
NOTHING, DONE, NONE = _always(Answer({})), _always(contract.ok()), _always(contract.ok([]))
NO_PAGE = {"pageSize": 20, "totalCount": 0, "totalPage": 0, "currentPage": 1, "resultList": []}


class Api(Enum):
    """Which of the venue's interfaces: it decides how requests are signed and refused."""

    SPOT = auto()
    CONTRACT = auto()
    LEGACY = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint. `cancels`: its requests are recorded as arrivals; `limited`: they are counted."""

    api: Api
    handler: PublicHandler
    cancels: bool = False
    limited: bool = False


def answer(venue: Venue, route: Route, call: Call) -> Answer:
    """What the venue answers to `call`; the state changes here and nowhere else."""
    with venue.lock:
        try:
            return route.handler(venue, call)
        except RefusedError as refused:
            return _REFUSALS[route.api](refused, call)


def _require_signature(
    signed_by: Signing,
    handlers: Mapping[Key, PrivateHandler],
    needs: Mapping[Key, str] | None = None,
) -> dict[Key, PublicHandler]:
    """`needs`: the permission without which a key is refused (700007)."""
    needed = needs or {}

    def check(handler: PrivateHandler, permission: str | None, venue: Venue, call: Call) -> Answer:
        api_key = signed_by(call, venue.settings.credentials, venue.now_ms)
        if permission is not None and permission not in venue.keys[api_key].permissions:
            raise RefusedError(Reason.NO_PERMISSION)
        return handler(venue, api_key, call)

    return {key: partial(check, handler, needed.get(key)) for key, handler in handlers.items()}


def spot_refusal(refused: RefusedError, _call: Call) -> Answer:
    return Answer({"code": refused.code, "msg": refused.message}, status=400)


_REFUSALS: Mapping[Api, Callable[[RefusedError, Call], Answer]] = {
    Api.SPOT: spot_refusal,
    Api.LEGACY: spot_refusal,
    Api.CONTRACT: contract.refusal,
}

_SPOT_PUBLIC: Mapping[str, PublicHandler] = {
    "ping": NOTHING,
    "time": spot_public.server_time,
    "defaultSymbols": _always(Answer({"code": 0, "data": list(MARKETS), "msg": None})),
    "symbol/offline": _always(Answer({"code": 0, "data": [], "msg": None})),
    "exchangeInfo": spot_public.exchange_info,
    "depth": spot_public.depth,
    "trades": spot_public.trades,
    "historicalTrades": spot_public.trades,
    "aggTrades": spot_public.aggregate_trades,
    "klines": spot_public.klines,
    "avgPrice": spot_public.average_price,
    "ticker/24hr": spot_public.day_ticker,
    "ticker/price": spot_public.price_ticker,
    "ticker/bookTicker": spot_public.book_ticker,
}

_SPOT_PRIVATE: Mapping[Endpoint, PrivateHandler] = {
    ("POST", "order"): spot_trading.create,
    ("POST", "order/test"): spot_trading.create_test,
    ("POST", "batchOrders"): spot_trading.create_batch,
    ("GET", "order"): partial(spot_queries.query, order_json.order),
    ("GET", "openOrders"): partial(spot_queries.open_orders, order_json.order),
    ("GET", "allOrders"): partial(spot_queries.all_orders, order_json.order),
    ("GET", "myTrades"): spot_queries.my_trades,
    ("GET", "margin/order"): partial(spot_queries.query, order_json.margin_order),
    ("GET", "margin/openOrders"): partial(spot_queries.open_orders, order_json.margin_order),
    ("GET", "margin/allOrders"): partial(spot_queries.all_orders, order_json.margin_order),
    ("POST", "margin/order"): spot_trading.create,
    ("GET", "margin/isolated/account"): account.margin_account,
    ("GET", "account"): account.account,
    ("GET", "apiKeyInfo"): account.api_key_info,
    ("GET", "tradeFee"): account.trade_fee,
    ("GET", "selfSymbols"): _always(Answer({"code": 200, "data": list(MARKETS), "msg": "success"})),
    ("GET", "capital/config/getall"): account.currencies,
    ("GET", "userDataStream"): _always(Answer({"listenKey": ["sandbox-listen-key"]})),
    ("POST", "userDataStream"): account.listen_key,
    ("PUT", "userDataStream"): account.listen_key,
    # DELETE endpoints that do not cancel orders
    ("DELETE", "userDataStream"): account.listen_key,
    ("DELETE", "capital/withdraw"): NOTHING,
    ("DELETE", "strategy/group"): NOTHING,
    ("DELETE", "sub-account/apiKey"): NOTHING,
    ("DELETE", "broker/sub-account/apiKey"): NOTHING,
}

_SPOT_CANCELS: Mapping[str, PrivateHandler] = {
    "order": spot_trading.cancel,
    "openOrders": spot_trading.cancel_open,
    "order/all": spot_trading.cancel_everything,
    "margin/order": spot_trading.cancel_margin,
    "margin/openOrders": spot_trading.cancel_margin_open,
}

_NEEDS: Mapping[Endpoint, str] = {
    ("POST", "order"): SPOT_DEAL_WRITE,
    ("POST", "order/test"): SPOT_DEAL_WRITE,
    ("POST", "batchOrders"): SPOT_DEAL_WRITE,
    ("GET", "order"): SPOT_DEAL_READ,
    ("GET", "openOrders"): SPOT_DEAL_READ,
    ("GET", "allOrders"): SPOT_DEAL_READ,
}
_CANCELS_NEED = dict.fromkeys(_SPOT_CANCELS, SPOT_DEAL_WRITE)

_LEGACY_CANCELS: Mapping[str, PrivateHandler] = {
    "order/cancel": spot_trading.legacy_cancel,
    "order/cancel_by_symbol": spot_trading.legacy_cancel_symbol,
}

_CONTRACT_PUBLIC: Mapping[str, PublicHandler] = {
    "ping": contract_public.ping,
    "detail": contract_public.detail,
    "support_currencies": _always(contract.ok(["USDT"])),
    "depth/{symbol}": contract_public.depth,
    "ticker": contract_public.ticker,
    "deals/{symbol}": contract_public.deals,
    "kline/{symbol}": contract_public.kline,
    "kline/index_price/{symbol}": contract_public.kline,
    "kline/fair_price/{symbol}": contract_public.kline,
    "index_price/{symbol}": partial(contract_public.price, "indexPrice"),
    "fair_price/{symbol}": partial(contract_public.price, "fairPrice"),
    "funding_rate/history": _always(contract.ok(NO_PAGE)),
    "funding_rate/{symbol}": contract_public.funding_rate,
}

_OPEN_ORDERS = partial(contract.list_orders, Family.ORDER, only_open=True)
_CONTRACT_PRIVATE: Mapping[Endpoint, PrivateHandler] = {
    ("POST", "order/create"): contract.create,
    ("POST", "order/submit"): contract.create,
    ("POST", "planorder/place"): partial(contract.place, Family.PLAN),
    ("POST", "planorder/place/v2"): partial(contract.place, Family.PLAN),
    ("POST", "stoporder/place"): partial(contract.place, Family.STOP),
    ("POST", "trackorder/place"): partial(contract.place, Family.TRACK),
    ("GET", "order/get/{order_id}"): contract.get_order,
    ("GET", "order/external/{symbol}/{external_oid}"): contract.get_external,
    ("GET", "order/batch_query"): contract.batch_query,
    ("GET", "order/list/open_orders"): _OPEN_ORDERS,
    ("GET", "order/list/open_orders/{symbol}"): _OPEN_ORDERS,
    ("GET", "order/list/history_orders"): partial(contract.list_orders, Family.ORDER),
    ("GET", "planorder/list/orders"): partial(contract.list_orders, Family.PLAN),
    ("GET", "stoporder/list/orders"): partial(contract.list_orders, Family.STOP),
    ("GET", "stoporder/open_orders"): partial(contract.list_orders, Family.STOP, only_open=True),
    ("GET", "trackorder/list/orders"): partial(contract.list_orders, Family.TRACK),
    ("GET", "order/list/order_deals"): NONE,
    ("GET", "order/list/order_deals/v3"): NONE,
    ("GET", "order/deal_details/{order_id}"): NONE,
    ("GET", "account/assets"): contract.assets,
    ("GET", "position/open_positions"): NONE,
    ("GET", "position/list/history_positions"): NONE,
    ("GET", "position/leverage"): NONE,
    ("GET", "position/position_mode"): _always(contract.ok(2)),
    ("POST", "position/change_leverage"): DONE,
    ("POST", "position/change_position_mode"): DONE,
    ("POST", "position/change_margin"): DONE,
}

_CONTRACT_CANCELS: Mapping[str, PrivateHandler] = {
    "order/cancel": partial(contract.cancel_list, Family.ORDER),
    "order/cancel_all": partial(contract.cancel_all, Family.ORDER),
    "order/cancel_with_external": contract.cancel_external,
    "order/batch_cancel_with_external": contract.cancel_external_batch,
    "planorder/cancel": partial(contract.cancel_list, Family.PLAN),
    "planorder/cancel_all": partial(contract.cancel_all, Family.PLAN),
    "stoporder/cancel": partial(contract.cancel_list, Family.STOP),
    "stoporder/cancel_all": partial(contract.cancel_all, Family.STOP),
    "trackorder/cancel": partial(contract.cancel_list, Family.TRACK),
    # These replace or change an order, which ends the order as it was.
    "order/change_limit_order": contract_changes.change_limit_order,
    "order/chase_limit_order": contract_changes.chase_limit_order,
    "planorder/change_price": partial(contract_changes.change, Family.PLAN, "orderId"),
    "planorder/change_stop_order": partial(contract_changes.change_stop, Family.PLAN),
    "trackorder/change_order": partial(contract_changes.change, Family.TRACK, "trackOrderId"),
    "stoporder/change_price": partial(contract_changes.change_stop, Family.ORDER),
    "stoporder/change_plan_price": partial(contract_changes.change, Family.STOP, "stopPlanOrderId"),
}

SPOT = "/api/v3/"
LEGACY = "/open/api/v2/"
CONTRACT_PUBLIC = "/api/v1/contract/"
CONTRACT_PRIVATE = "/api/v1/private/"

LIMITED: frozenset[Endpoint] = frozenset(
    {
        ("POST", SPOT + "order"),
        ("POST", SPOT + "batchOrders"),
        ("GET", SPOT + "openOrders"),
        ("DELETE", SPOT + "order"),
        ("DELETE", SPOT + "openOrders"),
        ("DELETE", SPOT + "order/all"),
    }
)
"""What shares one limit. Futures have limits of their own, which nothing enforces here."""

_Handlers = Mapping[Endpoint, PublicHandler]


def _at(method: str, prefix: str, handlers: Mapping[str, PublicHandler]) -> _Handlers:
    return {(method, prefix + path): handler for path, handler in handlers.items()}


def _under(prefix: str, handlers: Mapping[Endpoint, PublicHandler]) -> _Handlers:
    return {(method, prefix + path): handler for (method, path), handler in handlers.items()}


def _routes(api: Api, plain: _Handlers, cancels: _Handlers) -> dict[Endpoint, Route]:
    return {
        endpoint: Route(api, handler, cancels=handlers is cancels, limited=endpoint in LIMITED)
        for handlers in (plain, cancels)
        for endpoint, handler in handlers.items()
    }


ROUTES: Mapping[Endpoint, Route] = {
    **_routes(
        Api.SPOT,
        {
            **_at("GET", SPOT, _SPOT_PUBLIC),
            **_under(SPOT, _require_signature(spot_account, _SPOT_PRIVATE, _NEEDS)),
        },
        _at("DELETE", SPOT, _require_signature(spot_account, _SPOT_CANCELS, _CANCELS_NEED)),
    ),
    **_routes(
        Api.LEGACY, {}, _at("DELETE", LEGACY, _require_signature(contract_account, _LEGACY_CANCELS))
    ),
    **_routes(
        Api.CONTRACT,
        {
            **_at("GET", CONTRACT_PUBLIC, _CONTRACT_PUBLIC),
            **_under(CONTRACT_PRIVATE, _require_signature(contract_account, _CONTRACT_PRIVATE)),
        },
        _at("POST", CONTRACT_PRIVATE, _require_signature(contract_account, _CONTRACT_CANCELS)),
    ),
}


def _no_endpoint(_venue: Venue, call: Call) -> Answer:
    message = f"No such endpoint in the sandbox: {call.method} {call.path}"
    return Answer({"code": 404, "msg": message}, status=404)


NO_ROUTE = Route(Api.SPOT, _no_endpoint)
"""What every other path leads to; faults that name the path meet it all the same."""
