"""Which requests cancel orders. A new endpoint is a row here.

Sources: the venue's public API documentation (spot to 2026-04, futures to 2026-05), and ccxt's own table,
with which a test compares both tables of this module.
"""

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote


class Answers(Enum):
    """The shape in which an endpoint acknowledges a cancel."""

    ORDER = "one order as an object"
    ORDERS = "an array of orders"
    ENVELOPE = "an envelope with a code, perhaps with a result for each order"


class Effect(Enum):
    """What a request that succeeds does to the order that it names."""

    CANCELS = "cancels"
    REPLACES = "replaces"
    MAY_CANCEL = "may_cancel"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to cancel: HTTP method, the last segments of the path, and what comes back.

    one: it takes a single order; effect: what it does to that order.
    """

    method: str
    path: str
    market_type: str
    answers: Answers
    one: bool
    effect: Effect = Effect.CANCELS


def _futures(path: str, *, one: bool = False, effect: Effect = Effect.CANCELS) -> Endpoint:
    return Endpoint("POST", path, "swap", Answers.ENVELOPE, one, effect)


ENDPOINTS = (
    Endpoint("DELETE", "order", "spot", Answers.ORDER, one=True),
    Endpoint("DELETE", "openOrders", "spot", Answers.ORDERS, one=False),
    Endpoint("DELETE", "order/all", "spot", Answers.ENVELOPE, one=False),
    Endpoint("DELETE", "margin/order", "margin", Answers.ORDERS, one=True),
    Endpoint("DELETE", "margin/openOrders", "margin", Answers.ORDERS, one=False),
    # Legacy v2: each id of the answer has a word of its own.
    Endpoint("DELETE", "order/cancel", "spot", Answers.ENVELOPE, one=False),
    Endpoint("DELETE", "order/cancel_by_symbol", "spot", Answers.ENVELOPE, one=False),
    _futures("order/cancel"),
    _futures("order/cancel_all"),
    _futures("order/cancel_with_external", one=True),
    _futures("order/batch_cancel_with_external"),
    _futures("planorder/cancel"),
    _futures("planorder/cancel_all"),
    _futures("stoporder/cancel"),
    _futures("stoporder/cancel_all"),
    _futures("trackorder/cancel"),
    # The order is gone and another, or the same with other terms, is there. Futures pages of 2026-04-04.
    _futures("order/change_limit_order", one=True, effect=Effect.REPLACES),
    _futures("order/chase_limit_order", one=True, effect=Effect.REPLACES),
    _futures("planorder/change_price", one=True, effect=Effect.REPLACES),
    _futures("trackorder/change_order", one=True, effect=Effect.REPLACES),
    _futures("stoporder/change_plan_price", one=True, effect=Effect.REPLACES),
    # With empty or zero prices these two cancel the stop; the same pages.
    _futures("planorder/change_stop_order", one=True, effect=Effect.MAY_CANCEL),
    _futures("stoporder/change_price", one=True, effect=Effect.MAY_CANCEL),
    # The pages do not say what becomes of open orders.
    _futures("position/close_all", effect=Effect.MAY_CANCEL),
    _futures("position/reverse", effect=Effect.MAY_CANCEL),
)

# DELETE (or "delete", "change", "close" by name), and yet no order is cancelled: not on record.
NO_CANCEL = frozenset(
    {
        # Of streams, withdrawals, keys and groups. Spot pages of 2026-04-04.
        ("DELETE", "userDataStream"),
        ("DELETE", "capital/withdraw"),
        ("DELETE", "strategy/group"),
        ("DELETE", "strategy/group/uid"),
        ("DELETE", "sub-account/apiKey"),
        ("DELETE", "asset/withdraw"),
        ("POST", "market_maker/self_trade/blacklist/delete"),
        # Terms of a position or of the account. Futures pages of 2026-04-04.
        ("POST", "position/change_margin"),
        ("POST", "position/change_auto_add_im"),
        ("POST", "position/change_leverage"),
        ("POST", "position/change_position_mode"),
        ("POST", "account/change_risk_level"),
    }
)


def _by_last_segment() -> dict[tuple[str, str], list[tuple[tuple[str, ...], Endpoint]]]:
    """The endpoints by method and last segment of the path, the longest path first."""
    table: dict[tuple[str, str], list[tuple[tuple[str, ...], Endpoint]]] = {}
    for endpoint in sorted(ENDPOINTS, key=lambda endpoint: -endpoint.path.count("/")):
        segments = tuple(endpoint.path.lower().split("/"))
        table.setdefault((endpoint.method, segments[-1]), []).append((segments, endpoint))
    return table


_CANDIDATES = _by_last_segment()


def classify(method: str, url: str) -> Endpoint | None:
    """The cancelling endpoint that this request calls, or None.

    No spelling hides a cancel that a client or a server may fold: case, percent escapes, doubled
    and trailing slashes, dot segments, path parameters, tabs and ends of lines, a URL within the query of a proxy's.
    """
    verb = method.upper()
    if verb not in _METHODS:
        return None
    # As aiohttp and the standard library leave them out, in the middle of a word, too.
    plain = unquote(url.replace("\t", "").replace("\r", "").replace("\n", ""))
    for address in _ADDRESS.split(plain)[1:] or [plain]:
        segments = _segments(address)
        for tail, endpoint in _CANDIDATES.get((verb, segments[-1] if segments else ""), ()):
            if segments[-len(tail) :] == tail:
                return endpoint
    return None


_METHODS = frozenset(endpoint.method for endpoint in ENDPOINTS)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


def _segments(address: str) -> tuple[str, ...]:
    """The path of an address without its scheme, folded."""
    path = re.split(r"[?#]", address, maxsplit=1)[0].lower()
    found: list[str] = []
    for raw in path.split("/"):
        part = raw.partition(";")[0].strip()
        if part == "..":
            del found[-1:]
        elif part not in ("", "."):
            found.append(part)
    return tuple(found)
