"""Plain ccxt end to end: what bots do, in each of its colours."""

import inspect
import time
from urllib.parse import urlsplit

import ccxt
import ccxt.async_support
import pytest

from mexc_plugin.sandbox import Fault, FaultKind

SPOT, SWAP = "LTC/BTC", "BTC/USDT:USDT"


class AnyColour:
    """Awaits what is awaitable, so that one test serves the sync and the async class."""

    def __init__(self, exchange):
        self.exchange = exchange

    def __getattr__(self, name):
        async def call(*args, **kwargs):
            result = getattr(self.exchange, name)(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return call


@pytest.fixture(params=[ccxt.mexc, ccxt.async_support.mexc], ids=["sync", "async"])
async def exchange(request, sandbox):
    made = request.param({**sandbox.ccxt_config(), "timeout_on_exit": 0})
    yield AnyColour(made)
    if hasattr(made, "session") and inspect.iscoroutinefunction(made.close):
        await made.close()
    else:
        made.session.close()


def test_no_address_in_the_configuration_is_the_venues(sandbox):
    exchange = ccxt.mexc(sandbox.ccxt_config())

    def leaves(value):
        return (
            [x for v in value.values() for x in leaves(v)] if isinstance(value, dict) else [value]
        )

    addresses = leaves(exchange.urls["api"])
    assert {"127.0.0.1"} == {urlsplit(address).hostname for address in addresses}
    exchange.session.close()


def test_the_websocket_addresses_of_ccxt_pro_are_replaced_too(sandbox):
    import ccxt.pro

    exchange = ccxt.pro.mexc(sandbox.ccxt_config())

    addresses = exchange.urls["api"]["ws"].values()
    assert {"127.0.0.1"} == {urlsplit(address).hostname for address in addresses}


async def test_markets_and_currencies_are_loaded(exchange):
    markets = await exchange.load_markets()

    assert {SPOT, "BTC/USDT", "ETH/USDT", "LTC/USDT", SWAP} <= set(markets)
    assert (
        markets[SPOT]["precision"]["amount"],
        markets[SPOT]["precision"]["price"],
        markets[SPOT]["active"],
    ) == (0.0001, 1e-8, True)
    assert {"BTC", "ETH", "LTC", "USDT"} <= set(exchange.exchange.currencies)


async def test_an_order_is_created_fetched_and_cancelled(exchange):
    created = await exchange.create_order(
        SPOT, "limit", "buy", 1, 2.0, {"clientOrderId": "myOrder1"}
    )
    balance = await exchange.fetch_balance()
    fetched = await exchange.fetch_order(created["id"], SPOT)
    open_orders = await exchange.fetch_open_orders(SPOT)
    cancelled = await exchange.cancel_order(created["id"], SPOT)

    assert balance["BTC"] == {"free": 998, "used": 2, "total": 1000}
    assert (
        fetched["status"],
        fetched["clientOrderId"],
        fetched["amount"],
        fetched["price"],
    ) == ("open", "myOrder1", 1, 2)
    assert [created["id"]] == [order["id"] for order in open_orders]
    assert (created["id"], "canceled") == (cancelled["id"], cancelled["status"])
    assert cancelled["info"]["origClientOrderId"] == "myOrder1"
    assert await exchange.fetch_open_orders(SPOT) == []
    assert [order["status"] for order in await exchange.fetch_orders(SPOT)] == ["canceled"]


async def test_an_order_is_cancelled_by_its_client_order_id(exchange, sandbox):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2, "mine")

    await exchange.cancel_order("", SPOT, {"clientOrderId": "mine"})

    assert (order_id,) == sandbox.arrivals[0].effect


async def test_a_market_order_fills_and_has_trades(exchange):
    created = await exchange.create_order("BTC/USDT", "market", "buy", 0.01)
    order = await exchange.fetch_order(created["id"], "BTC/USDT")
    (trade,) = await exchange.fetch_my_trades("BTC/USDT")

    assert (order["status"], order["filled"], order["cost"]) == ("closed", 0.01, 600.005)
    assert (created["id"], "buy", "taker", "USDT") == (
        trade["order"],
        trade["side"],
        trade["takerOrMaker"],
        trade["fee"]["currency"],
    )


async def test_market_orders_by_cost_and_the_types_of_limit_orders_are_understood(exchange):
    made = [
        await exchange.create_market_buy_order_with_cost("BTC/USDT", 100),
        await exchange.create_order(SPOT, "limit", "buy", 1, 2.0, {"postOnly": True}),
        await exchange.create_order(SPOT, "limit", "buy", 1, 2.0, {"timeInForce": "IOC"}),
        await exchange.create_order(SPOT, "limit", "buy", 1, 2.6, {"timeInForce": "FOK"}),
    ]
    symbols = ["BTC/USDT", SPOT, SPOT, SPOT]

    orders = [
        await exchange.fetch_order(order["id"], symbol)
        for order, symbol in zip(made, symbols, strict=True)
    ]

    assert [order["status"] for order in orders] == ["closed", "open", "canceled", "closed"]


