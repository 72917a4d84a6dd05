"""Every way to cancel, written out once more: what it is for, what it does, and in which shape it answers."""

import pytest

from mexc_plugin.venue import endpoints
from mexc_plugin.venue.endpoints import ENDPOINTS, NO_CANCEL, Answers, Effect

from .asked import FUTURES, LEGACY, SPOT

ORDER, ORDERS, ENVELOPE = Answers.ORDER, Answers.ORDERS, Answers.ENVELOPE
CANCELS, REPLACES, MAY_CANCEL = Effect.CANCELS, Effect.REPLACES, Effect.MAY_CANCEL

# method, URL, market type, shape of the answer, takes a single order, effect
TABLE = [
    ("DELETE", f"{SPOT}/order", "spot", ORDER, True, CANCELS),
    ("DELETE", f"{SPOT}/openOrders", "spot", ORDERS, False, CANCELS),
    ("DELETE", f"{SPOT}/order/all", "spot", ENVELOPE, False, CANCELS),
    ("DELETE", f"{SPOT}/margin/order", "margin", ORDERS, True, CANCELS),
    ("DELETE", f"{SPOT}/margin/openOrders", "margin", ORDERS, False, CANCELS),
    ("DELETE", f"{LEGACY}/order/cancel", "spot", ENVELOPE, False, CANCELS),
    ("DELETE", f"{LEGACY}/order/cancel_by_symbol", "spot", ENVELOPE, False, CANCELS),
    ("POST", f"{FUTURES}/order/cancel", "swap", ENVELOPE, False, CANCELS),
    ("POST", f"{FUTURES}/order/cancel_all", "swap", ENVELOPE, False, CANCELS),
    ("POST", f"{FUTURES}/order/cancel_with_external", "swap", ENVELOPE, True, CANCELS),
    ("POST", f"{FUTURES}/order/batch_cancel_with_external", "swap", ENVELOPE, False, CANCELS),
    ("POST", f"{FUTURES}/planorder/cancel", "swap", ENVELOPE, False, CANCELS),
    ("POST", f"{FUTURES}/planorder/cancel_all", "swap", ENVELOPE, False, CANCELS),
    ("POST", f"{FUTURES}/stoporder/cancel", "swap", ENVELOPE, False, CANCELS),
    ("POST", f"{FUTURES}/stoporder/cancel_all", "swap", ENVELOPE, False, CANCELS),
    ("POST", f"{FUTURES}/trackorder/cancel", "swap", ENVELOPE, False, CANCELS),
    ("POST", f"{FUTURES}/order/change_limit_order", "swap", ENVELOPE, True, REPLACES),
    ("POST", f"{FUTURES}/order/chase_limit_order", "swap", ENVELOPE, True, REPLACES),
    ("POST", f"{FUTURES}/planorder/change_price", "swap", ENVELOPE, True, REPLACES),
    ("POST", f"{FUTURES}/trackorder/change_order", "swap", ENVELOPE, True, REPLACES),
    ("POST", f"{FUTURES}/stoporder/change_plan_price", "swap", ENVELOPE, True, REPLACES),
    ("POST", f"{FUTURES}/planorder/change_stop_order", "swap", ENVELOPE, True, MAY_CANCEL),
    ("POST", f"{FUTURES}/stoporder/change_price", "swap", ENVELOPE, True, MAY_CANCEL),
    ("POST", f"{FUTURES}/position/close_all", "swap", ENVELOPE, False, MAY_CANCEL),
    ("POST", f"{FUTURES}/position/reverse", "swap", ENVELOPE, False, MAY_CANCEL),
]
OTHER_METHODS = {"DELETE": ("GET", "POST", "PUT"), "POST": ("GET", "DELETE", "PUT")}


def test_every_row_is_written_out() -> None:
    assert len(TABLE) == len(ENDPOINTS) == len(set(ENDPOINTS))


