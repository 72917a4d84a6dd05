"""A record in which everything happened once, written as a bot's writer writes, with known times.

Two bots on the machine alpha, and one on beta that was killed.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.write import writer as writing
from mexc_plugin.store.write.open_database import Database
from tests.conftest import placed
from tests.store.audits import Audit

NINE = 1_772_442_000_000_000_000  # Monday, 2026-03-02T09:00:00Z
SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60, 3_600, 86_400
LATENCY = 12_000
KILLED = "00000002-0000-4000-8000-000000000000"
UNKNOWN_ORDER = {"venue_code": "-2011", "venue_message": "Unknown order sent."}
FIRST = {
    "account": "aaaaaaaaaaaaaaaa",
    "bot": "grid",
    "symbol": "LTC/BTC",
    "native_symbol": "LTCBTC",
}
SECOND_BOT = {
    "account": "bbbbbbbbbbbbbbbb",
    "bot": "maker",
    "symbol": "ETH/USDT",
    "native_symbol": "ETHUSDT",
}


def cancel_id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012d}"


def request(number: int, at: float, attempt: int = 1, **fields: Any) -> dict[str, Any]:
    """The request of a cancel, `at` seconds after nine."""
    common = {"host": "alpha", "market_type": "spot", "method": "DELETE", "path": "/api/v3/order"}
    return (
        common
        | FIRST
        | fields
        | {
            "kind": "request",
            "occurred_ns": NINE + round(at * SECOND),
            "cancel_id": cancel_id(number),
            "attempt": attempt,
            "request": {"method": "DELETE", "url": "http://127.0.0.1/api/v3/order", "headers": {}},
        }
    )


def response(asked: dict[str, Any], outcome: str, **fields: Any) -> dict[str, Any]:
    """What came of it: an answer, unless `http_status` is None."""
    latency = fields.pop("latency_us", LATENCY)
    after = fields.pop("after", (latency or 0) * 1000 + 1_000_000)
    return (
        asked
        | {"http_status": 200}
        | fields
        | {
            "kind": "response",
            "request": None,
            "occurred_ns": asked["occurred_ns"] + after,
            "outcome": outcome,
            "latency_us": latency,
        }
    )


def reconciliation(
    asked: dict[str, Any], outcome: str, seconds: float, **fields: Any
) -> dict[str, Any]:
    return (
        asked
        | fields
        | {
            "kind": "reconciliation",
            "request": None,
            "occurred_ns": asked["occurred_ns"] + round(seconds * SECOND),
            "method": "GET",
            "outcome": outcome,
        }
    )


def decimals(price: str, amount: str, filled: str, cost: str) -> dict[str, str]:
    return {"side": "BUY", "type": "LIMIT", "time_in_force": "GTC"} | {
        "price": price, "amount": amount, "filled": filled, "cost": cost
    }  # fmt: skip


def plain() -> Iterator[dict[str, Any]]:
    """What the first writer records while its database works."""
    asked = request(1, 0, order_id="101")
    yield asked
    yield response(asked, "canceled", order_status="CANCELED", **decimals("0.0100", "2", "0", "0"))

    asked = request(2, MINUTE, order_id="101")
    yield asked
    refused = {"http_status": 400, "error_type": "OrderNotFound", **UNKNOWN_ORDER}
    yield response(asked, "not_found", latency_us=9_000, **refused)

    # Sent twice: the first answer was lost on the way, and the venue's word came 90 s later.
    asked = request(3, HOUR, order_id="102")
    yield asked
    lost = {"http_status": None, "error_type": "RequestTimeout"}
    yield response(asked, "unknown", latency_us=10_000_000, **lost)
    again = request(3, HOUR + 11, attempt=2, order_id="102")
    yield again
    yield response(
        again, "canceled", order_status="CANCELED", **decimals("0.01", "1", "0.5", "0.005")
    )
    yield reconciliation(asked, "canceled", 90.5, order_status="CANCELED", filled="0.5")

    asked = request(4, 2 * HOUR, client_order_id="mine-4")
    yield asked
    done = decimals("0.123456789012345678", "10", "0.100000000000000001", "0.012345678901234568")
    yield response(
        asked, "partially_canceled", order_id="103", order_status="PARTIALLY_CANCELED", **done
    )

    asked = request(5, 2 * HOUR + 1, order_id="104")
    yield asked
    done = decimals("0.02", "0.2", "0.2", "0.004")
    yield response(asked, "closed", latency_us=15_000, order_status="FILLED", **done)


def others() -> Iterator[dict[str, Any]]:
    """And of another bot in the same process."""
    asked = request(6, 3 * HOUR, order_id="105", **SECOND_BOT)
    yield asked
    refused = {"venue_code": "30016", "venue_message": "=Trading\x1b[31m disabled"}
    yield response(asked, "rejected", http_status=400, error_type="ExchangeError", **refused)

    for number, at in ((7, 0.25), (8, 0.5), (9, 0.75)):
        asked = request(number, 3 * HOUR + 10 + at, order_id=f"10{number}", **SECOND_BOT)
        yield asked
        refused = {"venue_code": "429", "venue_message": "Too many requests"}
        yield response(
            asked, "rate_limited", latency_us=number * 1_000, http_status=429,
            error_type="RateLimitExceeded", **refused
        )  # fmt: skip

    asked = request(10, 4 * HOUR, path="/api/v3/openOrders", **SECOND_BOT)
    yield asked
    named = [
        {"order_id": "201", "outcome": "canceled"},
        {"order_id": "202", "client_order_id": "mine-202", "outcome": "closed"},
    ]
    yield response(asked, "accepted", orders=named)

    several = {
        "market_type": "swap",
        "path": "/api/v1/private/order/cancel",
        "order_ids": ["201", "302"],
    }
    asked = request(11, 4 * HOUR + 30, **SECOND_BOT | several)
    yield asked
    named = [
        {"order_id": "201", "outcome": "accepted"},
        {"order_id": "302", "outcome": "not_found", "venue_code": "2040"},
    ]
    yield response(asked, "accepted", orders=named)

    asked = request(12, 5 * HOUR, order_id="106", **SECOND_BOT)
    yield asked
    unsent = {"http_status": None, "error_type": "NetworkError"}
    yield response(asked, "not_sent", latency_us=None, **unsent)

    asked = request(13, 6 * HOUR, order_id="116", **SECOND_BOT)
    yield asked
    yield response(asked, "unknown", http_status=503, error_type="ExchangeNotAvailable")

    # The machine's clock was set back by two seconds in between.
    asked = request(14, 7 * HOUR, order_id="118", **SECOND_BOT)
    yield asked
    yield response(asked, "canceled", latency_us=5_000, after=-2 * SECOND)

    for number, at in ((15, 12 * HOUR), (16, 5 * DAY)):  # 21:00, and Saturday
        asked = request(number, at, order_id=str(104 + number))
        yield asked
        yield response(asked, "canceled", order_status="CANCELED")


def late() -> tuple[dict[str, Any], dict[str, Any]]:
    """What is recorded while the database is locked, and goes to the spool."""
    asked = request(17, 5 * DAY + MINUTE, order_id="131")
    return asked, response(asked, "canceled", order_status="CANCELED")


def killed() -> Iterator[dict[str, Any]]:
    """The writer on beta: one event of it was removed, and its last request has no answer."""
    yield events.start_draft(NINE + 8 * HOUR * SECOND) | {"host": "beta", "pid": 4242}
    on_beta = {"host": "beta", "bot": "grid"}
    asked = request(18, 8 * HOUR + 1, order_id="132", **on_beta)
    yield asked
    yield response(asked, "canceled", order_status="CANCELED")
    yield request(19, 8 * HOUR + 2, order_id="133", **on_beta)
    yield request(20, 8 * HOUR + 3, order_id="134", **on_beta)


REMOVED = 4
VERSIONS = {"python": "3.11.9", "mexc-plugin": "1.2.3", "ccxt": "4.5.90", "sqlalchemy": "1.2.3"}


@contextmanager
def surroundings() -> Iterator[None]:
    """Machine, user, versions and the times of `start` and `stop` are known as well."""
    stop = events.stop_draft
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "host_name", lambda: "alpha")
        patch.setattr(events, "_user", lambda: "trader")
        patch.setattr(events, "versions", lambda: VERSIONS)
        patch.setattr(events, "stop_draft", lambda _: stop(NINE + 6 * DAY * SECOND))
        patch.setattr(writing.uuid, "uuid4", lambda: uuid.UUID(int=1 << 96 | 4 << 76 | 8 << 60))
        yield


def write(audit: Audit) -> None:
    """Write all of it into a migrated audit."""
    with surroundings():
        writer = writing.Writer(audit.url)
        writer._inbox.sealer._born_ns = NINE - SECOND
        for draft in (*plain(), *others()):
            receipt = writer.submit(draft, 20)
            assert receipt.wait(20)
            assert receipt.place is Place.DATABASE
        with audit.locked():
            for draft in late():
                assert placed(writer, draft) is Place.SPOOL
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(writer._spool, "append", _full)
                assert placed(writer, request(99, 5 * DAY + 2 * MINUTE)) is Place.LOST
        writer.close()
        _write_killed(audit)


def _full(_events: object) -> None:
    raise OSError(28, "No space left on device")


def _write_killed(audit: Audit) -> None:
    last, sealed = chain.GENESIS, []
    for seq, draft in enumerate(killed(), 1):
        sealed.append(events.seal(draft, KILLED, seq, last))
        last = sealed[-1].hash
    database = Database(audit.url, 5_000)
    database.insert([event for event in sealed if event.seq != REMOVED])
    database.close()
