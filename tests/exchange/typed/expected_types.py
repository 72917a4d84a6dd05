"""What a type checker has to know when it follows ccxt's own annotations. Every ignore is a mistake that it finds."""

from typing import Any, assert_type

from ccxt.base.errors import NetworkError
from ccxt.base.exchange import Exchange
from ccxt.base.types import Order
from ccxt.mexc import mexc as plain

import mexc_plugin
from mexc_plugin import async_support, mexc, pro

exchange = mexc({"apiKey": "…", "secret": "…", "options": {"audit": {"url": "sqlite:///a.db"}}})
assert_type(exchange.cancel_order("1", "BTC/USDT"), Order)
assert_type(exchange.cancel_unified_order(exchange.cancel_order("1")), Order)
assert_type(exchange.cancel_orders(["1"], symbol="BTC/USDT"), list[Order])
assert_type(exchange.cancel_all_orders(), list[Order])
assert_type(exchange.edit_order("1", "BTC/USDT", "limit", "buy", 1, 2), Order)
assert_type(exchange.reconcile_cancels(dry_run=True), list[dict[str, Any]])
assert_type(exchange.urlencode({"a": "1"}), str)
assert_type(exchange.fetch_order("1", "BTC/USDT"), Order)
parents: list[plain | Exchange] = [exchange, mexc(config={})]

exchange.cancel_order()  # type: ignore[call-arg]
exchange.cancel_order("1", nonsense=True)  # type: ignore[call-arg]
mexc_plugin.install(audit="sqlite:///a.db")  # type: ignore[arg-type]


async def asynchronous(loose: async_support.mexc, streaming: pro.mexc) -> None:
    for one in (loose, streaming):
        assert_type(await one.cancel_order("1", "BTC/USDT"), Order)
        assert_type(await one.cancel_orders(["1"]), list[Order])
        assert_type(await one.cancel_all_orders("BTC/USDT"), list[Order])
        assert_type(await one.edit_order("1", "BTC/USDT", "limit", "buy", 1, 2), Order)
        assert_type(await one.reconcile_cancels(), list[dict[str, Any]])
        await one.close()
    assert_type(await streaming.watch_orders("BTC/USDT"), list[Order])
    await exchange.cancel_order("1")  # type: ignore[misc]
    loose.cancel_order("1")["id"]  # type: ignore[index]


try:
    exchange.cancel_order("1")
except mexc_plugin.NetworkError as error:
    assert_type(error, NetworkError)
