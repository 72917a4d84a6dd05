import time

import pytest

MINUTE = 60_000


def get(client, path, api="/api/v3/", **params):
    query = "&".join(f"{name}={value}" for name, value in params.items())
    return client.raw("GET", f"{api}{path}?{query}").json


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("ping", {}),
        ("time", {}),
        ("defaultSymbols", {}),
        ("symbol/offline", {}),
        ("exchangeInfo", {}),
        ("depth", {"symbol": "BTCUSDT"}),
        ("trades", {"symbol": "BTCUSDT"}),
        ("historicalTrades", {"symbol": "BTCUSDT"}),
        ("aggTrades", {"symbol": "BTCUSDT"}),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}),
        ("avgPrice", {"symbol": "BTCUSDT"}),
        ("ticker/24hr", {}),
        ("ticker/price", {}),
        ("ticker/bookTicker", {}),
    ],
)
def test_public_endpoints_need_no_signature(client, path, params):
    query = "&".join(f"{name}={value}" for name, value in params.items())

    assert client.raw("GET", f"/api/v3/{path}?{query}").status == 200


@pytest.mark.parametrize("path", ["depth", "trades", "klines", "ticker/24hr", "exchangeInfo"])
def test_an_unknown_symbol_is_refused(client, path):
    assert get(client, path, symbol="NOPE", interval="1m")["code"] == -1121


def test_exchange_info_has_the_rules_of_each_market(client):
    (market,) = get(client, "exchangeInfo", symbol="LTCBTC")["symbols"]

    assert (
        market["status"],
        market["baseAsset"],
        market["quoteAsset"],
        market["baseAssetPrecision"],
        market["quoteAssetPrecision"],
    ) == ("1", "LTC", "BTC", 4, 8)
    assert {"LTCBTC", "BTCUSDT", "ETHUSDT", "LTCUSDT"} == {
        each["symbol"] for each in get(client, "exchangeInfo")["symbols"]
    }


def test_the_order_of_the_venues_page_is_below_the_market(client):
    assert float(get(client, "ticker/bookTicker", symbol="LTCBTC")["askPrice"]) > 2


def test_bids_are_below_asks_best_first(client):
    book = get(client, "depth", symbol="BTCUSDT", limit=5)
    bids, asks = ([float(price) for price, _ in book[side]] for side in ("bids", "asks"))

    assert (len(bids), len(asks)) == (5, 5)
    assert sorted(bids, reverse=True) == bids
    assert sorted(asks) == asks
    assert bids[0] < asks[0]


def test_one_symbol_is_an_object_and_all_are_an_array(client):
    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker"):
        assert get(client, path, symbol="BTCUSDT")["symbol"] == "BTCUSDT"
        assert len(get(client, path)) == 4
        assert len(get(client, path, symbols="BTCUSDT,LTCBTC")) == 2


def test_candles_are_the_same_every_time_and_join_up(client):
    start = 1_700_000_000_000 // MINUTE * MINUTE
    asked = {"symbol": "BTCUSDT", "interval": "1m", "startTime": start, "limit": 10}

    candles = get(client, "klines", **asked)

    assert candles == get(client, "klines", **asked)
    assert [start + n * MINUTE for n in range(10)] == [candle[0] for candle in candles]
    assert [candle[4] for candle in candles[:-1]] == [candle[1] for candle in candles[1:]]
    for _, first, high, low, last, volume, _, amount in candles:
        assert float(low) <= min(float(first), float(last))
        assert max(float(first), float(last)) <= float(high)
        assert min(float(volume), float(amount)) > 0


@pytest.mark.parametrize(
    ("params", "opens"),
    [
        ({"startTime": 1, "endTime": 3 * MINUTE}, [1, 2, 3]),
        ({"startTime": 0, "endTime": 3 * MINUTE - 1}, [0, 1, 2]),
        ({"endTime": 9 * MINUTE, "limit": 2}, [8, 9]),
        ({"startTime": 5 * MINUTE, "limit": 3}, [5, 6, 7]),
        ({"startTime": 5 * MINUTE, "endTime": 4 * MINUTE}, []),
    ],
)
def test_candles_are_those_of_the_time_asked_for(client, params, opens):
    found = get(client, "klines", symbol="BTCUSDT", interval="1m", **params)

    assert opens == [candle[0] // MINUTE for candle in found]


@pytest.mark.parametrize("interval", ["1m", "5m", "15m", "30m", "60m", "4h", "1d", "1W", "1M"])
def test_the_newest_candle_is_now(client, interval):
    candles = get(client, "klines", symbol="BTCUSDT", interval=interval)

    assert len(candles) == 500
    assert candles[-1][0] <= time.time() * 1000 < candles[-1][6]


def test_an_unknown_interval_is_refused(client):
    assert get(client, "klines", symbol="BTCUSDT", interval="7m")["code"] == -1121


@pytest.mark.parametrize(
    "path",
    [
        "ping",
        "detail",
        "detail?symbol=BTC_USDT",
        "support_currencies",
        "depth/BTC_USDT",
        "ticker",
        "ticker?symbol=BTC_USDT",
        "deals/BTC_USDT",
        "kline/BTC_USDT?interval=Min5",
        "kline/index_price/BTC_USDT",
        "kline/fair_price/BTC_USDT",
        "index_price/BTC_USDT",
        "fair_price/BTC_USDT",
        "funding_rate/BTC_USDT",
        "funding_rate/history?symbol=BTC_USDT",
    ],
)
def test_public_futures_endpoints_answer_in_an_envelope(client, path):
    answer = client.raw("GET", f"/api/v1/contract/{path}").json

    assert (answer["success"], answer["code"]) == (True, 0)
    assert "data" in answer


@pytest.mark.parametrize(
    ("path", "code"), [("depth/X_Y", 1001), ("kline/BTC_USDT?interval=Min7", 600)]
)
def test_futures_refusals_are_envelopes_too(client, path, code):
    reply = client.raw("GET", f"/api/v1/contract/{path}")

    assert (200, False, code) == (reply.status, reply.json["success"], reply.code)