@pytest.mark.parametrize(
    ("method", "url", "market_type", "answers", "one", "effect"),
    TABLE,
    ids=[url.partition("/api/")[2] for _, url, *_ in TABLE],
)
def test_each_endpoint_is_known_for_what_it_is(
    method: str, url: str, market_type: str, answers: Answers, one: bool, effect: Effect
) -> None:
    found = endpoints.classify(method, f"{url}?symbol=LTCBTC&timestamp=1")

    assert found is not None
    assert url.endswith(f"/{found.path}")
    assert (found.method, found.market_type, found.answers) == (method, market_type, answers)
    assert (found.one, found.effect) == (one, effect)


@pytest.mark.parametrize(("method", "url"), [row[:2] for row in TABLE])
def test_the_same_path_with_another_method_cancels_nothing(method: str, url: str) -> None:
    for other in OTHER_METHODS[method]:
        found = endpoints.classify(other, url)
        # `order/cancel` is the one path that both spot (DELETE) and futures (POST) have.
        assert found is None or found.path == "order/cancel"


def test_what_cancels_nothing_is_written_out_once_more() -> None:
    deletes = {"userDataStream", "capital/withdraw", "strategy/group", "strategy/group/uid", "sub-account/apiKey", "asset/withdraw"}  # fmt: skip
    posts = {"market_maker/self_trade/blacklist/delete", "position/change_margin", "position/change_auto_add_im", "position/change_leverage", "position/change_position_mode", "account/change_risk_level"}  # fmt: skip

    assert {("DELETE", path) for path in deletes} | {("POST", path) for path in posts} == NO_CANCEL


@pytest.mark.parametrize(("method", "path"), sorted(NO_CANCEL))
def test_what_cancels_nothing_is_in_no_other_table(method: str, path: str) -> None:
    for base in (SPOT, FUTURES, LEGACY):
        assert endpoints.classify(method, f"{base}/{path}") is None


# What a client, a proxy or a server may fold. The last part of the path alone decides nothing.
SPELLINGS = [
    "/order?a=b", "/order/", "//order", "/ORDER", "/ord%65r", "/%6Frder", "/order;jsessionid=1", "/order/.", "/./order",
    "/order/x/..", "/x/../order", "/x/%2e%2e/order", "/x/..%2Forder", "/order#fragment", "/order?", "/order/?a=b", "/order%2F",
    " /order", "/order ", "/order%20", "/order/;x=1",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_that_is_folded_on_the_way_hides_a_cancel(spelling: str) -> None:
    found = endpoints.classify("delete", f"{SPOT}{spelling}")

    assert found is not None
    assert found.path == "order"


@pytest.mark.parametrize("base", ["https://api.mexc.com/x/..", "https://api.mexc.com/.", "HTTPS://API.MEXC.COM", "//api.mexc.com", "", "http://[::1", "http://u:p@h:99999"])  # fmt: skip
@pytest.mark.parametrize("path", ["/api/v3/order", "/api/v3/openOrders", "/api/v3/margin/order"])
def test_no_base_url_hides_a_cancel(base: str, path: str) -> None:
    found = endpoints.classify("DELETE", f"{base}{path}?symbol=LTCBTC")

    assert found is not None
    assert path.endswith(found.path)


@pytest.mark.parametrize(
    "url",
    ["https://proxy/?to=https%3A%2F%2Fapi.mexc.com%2Fapi%2Fv3%2Forder%3Fsymbol%3DA",
     "https://proxy/get?url=https://api.mexc.com/api/v3/order?symbol=A&orderId=4",
     "https://proxy/https://api.mexc.com/api/v3/order?symbol=A"],
)  # fmt: skip
def test_a_url_within_a_proxys_is_found(url: str) -> None:
    found = endpoints.classify("DELETE", url)

    assert found is not None
    assert found.path == "order"


@pytest.mark.parametrize(
    "url",
    ["https://api.mexc.com/api/v3/orders", "https://api.mexc.com/api/v3/order/test", "https://api.mexc.com/api/v3/reorder",
     "https://api.mexc.com/api/v3/allOrders", "https://api.mexc.com/api/v3/x?path=order", "https://api.mexc.com", "", "?", "order="],
)  # fmt: skip
def test_what_only_looks_like_a_cancel_is_none(url: str) -> None:
    assert endpoints.classify("DELETE", url) is None
