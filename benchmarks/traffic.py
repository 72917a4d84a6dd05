"""Made-up traffic: what a handful of bots cancelled in half a year, as drafts of events. Seeded, pure.

`drafts` yields (writer, draft) in the order of time, but for answers, which follow their request:
a writer is a number, and its drafts are in the order of its sequence.
"""

import heapq
import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mexc_plugin.audit.ids import uuid7

FIRST_NS = 1_775_001_600_000_000_000  # 2026-04-01
SPAN_NS = 183 * 86_400 * 1_000_000_000
SECOND = 1_000_000_000
EVENTS_A_CANCEL = 2.035
RESTART_NS = 3 * 86_400 * SECOND
# One symbol hardly anybody trades: what a filter for something rare has to find.
BASES = "BTC ETH SOL XRP DOGE ADA AVAX LINK LTC TON SUI DOT BCH UNI APT NEAR ARB OP ATOM"
SYMBOLS = [*(f"{base}/USDT" for base in BASES.split()), "MX/USDC"]
ANSWERS = {
    "canceled": 0.905,
    "partially_canceled": 0.02,
    "closed": 0.013,
    "accepted": 0.012,
    "not_found": 0.035,
    "rejected": 0.004,
    "rate_limited": 0.004,
    "not_sent": 0.0015,
    "unknown": 0.005,
    "pending": 0.0005,
}
NAMES, WEIGHTS = list(ANSWERS), list(ANSWERS.values())
REFUSALS = {
    "not_found": (400, "-2011", "Unknown order sent.", "OrderNotFound"),
    "rejected": (400, "30016", "Trading disabled", "OrderNotCancellable"),
    "rate_limited": (429, "429", "Too Many Requests", "RateLimitExceeded"),
    "unauthorized": (400, "700002", "Signature for this request is not valid.", "AuthenticationError"),
}  # fmt: skip
# Of the orders that a cancel-all named.
ACCEPTED = ("partially_canceled", "canceled", "canceled")
STATUSES = {"canceled": "CANCELED", "partially_canceled": "PARTIALLY_CANCELED", "closed": "FILLED"}

Draft = dict[str, Any]


@dataclass
class Bot:
    """Who cancels. days: of the half-year; latency_ms: the median, the log's deviation is 0.45."""

    label: str
    account: str
    host: str
    weight: float
    latency_ms: float
    days: tuple[float, float] = (0, 183)
    symbols: list[str] = field(default_factory=list)
    named: bool = False
    writer: int = 0
    orders: int = 0
    restarts_at: float = 0.0


def bots(rng: random.Random) -> list[Bot]:
    """Eight of them on four accounts; one was given up in spring, one is used by hand only."""
    accounts = [f"{rng.getrandbits(64):016x}" for _ in range(4)]
    found = [
        Bot("grid-1", accounts[0], "fra-1", 0.24, 42),
        Bot("grid-2", accounts[0], "fra-1", 0.16, 44),
        Bot("grid-7", accounts[1], "tok-2", 0.10, 11, named=True),
        Bot("mm-btc", accounts[1], "tok-2", 0.28, 9, named=True),
        Bot("mm-alt", accounts[2], "tok-2", 0.17, 12, named=True),
        Bot("freqtrade", accounts[2], "home", 0.04, 180),
        Bot("grid-old", accounts[3], "fra-0", 0.0099, 60, days=(0, 31)),
        Bot("by-hand", accounts[3], "home", 0.0001, 210),
    ]
    for bot in found:
        bot.symbols = SYMBOLS[:1] * 6 if bot.label == "mm-btc" else rng.sample(SYMBOLS[:-1], 8)
    found[-1].symbols = [SYMBOLS[-1], *SYMBOLS[:2]]
    return found


