"""Which requests cancel orders. A new endpoint is a row here.

Source: the venue's public API documentation.
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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to cancel: HTTP method, the last segments of the path, and what comes back."""

    method: str
    path: str
    market_type: str
    answers: Answers
    one: bool


ENDPOINTS = (
    Endpoint("DELETE", "order", "spot", Answers.ORDER, one=True),
    Endpoint("DELETE", "openOrders", "spot", Answers.ORDERS, one=False),
    Endpoint("DELETE", "order/all", "spot", Answers.ENVELOPE, one=False),
    Endpoint("DELETE", "margin/order", "margin", Answers.ORDERS, one=True),
    Endpoint("DELETE", "margin/openOrders", "margin", Answers.ORDERS, one=False),
    Endpoint("DELETE", "order/cancel", "spot", Answers.ENVELOPE, one=False),
    Endpoint("DELETE", "order/cancel_by_symbol", "spot", Answers.ENVELOPE, one=False),
    Endpoint("POST", "order/cancel", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "order/cancel_all", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "order/cancel_with_external", "swap", Answers.ENVELOPE, one=True),
    Endpoint("POST", "order/batch_cancel_with_external", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "planorder/cancel", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "planorder/cancel_all", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "stoporder/cancel", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "stoporder/cancel_all", "swap", Answers.ENVELOPE, one=False),
    Endpoint("POST", "trackorder/cancel", "swap", Answers.ENVELOPE, one=False),
)

# DELETE (or "delete" by name), and yet no order is cancelled: not on record.
NO_CANCEL = frozenset(
    {
        ("DELETE", "userDataStream"),
        ("DELETE", "capital/withdraw"),
        ("DELETE", "strategy/group"),
        ("DELETE", "strategy/group/uid"),
        ("DELETE", "sub-account/apiKey"),
        ("DELETE", "asset/withdraw"),
        ("POST", "market_maker/self_trade/blacklist/delete"),
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
    and trailing slashes, dot segments, path parameters, a URL within the query of a proxy's.
    """
    verb = method.upper()
    if verb not in _METHODS:
        return None
    plain = unquote(url)
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
