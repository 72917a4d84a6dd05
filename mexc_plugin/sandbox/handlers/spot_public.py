"""The public spot endpoints. Each handler takes the venue and the call."""

from collections.abc import Callable

from mexc_plugin.sandbox import market_data
from mexc_plugin.sandbox.handlers.spot_queries import limit_of
from mexc_plugin.sandbox.markets import MAKER_FEE, MARKETS, TAKER_FEE, Market, market_of
from mexc_plugin.sandbox.messages import Answer, Call
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import Json, OrderType, Side, plain


def server_time(venue: Venue, _call: Call) -> Answer:
    return Answer({"serverTime": venue.now_ms})


def exchange_info(venue: Venue, call: Call) -> Answer:
    named = call.text("symbols") or call.text("symbol")
    markets = [market_of(s) for s in named.split(",")] if named else list(MARKETS.values())
    return Answer(
        {
            "timezone": "CST",
            "serverTime": venue.now_ms,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [_symbol(market) for market in markets],
        }
    )


def _symbol(market: Market) -> dict[str, Json]:
    return {
        "symbol": market.symbol,
        "status": "1",
        "baseAsset": market.base,
        "baseAssetPrecision": market.quantity_decimals,
        "quoteAsset": market.quote,
        "quotePrecision": market.price_decimals,
        "quoteAssetPrecision": market.price_decimals,
        "baseCommissionPrecision": market.quantity_decimals,
        "quoteCommissionPrecision": market.price_decimals,
        "orderTypes": list(OrderType),
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "quoteAmountPrecision": plain(market.minimum_cost),
        "quoteAmountPrecisionMarket": plain(market.minimum_cost),
        "baseSizePrecision": plain(market.minimum_quantity),
        "permissions": ["SPOT", "MARGIN"],
        "filters": [],
        "maxQuoteAmount": plain(market.maximum_cost),
        "maxQuoteAmountMarket": plain(market.maximum_cost),
        "makerCommission": plain(MAKER_FEE),
        "takerCommission": plain(TAKER_FEE),
        "tradeSideType": 1,
    }


def depth(venue: Venue, call: Call) -> Answer:
    book = market_data.depth(market_of(call.need("symbol")), call.integer("limit"))
    return Answer({"lastUpdateId": venue.now_ms, **book, "timestamp": venue.now_ms})


def trades(venue: Venue, call: Call) -> Answer:
    market = market_of(call.need("symbol"))
    return Answer(
        [
            {
                "id": None,
                "price": plain(price),
                "qty": plain(market.level_quantity),
                "quoteQty": plain(price * market.level_quantity),
                "time": at_ms,
                "isBuyerMaker": side is Side.SELL,
                "isBestMatch": True,
                "tradeType": "BID" if side is Side.BUY else "ASK",
            }
            for at_ms, price, side in market_data.recent_trades(
                market, venue.now_ms, limit_of(call)
            )
        ]
    )


def aggregate_trades(venue: Venue, call: Call) -> Answer:
    market = market_of(call.need("symbol"))
    start, end = call.integer("startTime") or 0, call.integer("endTime")
    newest = min(venue.now_ms, end if end is not None else venue.now_ms)
    return Answer(
        [
            {
                "a": None,
                "f": None,
                "l": None,
                "p": plain(price),
                "q": plain(market.level_quantity),
                "T": at_ms,
                "m": side is Side.SELL,
                "M": True,
            }
            for at_ms, price, side in market_data.recent_trades(market, newest, limit_of(call))
            if at_ms >= start
        ]
    )


def klines(venue: Venue, call: Call) -> Answer:
    market = market_of(call.need("symbol"))
    step = market_data.SPOT_INTERVALS.get(call.need("interval"))
    if step is None:
        raise RefusedError(Reason.INVALID_INTERVAL)
    start, end = call.integer("startTime"), call.integer("endTime")
    found = market_data.candles(market, step, start, end, limit_of(call), venue.now_ms)
    return Answer(
        [
            [
                candle.open_ms,
                *map(plain, (candle.open, candle.high, candle.low, candle.close, candle.volume)),
                candle.close_ms,
                plain(candle.amount),
            ]
            for candle in found
        ]
    )


def average_price(_venue: Venue, call: Call) -> Answer:
    return Answer({"mins": 5, "price": plain(market_of(call.need("symbol")).mid)})


def day_ticker(venue: Venue, call: Call) -> Answer:
    return _one_or_all(call, lambda market: market_data.day_ticker(market, venue.now_ms))


def price_ticker(_venue: Venue, call: Call) -> Answer:
    return _one_or_all(call, lambda m: {"symbol": m.symbol, "price": plain(m.mid)})


def book_ticker(_venue: Venue, call: Call) -> Answer:
    return _one_or_all(call, market_data.book_ticker)


def _one_or_all(call: Call, shape: Callable[[Market], dict[str, Json]]) -> Answer:
    """An object for one symbol, an array for several or for all."""
    if symbol := call.text("symbol"):
        return Answer(shape(market_of(symbol)))
    named = call.text("symbols")
    markets = [market_of(s) for s in named.split(",")] if named else MARKETS.values()
    return Answer([shape(market) for market in markets])
