"""Requests as they go to the venue, read back as the record reads them."""

import json

from mexc_plugin.venue import endpoints, requests
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.verdict import HttpAnswer, Verdict, decide

SPOT = "https://api.mexc.com/api/v3"
LEGACY = "https://www.mexc.com/open/api/v2"
FUTURES = "https://api.mexc.com/api/v1/private"


def read(method: str, url: str, body: object = None) -> ParsedRequest:
    endpoint = endpoints.classify(method, url)
    assert endpoint is not None, url
    sent = None if body is None else json.dumps(body)
    return requests.read_request(endpoint, url, sent)


def spot(order_id: str = "4") -> ParsedRequest:
    return read("DELETE", f"{SPOT}/order?symbol=LTCBTC&orderId={order_id}&timestamp=1")


def spot_by_client_id(client_order_id: str = "mine") -> ParsedRequest:
    return read("DELETE", f"{SPOT}/order?symbol=LTCBTC&origClientOrderId={client_order_id}")


def margin(order_id: str = "4") -> ParsedRequest:
    return read("DELETE", f"{SPOT}/margin/order?symbol=LTCBTC&orderId={order_id}")


def open_orders(symbols: str = "LTCBTC") -> ParsedRequest:
    return read("DELETE", f"{SPOT}/openOrders?symbol={symbols}")


def margin_open_orders() -> ParsedRequest:
    return read("DELETE", f"{SPOT}/margin/openOrders?symbol=LTCBTC")


def whole_account() -> ParsedRequest:
    return read("DELETE", f"{SPOT}/order/all?timestamp=1")


def legacy(*order_ids: str) -> ParsedRequest:
    return read("DELETE", f"{LEGACY}/order/cancel?order_ids={','.join(order_ids or ('4',))}")


def legacy_by_symbol() -> ParsedRequest:
    return read("DELETE", f"{LEGACY}/order/cancel_by_symbol?symbol=LTC_BTC")


def futures(*order_ids: str) -> ParsedRequest:
    return read("POST", f"{FUTURES}/order/cancel", [int(each) for each in order_ids or ("4",)])


def futures_by_external_id(*external_ids: str) -> ParsedRequest:
    asked = [{"symbol": "LTC_BTC", "externalOid": each} for each in external_ids or ("mine",)]
    return read("POST", f"{FUTURES}/order/batch_cancel_with_external", asked)


def futures_all() -> ParsedRequest:
    return read("POST", f"{FUTURES}/order/cancel_all", {"symbol": "LTC_BTC"})


def change(path: str = "order/change_limit_order") -> ParsedRequest:
    return read("POST", f"{FUTURES}/{path}", {"orderId": 4, "price": "2", "vol": "1"})


def decide_on(asked: ParsedRequest, answer: object, status: int = 200) -> Verdict:
    """What is made of an answer: a text as it is, all else as JSON."""
    body = answer if isinstance(answer, str) else json.dumps(answer)
    return decide(asked, HttpAnswer(status, body), may_have_left=True)


def outcome_of(asked: ParsedRequest, answer: object, status: int = 200) -> str:
    return decide_on(asked, answer, status).outcome.value
