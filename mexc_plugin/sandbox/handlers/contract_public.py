"""The public futures endpoints. Contracts trade at the prices of their spot market."""

from mexc_plugin.sandbox import market_data
from mexc_plugin.sandbox.handlers.contract import ok
from mexc_plugin.sandbox.markets import CONTRACTS, TAKER_FEE, Contract, contract_of
from mexc_plugin.sandbox.messages import Answer, Call
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import Json, Side, number

_MAX_CANDLES = 2000
_FUNDING_HOURS = 8


def ping(venue: Venue, _call: Call) -> Answer:
    return ok(venue.now_ms)


def detail(_venue: Venue, call: Call) -> Answer:
    if symbol := call.text("symbol"):
        return ok(_detail(contract_of(symbol)))
    return ok([_detail(contract) for contract in CONTRACTS.values()])


def _detail(contract: Contract) -> dict[str, Json]:
    market = contract.index
    return {
        "symbol": contract.symbol,
        "displayName": contract.symbol,
        "displayNameEn": f"{contract.symbol} SWAP",
        "positionOpenType": 3,
        "baseCoin": market.base,
        "quoteCoin": market.quote,
        "settleCoin": market.quote,
        "contractSize": number(contract.contract_size),
        "minLeverage": 1,
        "maxLeverage": contract.maximum_leverage,
        "priceScale": market.price_decimals,
        "volScale": 0,
        "amountScale": 4,
        "priceUnit": number(contract.price_unit),
        "volUnit": 1,
        "minVol": 1,
        "maxVol": 1_000_000,
        "bidLimitPriceRate": 0.1,
        "askLimitPriceRate": 0.1,
        "takerFeeRate": number(TAKER_FEE),
        "makerFeeRate": 0,
        "maintenanceMarginRate": 0.004,
        "initialMarginRate": 0.008,
        "riskBaseVol": 1_000_000,
        "riskIncrVol": 1_000_000,
        "riskIncrMmr": 0.004,
        "riskIncrImr": 0.004,
        "riskLevelLimit": 1,
        "priceCoefficientVariation": 0.1,
        "indexOrigin": ["SANDBOX"],
        "state": 0,
        "isNew": False,
        "isHot": False,
        "isHidden": False,
        "apiAllowed": True,
    }


def depth(venue: Venue, call: Call) -> Answer:
    market = contract_of(call.path_params["symbol"]).index
    limit = call.integer("limit")
    book = {
        name: [[number(price), number(quantity), 1] for price, quantity in market.side(side)]
        for name, side in (("asks", Side.SELL), ("bids", Side.BUY))
    }
    cut = {name: levels[:limit] if limit else levels for name, levels in book.items()}
    return ok({**cut, "version": venue.now_ms, "timestamp": venue.now_ms})


def ticker(venue: Venue, call: Call) -> Answer:
    if symbol := call.text("symbol"):
        return ok(_ticker(contract_of(symbol), venue.now_ms))
    return ok([_ticker(contract, venue.now_ms) for contract in CONTRACTS.values()])


def _ticker(contract: Contract, now_ms: int) -> dict[str, Json]:
    market = contract.index
    day = market_data.day_ticker(market, now_ms)
    mid = number(market.mid)
    return {
        "symbol": contract.symbol,
        "lastPrice": mid,
        "bid1": number(market.bid[0]),
        "ask1": number(market.ask[0]),
        "volume24": 1_000_000,
        "amount24": number(1_000_000 * contract.contract_size * market.mid),
        "holdVol": 1_000_000,
        "lower24Price": float(day["lowPrice"]),
        "high24Price": float(day["highPrice"]),
        "riseFallRate": float(day["priceChangePercent"]),
        "riseFallValue": float(day["priceChange"]),
        "indexPrice": mid,
        "fairPrice": mid,
        "fundingRate": 0,
        "maxBidPrice": number(market.mid * 11 / 10),
        "minAskPrice": number(market.mid * 9 / 10),
        "timestamp": now_ms,
    }


def deals(venue: Venue, call: Call) -> Answer:
    market = contract_of(call.path_params["symbol"]).index
    limit = min(call.integer("limit") or 100, 100)
    return ok(
        [
            {"p": number(price), "v": 1, "T": 1 if side is Side.BUY else 2, "O": 3, "M": 1, "t": at}
            for at, price, side in market_data.recent_trades(market, venue.now_ms, limit)
        ]
    )


def kline(venue: Venue, call: Call) -> Answer:
    """Columns of candles; start, end and the times are seconds."""
    market = contract_of(call.path_params["symbol"]).index
    step = market_data.CONTRACT_INTERVALS.get(call.text("interval") or "Min1")
    if step is None:
        raise RefusedError(Reason.CONTRACT_PARAMETER)
    start, end = call.integer("start"), call.integer("end")
    found = market_data.candles(
        market,
        step,
        None if start is None else start * 1000,
        None if end is None else end * 1000,
        _MAX_CANDLES,
        venue.now_ms,
    )
    return ok(
        {
            "time": [candle.open_ms // 1000 for candle in found],
            "open": [number(candle.open) for candle in found],
            "close": [number(candle.close) for candle in found],
            "high": [number(candle.high) for candle in found],
            "low": [number(candle.low) for candle in found],
            "vol": [number(candle.volume) for candle in found],
            "amount": [number(candle.amount) for candle in found],
        }
    )


def price(name: str, venue: Venue, call: Call) -> Answer:
    """index_price and fair_price: `name` is the field that holds it."""
    contract = contract_of(call.path_params["symbol"])
    mid = number(contract.index.mid)
    return ok({"symbol": contract.symbol, name: mid, "timestamp": venue.now_ms})


def funding_rate(venue: Venue, call: Call) -> Answer:
    contract = contract_of(call.path_params["symbol"])
    cycle = _FUNDING_HOURS * 60 * market_data.MINUTE_MS
    return ok(
        {
            "symbol": contract.symbol,
            "fundingRate": 0.0001,
            "maxFundingRate": 0.003,
            "minFundingRate": -0.003,
            "collectCycle": _FUNDING_HOURS,
            "nextSettleTime": (venue.now_ms // cycle + 1) * cycle,
            "timestamp": venue.now_ms,
        }
    )
