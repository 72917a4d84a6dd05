"""Prices that are made up: a pure function of market and time, the same at every start."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from mexc_plugin.sandbox.markets import LEVELS, Market
from mexc_plugin.sandbox.vocabulary import Json, Side, plain

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
TRADE_EVERY_MS = 10_000

SPOT_INTERVALS: Mapping[str, int] = {
    "1m": MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "60m": 60 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "1d": DAY_MS,
    "1W": 7 * DAY_MS,
    "1M": 30 * DAY_MS,
}
CONTRACT_INTERVALS: Mapping[str, int] = {
    "Min1": MINUTE_MS,
    "Min5": 5 * MINUTE_MS,
    "Min15": 15 * MINUTE_MS,
    "Min30": 30 * MINUTE_MS,
    "Min60": 60 * MINUTE_MS,
    "Hour4": 240 * MINUTE_MS,
    "Hour8": 480 * MINUTE_MS,
    "Day1": DAY_MS,
    "Week1": 7 * DAY_MS,
    "Month1": 30 * DAY_MS,
}
"""Milliseconds by the venue's name. A month is 30 days here."""


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle; volume in the base asset, amount in the quote asset."""

    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    amount: Decimal


def price_at(market: Market, at_ms: int) -> Decimal:
    """The last price at a moment: within 1 % of the market's middle, and never equal for long."""
    swing = Decimal(_noise(market.symbol, at_ms // MINUTE_MS) % 2001 - 1000) / 100_000
    return round(market.mid * (1 + swing), market.price_decimals)


def candles(
    market: Market, step_ms: int, start_ms: int | None, end_ms: int | None, limit: int, now_ms: int
) -> list[Candle]:
    """Up to `limit` candles that open in [start, end], oldest first.

    With a start, the first of them; without, the newest. Nothing opens after `now_ms`.
    """
    last = min(now_ms if end_ms is None else end_ms, now_ms) // step_ms
    if start_ms is None:
        first = last - limit + 1
    else:
        first = max(-(-start_ms // step_ms), 0)
        last = min(last, first + limit - 1)
    return [_candle(market, step_ms, n) for n in range(first, last + 1)]


def _candle(market: Market, step_ms: int, n: int) -> Candle:
    start, end = n * step_ms, (n + 1) * step_ms
    first, last = price_at(market, start), price_at(market, end)
    reach = round(market.mid / 1000, market.price_decimals)
    volume = market.level_quantity * (1 + _noise(market.symbol, n) % 50)
    return Candle(
        start,
        end,
        open=first,
        high=max(first, last) + reach,
        low=min(first, last) - reach,
        close=last,
        volume=volume,
        amount=volume * (first + last) / 2,
    )


def recent_trades(market: Market, now_ms: int, limit: int) -> list[tuple[int, Decimal, Side]]:
    """Time, price and the taker's side of the newest trades, newest first."""
    newest = now_ms // TRADE_EVERY_MS
    return [
        (
            n * TRADE_EVERY_MS,
            price_at(market, n * TRADE_EVERY_MS),
            Side.BUY if n % 2 else Side.SELL,
        )
        for n in range(newest, newest - limit, -1)
    ]


def day_ticker(market: Market, now_ms: int) -> dict[str, Json]:
    """What ticker/24hr says of one market; the last price is the middle of the book."""
    opened = price_at(market, now_ms - DAY_MS)
    change = market.mid - opened
    reach = market.mid / 50
    volume = market.level_quantity * 1000
    return {
        "symbol": market.symbol,
        "priceChange": plain(change),
        "priceChangePercent": plain(round(change / opened, 6)),
        "prevClosePrice": plain(opened),
        "lastPrice": plain(market.mid),
        **book_ticker(market),
        "openPrice": plain(opened),
        "highPrice": plain(market.mid + reach),
        "lowPrice": plain(market.mid - reach),
        "volume": plain(volume),
        "quoteVolume": plain(volume * market.mid),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "count": None,
    }


def book_ticker(market: Market) -> dict[str, Json]:
    (bid, bid_quantity), (ask, ask_quantity) = market.bid, market.ask
    return {
        "symbol": market.symbol,
        "bidPrice": plain(bid),
        "bidQty": plain(bid_quantity),
        "askPrice": plain(ask),
        "askQty": plain(ask_quantity),
    }


def depth(market: Market, limit: int | None) -> dict[str, list[list[str]]]:
    """Bids and asks as ``[price, quantity]``, best first, up to `limit` a side."""
    count = LEVELS if limit is None or limit < 1 else limit
    return {
        name: [[plain(price), plain(quantity)] for price, quantity in market.side(side)[:count]]
        for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
    }


def _noise(*parts: object) -> int:
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")
