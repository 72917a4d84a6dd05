"""Honest records, as drafts that are sealed late: whoever tampers with them rehashes everything after."""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from mexc_plugin import distributions
from mexc_plugin.audit import chain, events
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write.open_database import Database

NOON = 1_795_435_200_000_000_000  # 2026-11-23T12:00:00Z
SECOND = 1_000_000_000

Draft = dict[str, Any]


def start(at: float = 0, version: str | None = None) -> Draft:
    versions = {"mexc-plugin": version or distributions.version("mexc-plugin")}
    return {"kind": "start", "occurred_ns": moment(at), "host": "here", "versions": versions}


def stop(at: float = 900) -> Draft:
    return {"kind": "stop", "occurred_ns": moment(at), "host": "here"}


def moment(at: float) -> int:
    return NOON + int(at * SECOND)


def common(order_id: str, at: float, cancel_id: str | None = None, attempt: int = 1) -> Draft:
    return {
        "cancel_id": cancel_id or uuid7(moment(at) // 1_000_000),
        "attempt": attempt,
        "account": "0123456789abcdef",
        "bot": "grid",
        "host": "here",
        "market_type": "spot",
        "symbol": "LTC/BTC",
        "native_symbol": "LTCBTC",
        "order_id": order_id,
        "method": "DELETE",
        "path": "/api/v3/order",
    }


def request(shared: Draft, at: float) -> Draft:
    order = f"&orderId={shared['order_id']}" if "order_id" in shared else ""
    url = f"https://api.mexc.com{shared['path']}?symbol=LTCBTC{order}&signature=[redacted]"
    sent = {"method": "DELETE", "url": url, "headers": {}, "body": None}
    return shared | {"kind": "request", "occurred_ns": moment(at), "request": sent}


def response(shared: Draft, at: float, outcome: str, body: object = None, **more: Any) -> Draft:
    draft = {"kind": "response", "occurred_ns": moment(at), "outcome": outcome, "latency_us": 9_000}
    if body is None:
        return shared | draft | {"error": {"type": "RequestTimeout", "message": "late"}}
    status = more.pop("http_status", 200)
    answer = {"status": status, "headers": {}, "body": json.dumps(body)}
    return shared | draft | {"http_status": status, "response": answer} | more


def canceled(shared: Draft, at: float) -> list[Draft]:
    body = {"symbol": "LTCBTC", "orderId": shared["order_id"], "status": "CANCELED"}
    body |= {"executedQty": "0.5", "origQty": "1"}
    named = {"order_status": "CANCELED", "filled": "0.5", "amount": "1"}
    return [
        request(shared, at),
        response(shared, at + 0.01, "canceled", body, **named),
    ]


def unknown(shared: Draft, at: float) -> list[Draft]:
    return [request(shared, at), response(shared, at + 0.01, "unknown")]


def reconciled(shared: Draft, at: float, outcome: str, status: str) -> Draft:
    body = {"symbol": "LTCBTC", "orderId": shared["order_id"], "status": status}
    answer = {"status": 200, "body": json.dumps(body)}
    draft = {"kind": "reconciliation", "occurred_ns": moment(at), "outcome": outcome}
    draft |= {"method": "GET", "http_status": 200, "order_status": status, "response": answer}
    return shared | draft


def refused(shared: Draft, at: float) -> list[Draft]:
    words = {"venue_code": "-2011", "venue_message": "Unknown order sent."}
    body = {"code": -2011, "msg": "Unknown order sent."}
    answer = response(shared, at + 0.01, "not_found", body, http_status=400, **words)
    return [request(shared, at), answer]


def all_canceled(at: float) -> list[Draft]:
    shared = common("", at) | {"path": "/api/v3/openOrders"}
    del shared["order_id"]
    ends = {"11": "CANCELED", "12": "FILLED"}
    body = [{"symbol": "LTCBTC", "orderId": name, "status": end} for name, end in ends.items()]
    orders = [
        {"order_id": "11", "order_status": "CANCELED", "outcome": "canceled"},
        {"order_id": "12", "order_status": "FILLED", "outcome": "closed"},
    ]
    return [request(shared, at), response(shared, at + 0.01, "accepted", body, orders=orders)]


def honest() -> list[Draft]:
    """Of everything something: 0 start, 1 and 2 canceled, 3 and 4 unknown, 5 its end, 6 and 7 refused,
    8 to 11 an attempt that was made twice, 12 and 13 a cancel-all, 14 stop.
    """
    lost = common("5", 20)
    again = common("7", 200)
    return [
        start(),
        *canceled(common("4", 10), 10),
        *unknown(lost, 20),
        reconciled(lost, 90, "canceled", "CANCELED"),
        *refused(common("6", 100), 100),
        *unknown(again, 200),
        *canceled(again | {"attempt": 2}, 201),
        *all_canceled(300),
        stop(),
    ]


def sealed(drafts: Iterable[Draft], writer_id: str | None = None) -> list[events.Event]:
    """One writer's chain."""
    writer_id = writer_id or str(uuid.uuid4())
    found: list[events.Event] = []
    for seq, draft in enumerate(drafts, 1):
        last = found[-1].hash if found else chain.GENESIS
        found.append(events.seal(draft, writer_id, seq, last))
    return found


def store(url: str, *chains: Iterable[events.Event]) -> None:
    """Put chains into a database, which is made."""
    engine = engines.create(url)
    migrate.upgrade(engine)
    engine.dispose()
    database = Database(url, 5_000)
    for each in chains:
        database.insert(list(each))
    database.close()