async def test_cancelling_all_of_a_symbol_and_all(exchange, sandbox):
    first = sandbox.place("LTCBTC", "BUY", 1, 2)
    second = sandbox.place("BTCUSDT", "BUY", 1, 100)

    (cancelled,) = await exchange.cancel_all_orders(SPOT)
    await exchange.cancel_all_orders()

    assert first == cancelled["id"]
    assert [(first,), (second,)] == [arrival.effect for arrival in sandbox.arrivals]


async def test_isolated_margin_orders_are_cancelled(exchange, sandbox):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

    await exchange.cancel_order(order_id, SPOT, {"marginMode": "isolated"})

    assert ("/api/v3/margin/order", (order_id,)) == (
        sandbox.arrivals[0].path,
        sandbox.arrivals[0].effect,
    )


async def test_a_swap_order_is_created_and_cancelled(exchange, sandbox):
    created = await exchange.create_order(SWAP, "limit", "buy", 10, 50_000)
    open_orders = await exchange.fetch_open_orders(SWAP)
    await exchange.cancel_order(created["id"], SWAP)
    fetched = await exchange.fetch_order(created["id"], SWAP)

    assert [created["id"]] == [order["id"] for order in open_orders]
    assert fetched["status"] == "canceled"
    assert ("/api/v1/private/order/cancel", (created["id"],)) == (
        sandbox.arrivals[0].path,
        sandbox.arrivals[0].effect,
    )
    with pytest.raises(ccxt.InvalidOrder, match="cannot be cancelled"):
        await exchange.cancel_order(created["id"], SWAP)


async def test_swap_orders_are_cancelled_at_once_and_by_trigger(exchange, sandbox):
    order = await exchange.create_order(SWAP, "limit", "buy", 10, 50_000)
    trigger = await exchange.create_order(
        SWAP, "limit", "buy", 10, 50_000, {"triggerPrice": 55_000}
    )

    await exchange.cancel_order(trigger["id"], SWAP, {"trigger": True})
    await exchange.cancel_all_orders(SWAP)

    assert [(trigger["id"],), (order["id"],)] == [arrival.effect for arrival in sandbox.arrivals]


async def test_market_data_is_there_for_spot_and_swap(exchange):
    day_ago = int(time.time() * 1000) - 86_400_000
    for symbol in ("BTC/USDT", SWAP):
        assert (await exchange.fetch_ticker(symbol))["last"] == 60_000
        assert len(await exchange.fetch_ohlcv(symbol, "1h", day_ago)) == 24
        assert len(await exchange.fetch_ohlcv(symbol, "5m", limit=3)) == 3
        assert (await exchange.fetch_order_book(symbol))["bids"][0][0] == 59_999.5
        assert len(await exchange.fetch_trades(symbol, limit=5)) == 5


async def test_the_small_questions_are_answered(exchange):
    assert abs(time.time() * 1000 - await exchange.fetch_time()) < 5000
    assert (await exchange.fetch_status())["status"] == "ok"
    assert len(await exchange.fetch_tickers()) == 4
    assert len(await exchange.fetch_bids_asks()) == 4
    assert (await exchange.fetch_trading_fee(SPOT))["taker"] == 0.0005
    assert (await exchange.fetch_funding_rate(SWAP))["fundingRate"] == 0.0001
    assert await exchange.fetch_positions() == []
    assert (await exchange.fetch_balance({"type": "swap"}))["BTC"]["free"] == 1000
    margin = await exchange.fetch_balance({"marginMode": "isolated", "symbol": SPOT})
    assert margin["BTC"]["free"] == 1000


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultKind.SERVER_ERROR), ccxt.ExchangeError),
        (Fault(FaultKind.BAD_GATEWAY), ccxt.ExchangeNotAvailable),
        (Fault(FaultKind.DROP_BEFORE), ccxt.NetworkError),
        (Fault(FaultKind.DROP_AFTER), ccxt.NetworkError),
        (Fault(FaultKind.RATE_LIMIT), ccxt.RateLimitExceeded),
        (Fault(FaultKind.BANNED, body=b"{}"), ccxt.DDoSProtection),
        (Fault(FaultKind.MAINTENANCE), ccxt.ExchangeNotAvailable),
        (Fault(FaultKind.TRADING_DISABLED), ccxt.InvalidOrder),
        (Fault(FaultKind.REFUSAL, code=700007, message="No permission"), ccxt.AuthenticationError),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
async def test_faults_become_the_errors_that_ccxt_has_for_them(exchange, sandbox, fault, error):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
    await exchange.load_markets()
    sandbox.inject(fault)

    with pytest.raises(error):
        await exchange.cancel_order(order_id, SPOT)

    assert {fault.kind} == {arrival.fault for arrival in sandbox.arrivals}


async def test_a_second_account_has_its_own_orders(sandbox, other):
    sandbox.place("LTCBTC", "BUY", 1, 2)
    exchange = ccxt.mexc(sandbox.ccxt_config(other.key))

    assert exchange.fetch_open_orders(SPOT) == []
    exchange.session.close()