class Traffic:
    """The clock, the bots and what is still to be reconciled."""

    def __init__(self, events: int, seed: int) -> None:
        self._rng = random.Random(seed)
        self._bots = bots(self._rng)
        self._writers = itertools.count(1)
        self._step = SPAN_NS / (events / EVENTS_A_CANCEL)
        self._later: list[tuple[int, int, Bot, Draft]] = []
        self._numbers = itertools.count(1)
        self._expired = rng_days(self._rng, 2)

    def drafts(self) -> Iterator[tuple[int, Draft]]:
        """Without end: the caller takes as many as it wants."""
        now = float(FIRST_NS)
        rng = self._rng
        while True:
            hour = (now - FIRST_NS) / (3_600 * SECOND)
            pace = 1 + 0.6 * math.sin(hour / 24 * math.tau)
            burst = rng.randint(5, 40) if rng.random() < 0.01 else 1
            now += rng.expovariate(1.0) * self._step / pace * 1.21  # bursts are extra
            bot = self._who(now)
            yield from self._reconciled(now)
            yield from self._restarted(bot, int(now))
            for _ in range(burst):
                yield from self._cancel(bot, int(now))
                now += rng.expovariate(1.0) * 3_000_000

    def _who(self, now: float) -> Bot:
        day = (now - FIRST_NS) / (86_400 * SECOND)
        there = [bot for bot in self._bots if bot.days[0] <= day % 183 < bot.days[1]]
        return self._rng.choices(there, [bot.weight for bot in there])[0]

    def _restarted(self, bot: Bot, now: int) -> Iterator[tuple[int, Draft]]:
        if now < bot.restarts_at:
            return
        common = {"host": bot.host, "pid": self._rng.randint(300, 30_000)}
        if bot.writer and self._rng.random() < 0.9:  # the others crashed
            yield bot.writer, {"kind": "stop", "occurred_ns": now - 5 * SECOND} | common
        bot.writer = next(self._writers)
        bot.restarts_at = now + self._rng.expovariate(1.0) * RESTART_NS
        versions = {"python": "3.11.9", "mexc-plugin": "0.1.0", "ccxt": "4.5.90"}
        start = {"kind": "start", "occurred_ns": now - SECOND, "os_user": "trader"}
        yield bot.writer, start | common | {"versions": versions}

    def _reconciled(self, now: float) -> Iterator[tuple[int, Draft]]:
        while self._later and self._later[0][0] <= now:
            when, _, bot, draft = heapq.heappop(self._later)
            yield bot.writer, draft | {"occurred_ns": when}

    def _cancel(self, bot: Bot, now: int) -> Iterator[tuple[int, Draft]]:
        rng = self._rng
        symbol = bot.symbols[min(int(rng.expovariate(0.5)), len(bot.symbols) - 1)]
        outcome = rng.choices(NAMES, WEIGHTS)[0]
        day = (now - FIRST_NS) // (86_400 * SECOND)
        if bot.label == "grid-2" and day in self._expired:
            outcome = "unauthorized"  # a key that ran out, and a bot that kept trying
        common: Draft = {
            "cancel_id": seeded_uuid7(rng, now // 1_000_000),
            "account": bot.account,
            "bot": bot.label,
            "host": bot.host,
            "market_type": "spot",
            "symbol": symbol,
            "native_symbol": symbol.replace("/", ""),
            "method": "DELETE",
            "path": "/api/v3/openOrders" if outcome == "accepted" else "/api/v3/order",
        }
        if outcome != "accepted":
            common |= self._order(bot, now)
        yield from self._attempts(bot, now, common, outcome)

    def _order(self, bot: Bot, now: int) -> Draft:
        if self._rng.random() > 0.03:  # now and then the same one again
            bot.orders += 1
        number = f"C02__{now // SECOND}{bot.orders:09d}{ord(bot.label[0]):03d}"
        return {"order_id": number} | (
            {"client_order_id": f"{bot.label}-{bot.orders}"} if bot.named else {}
        )

    def _attempts(
        self, bot: Bot, now: int, common: Draft, outcome: str
    ) -> Iterator[tuple[int, Draft]]:
        rng = self._rng
        for attempt in (1, 2, 3):
            again = outcome == "unknown" and attempt < 3 and rng.random() < 0.5
            number = common | {"attempt": attempt}
            yield bot.writer, request(number, now)
            if outcome == "pending":
                return
            latency_us = self._latency_us(bot, outcome)
            yield bot.writer, response(number, now, latency_us, outcome, rng)
            if not again:
                break
            now += latency_us * 1000 + 200_000_000
            outcome = rng.choice(("unknown", "canceled", "not_found"))
        if outcome == "unknown" and rng.random() < 0.8:
            found = rng.choice(("canceled", "canceled", "closed", "not_found", "still_open"))
            later = reconciliation(number, found)
            when = now + int(rng.uniform(60, 7_200)) * SECOND
            heapq.heappush(self._later, (when, next(self._numbers), bot, later))

    def _latency_us(self, bot: Bot, outcome: str) -> int:
        if outcome == "unknown":
            return 10_000_000 + self._rng.randint(500, 30_000)
        return int(1000 * bot.latency_ms * self._rng.lognormvariate(0, 0.45))


def rng_days(rng: random.Random, count: int) -> set[int]:
    return {rng.randint(20, 160) for _ in range(count)}


def seeded_uuid7(rng: random.Random, unix_ms: int) -> str:
    """As uuid7, with its random part from the seed."""
    random_part = f"{rng.getrandbits(74):019x}"
    head = uuid7(unix_ms)[:13]
    variant = "89ab"[rng.getrandbits(2)]
    return f"{head}-7{random_part[:3]}-{variant}{random_part[3:6]}-{random_part[6:18]}"


def request(common: Draft, now: int) -> Draft:
    query = f"symbol={common['native_symbol']}&orderId={common.get('order_id', '')}"
    url = f"https://api.mexc.com{common['path']}?{query}&timestamp={now // 1_000_000}"
    return common | {
        "kind": "request",
        "occurred_ns": now,
        "request": {
            "method": "DELETE",
            "url": f"{url}&recvWindow=5000&signature=[redacted]",
            "headers": {"Content-Type": "application/json", "X-MEXC-APIKEY": "[redacted]"},
            "body": None,
        },
    }


def response(
    common: Draft, now: int, latency_us: int, outcome: str, rng: random.Random
) -> Draft:  # fmt: skip
    draft = common | {
        "kind": "response",
        "occurred_ns": now + latency_us * 1000,
        "outcome": outcome,
        "latency_us": latency_us,
    }
    if outcome in STATUSES:
        found = order(common, outcome, rng)
        draft |= found | {"http_status": 200, "response": answer(200, raw(common, found))}
    elif outcome == "accepted":
        orders = [order(common, each, rng) | {"outcome": each} for each in ACCEPTED]
        body = ",".join(raw(common, item) for item in orders)
        draft |= {"orders": orders, "http_status": 200, "response": answer(200, f"[{body}]")}
    elif outcome in REFUSALS:
        status, code, message, error = REFUSALS[outcome]
        draft |= {"http_status": status, "venue_code": code, "venue_message": message}
        draft |= {"response": answer(status, f'{{"code":{code},"msg":"{message}"}}')}
        draft |= {"error_type": error, "error": {"type": error, "message": f"mexc {message}"}}
    else:
        error = "RequestTimeout" if outcome == "unknown" else "ExchangeNotAvailable"
        words = f"mexc DELETE {common['path']} timed out"
        draft |= {"error_type": error, "error": {"type": error, "message": words}}
        draft["latency_us"] = latency_us if outcome == "unknown" else None
    return draft


def reconciliation(common: Draft, outcome: str) -> Draft:
    draft = common | {
        "kind": "reconciliation",
        "method": "GET",
        "path": "/api/v3/order",
        "outcome": outcome,
    }
    if outcome == "not_found":
        words = {"venue_code": "-2013", "venue_message": "Order does not exist."}
        body = '{"code":-2013,"msg":"Order does not exist."}'
        return draft | words | {"http_status": 400, "response": answer(400, body)}
    status = STATUSES.get(outcome, "NEW")
    body = (
        f'{{"symbol":"{common["native_symbol"]}","orderId":"{common["order_id"]}",'
        f'"status":"{status}"}}'
    )
    return draft | {"order_status": status, "http_status": 200, "response": answer(200, body)}


def order(common: Draft, outcome: str, rng: random.Random) -> Draft:
    amount = rng.randint(1, 90_000)
    filled = {"canceled": 0, "closed": amount}.get(outcome, amount // 3)
    return {
        "order_id": common.get("order_id") or f"C02__{rng.randint(10**17, 10**18 - 1)}",
        "cancel_client_order_id": f"{rng.getrandbits(96):024x}",
        "order_status": STATUSES.get(outcome, "CANCELED"),
        "side": rng.choice(("BUY", "SELL")),
        "type": "LIMIT",
        "time_in_force": "GTC",
        "price": f"{rng.randint(1, 90_000_000) / 1000:.3f}",
        "amount": f"{amount / 100:.4f}",
        "filled": f"{filled / 100:.4f}",
        "cost": f"{filled / 7:.6f}",
    }


def raw(common: Draft, item: Draft) -> str:
    return (
        f'{{"symbol":"{common["native_symbol"]}","orderId":"{item["order_id"]}",'
        f'"clientOrderId":"{item["cancel_client_order_id"]}","price":"{item["price"]}",'
        f'"origQty":"{item["amount"]}","executedQty":"{item["filled"]}",'
        f'"cummulativeQuoteQty":"{item["cost"]}","status":"{item["order_status"]}",'
        f'"timeInForce":"GTC","type":"LIMIT","side":"{item["side"]}"}}'
    )


def answer(status: int, body: str) -> Draft:
    return {"status": status, "headers": {"Content-Type": "application/json"}, "body": body}
