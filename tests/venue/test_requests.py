"""What a request asked for is read back from its URL and its body, whatever they are."""

import json
from typing import Any

import pytest

from mexc_plugin.venue import endpoints, requests
from mexc_plugin.venue.requests import CancelRequest

from .asked import FUTURES, LEGACY, SPOT


def read(method: str, url: str, body: object = None) -> tuple[Any, ...]:
    """Symbols, order ids, client order ids, the cancel's own id."""
    endpoint = endpoints.classify(method, url)
    assert endpoint is not None
    found = requests.read_request(endpoint, url, body)
    assert found.symbol == (found.symbols[0] if found.symbols else None) or "," in str(found.symbol)
    return found.symbols, found.order_ids, found.client_order_ids, found.cancel_client_order_id


ORDER = f"{SPOT}/order"
TABLE: list[tuple[str, str, object, tuple[Any, ...]]] = [
    ("DELETE", f"{ORDER}?symbol=LTCBTC&orderId=4&timestamp=1", None, (("LTCBTC",), ("4",), (), None)),
    ("DELETE", f"{ORDER}?symbol=LTCBTC&origClientOrderId=mine&newClientOrderId=c1", None, (("LTCBTC",), (), ("mine",), "c1")),
    ("DELETE", f"{ORDER}?symbol=A&orderId=4&origClientOrderId=mine", None, (("A",), ("4",), ("mine",), None)),
    ("DELETE", f"{ORDER}?symbol=A&origClientOrderId=a%2Cb", None, (("A",), (), ("a,b",), None)),
    ("DELETE", f"{ORDER}?symbol=A&origClientOrderId=a,b", None, (("A",), (), ("a,b",), None)),
    ("DELETE", f"{ORDER}?symbol=A&orderId=a,b", None, (("A",), ("a,b",), (), None)),
    ("DELETE", f"{ORDER}?symbol=A&origClientOrderId=a%26b%3Dc+d", None, (("A",), (), ("a&b=c d",), None)),
    ("DELETE", f"{ORDER}?symbol=A&orderId=", None, (("A",), (), (), None)),
    ("DELETE", f"{ORDER}?orderId", None, ((), (), (), None)),
    ("DELETE", ORDER, "symbol=A&orderId=4", (("A",), ("4",), (), None)),
    ("DELETE", ORDER, b"symbol=A&orderId=4", (("A",), ("4",), (), None)),
    ("DELETE", f"{ORDER}?symbol=A", '{"orderId": 4}', (("A",), ("4",), (), None)),
    ("DELETE", f"{ORDER}?symbol=A&orderId=4", "orderId=5", (("A",), ("4", "5"), (), None)),
    ("DELETE", f"{SPOT}/openOrders?symbol=A,B", None, (("A", "B"), (), (), None)),
    ("DELETE", f"{SPOT}/openOrders?symbol=A%2CB", None, (("A", "B"), (), (), None)),
    ("DELETE", f"{SPOT}/order/all?timestamp=1", None, ((), (), (), None)),
    ("DELETE", f"{LEGACY}/order/cancel?order_ids=1,2", None, ((), ("1", "2"), (), None)),
    ("DELETE", f"{LEGACY}/order/cancel?client_order_ids=a,b", None, ((), (), ("a", "b"), None)),
    ("DELETE", f"{LEGACY}/order/cancel_by_symbol?symbol=A_B", None, (("A_B",), (), (), None)),
    ("POST", f"{FUTURES}/order/cancel", "[1,2,1]", ((), ("1", "2"), (), None)),
    ("POST", f"{FUTURES}/order/cancel", '["101716841474621953"]', ((), ("101716841474621953",), (), None)),
    ("POST", f"{FUTURES}/order/cancel", "[101716841474621953]", ((), ("101716841474621953",), (), None)),
    ("POST", f"{FUTURES}/order/cancel", "4", ((), ("4",), (), None)),
    ("POST", f"{FUTURES}/order/cancel_all", '{"symbol":"A_B"}', (("A_B",), (), (), None)),
    ("POST", f"{FUTURES}/order/cancel_all", "{}", ((), (), (), None)),
    ("POST", f"{FUTURES}/order/batch_cancel_with_external", '[{"symbol":"A_B","externalOid":"x,1"},{"symbol":"C_D","externalOid":"y"}]', (("A_B", "C_D"), (), ("x,1", "y"), None)),
    ("POST", f"{FUTURES}/order/cancel_with_external", '{"symbol":"A_B","externalOid":"x"}', (("A_B",), (), ("x",), None)),
    ("POST", f"{FUTURES}/planorder/cancel", '[{"symbol":"A_B","orderId":"1"}]', (("A_B",), ("1",), (), None)),
    ("POST", f"{FUTURES}/stoporder/cancel", '[{"stopPlanOrderId":1}]', ((), ("1",), (), None)),
    ("POST", f"{FUTURES}/trackorder/cancel", '{"trackOrderId":1}', ((), ("1",), (), None)),
    ("POST", f"{FUTURES}/order/change_limit_order", '{"orderId":1,"price":2}', ((), ("1",), (), None)),
    # What cannot be read is left out.
    ("POST", f"{FUTURES}/order/cancel", "[[1]]", ((), ("1",), (), None)),
    ("POST", f"{FUTURES}/order/cancel", '[null,true,{"orderId":null},{"orderId":{"a":1}},{}]', ((), (), (), None)),
    ("POST", f"{FUTURES}/order/cancel", '{"orderId":1,"orderId":2}', ((), (), (), None)),
    ("POST", f"{FUTURES}/order/cancel", b"\xff\xfe", ((), (), (), None)),
    ("POST", f"{FUTURES}/order/cancel", {"orderId": 1}, ((), (), (), None)),
    ("POST", f"{FUTURES}/order/cancel", "[" * 100_000, ((), (), (), None)),
    ("DELETE", "http://[::1/api/v3/order?symbol=A&orderId=4", None, (("A",), ("4",), (), None)),
]  # fmt: skip


@pytest.mark.parametrize(("method", "url", "body", "expected"), TABLE, ids=range(len(TABLE)))
def test_a_request_is_read_back(
    method: str, url: str, body: object, expected: tuple[Any, ...]
) -> None:
    assert read(method, url, body) == expected


def test_a_request_is_encoded_without_what_is_empty_and_the_callers_further_words_stay() -> None:
    full = CancelRequest("A", "4", None, "c1", 5000, {"x": "y", "none": None, "empty": "", "zero": 0})  # fmt: skip

    assert full.encode() == {"symbol": "A", "orderId": "4", "newClientOrderId": "c1", "recvWindow": 5000, "x": "y", "zero": 0}  # fmt: skip
    assert CancelRequest("A", client_order_id="a,b").encode() == {"symbol": "A", "origClientOrderId": "a,b"}  # fmt: skip


def test_a_number_of_any_size_is_read_digit_for_digit() -> None:
    digits = "9" * 5_000

    assert read("POST", f"{FUTURES}/order/cancel", f"[{digits}]")[1] == (digits,)
    assert read("POST", f"{FUTURES}/order/cancel", json.dumps([digits]))[1] == (digits,)
