"""A day of a few bots, as it might have been: seeded, and always up to now."""

import random
import time
from typing import Any

from mexc_plugin.audit.events import Event
from mexc_plugin.audit.ids import uuid7
from tests.cli.conftest import NOON, SECOND, Ledger

CANCELS = 320
DAY = 86_400
BOTS = (("grid-7", 6), ("maker-eu", 3), ("rebalance", 1))
SYMBOLS = (("BTC/USDT", 5), ("ETH/USDT", 4), ("LTC/BTC", 2), ("SOL/USDT", 2), ("XRP/USDT", 1))
# About what one costs, and how many digits its price and its amount have.
PRICES = {
    "BTC/USDT": (91_000, 2, 5),
    "ETH/USDT": (3_100, 2, 4),
    "LTC/BTC": (0.00112, 7, 2),
    "SOL/USDT": (142, 2, 2),
    "XRP/USDT": (2.31, 4, 1),
}
OUTCOMES = (
    ("canceled", 740),
    ("partially_canceled", 70),
    ("closed", 30),
    ("not_found", 90),
    ("rate_limited", 10),
    ("rejected", 16),
    ("unknown", 12),
)
SAID: dict[str, dict[str, Any]] = {
    "canceled": {"order_status": "CANCELED"},
    "partially_canceled": {"order_status": "PARTIALLY_CANCELED"},
    "closed": {"order_status": "FILLED"},
    "not_found": {
        "http_status": 400,
        "venue_code": "-2011",
        "venue_message": "Unknown order sent.",
        "error_type": "OrderNotFound",
    },
    "rate_limited": {
        "http_status": 429,
        "venue_code": "429",
        "venue_message": "Too Many Requests",
        "error_type": "RateLimitExceeded",
    },
    "rejected": {
        "http_status": 400,
        "venue_code": "700003",
        "venue_message": "Timestamp for this request is outside of the recvWindow.",
        "error_type": "InvalidNonce",
    },
    "unknown": {"http_status": None, "error_type": "RequestTimeout"},
}


def fill(ledger: Ledger, cancels: int = CANCELS, seed: int = 43) -> dict[str, int]:
    """Put a day of cancels on record, oldest first; how many events each id has."""
    rng = random.Random(seed)
    now = time.time() - NOON / SECOND
    times = sorted(now - 20 - DAY * rng.random() ** 1.3 for _ in range(cancels))
    found = [_cancel(ledger, rng, at) for at in times]
    ledger.store(*(event for _, events in found for event in events))
    return {cancel_id: len(events) for cancel_id, events in found}


def _cancel(ledger: Ledger, rng: random.Random, at: float) -> tuple[str, list[Event]]:
    def one_of(choices: tuple[tuple[str, int], ...]) -> str:
        return rng.choices([name for name, _ in choices], [weight for _, weight in choices])[0]

    cancel_id, symbol, outcome = uuid7(), one_of(SYMBOLS), one_of(OUTCOMES)
    latency_us = int(rng.lognormvariate(10.2, 0.5)) + (5_000_000 if outcome == "unknown" else 0)
    common = {
        "cancel_id": cancel_id,
        "attempt": 1,
        "account": "466c33bfa76b8dee",
        "bot": one_of(BOTS),
        "host": "vps-fra-2",
        "market_type": "spot",
        "symbol": symbol,
        "native_symbol": symbol.replace("/", ""),
        "order_id": f"C02__{rng.randrange(10**20):020}",
    }
    query = f"symbol={common['native_symbol']}&orderId={common['order_id']}"
    request = {
        "method": "DELETE",
        "url": f"https://api.mexc.com/api/v3/order?{query}&timestamp=…&signature=[redacted]",
        "headers": {"X-MEXC-APIKEY": "[redacted]"},
    }
    asked = ledger.seal(
        kind="request", at=at, request=request, method="DELETE", path="/api/v3/order", **common
    )
    said = {"outcome": outcome, "latency_us": latency_us, "http_status": 200} | SAID[outcome]
    if "order_status" in said:
        about, digits, places = PRICES[symbol]
        price = about * rng.uniform(0.98, 1.02)
        said |= {
            "side": rng.choice(["BUY", "SELL"]),
            "type": "LIMIT",
            "price": f"{price:.{digits}f}",
        }
        said |= {"amount": f"{rng.uniform(0.2, 4) * 1_000 / about if about > 1 else 5:.{places}f}"}
    body = f'{{"symbol":"{common["native_symbol"]}","orderId":"{common["order_id"]}"}}'
    answered = ledger.seal(
        kind="response",
        at=at + latency_us / 1e6,
        response={"status": said["http_status"], "headers": {}, "body": body},
        **common | said,
    )
    events = [asked, answered]
    if outcome == "unknown" and rng.random() < 0.7:
        resolved = {"kind": "reconciliation", "cancel_id": cancel_id, "attempt": 1}
        events.append(ledger.seal(at=at + 40, outcome="canceled", **resolved))
    return cancel_id, events
