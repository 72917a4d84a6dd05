"""What a user writes: a type checker accepts it, strict or not, and it runs (test_types.py)."""

import asyncio
from typing import Any

import mexc_plugin
from mexc_plugin import NetworkError, async_support, mexc, pro


class Mine(mexc):
    """A bot's own exchange."""

    def cancel_order(self, id: str, symbol: str | None = None, params: dict[str, Any] = {}) -> Any:
        print("cancelling", id)
        return super().cancel_order(id, symbol, params)


def cancel(exchange: mexc, order_id: str, symbol: str) -> str | None:
    try:
        order = exchange.cancel_order(order_id, symbol)
    except mexc_plugin.OrderNotFound:
        return "gone"
    except (mexc_plugin.ExchangeError, NetworkError) as error:
        return f"unknown: {error}"
    print(order["id"], order["status"], order["filled"])
    status: str | None = order["status"]
    return status


async def cancel_async(config: dict[str, Any], order_id: str, symbol: str) -> list[str | None]:
    found: list[str | None] = []
    for kind in (async_support.mexc, pro.mexc):
        async with kind(config) as exchange:
            for order in await exchange.cancel_orders([order_id], symbol):
                found.append(order["status"])
    return found


def main(config: dict[str, Any], order_id: str, symbol: str) -> list[str | None]:
    mexc_plugin.install(audit={"bot": "grid-7"})
    exchange = Mine(config)
    first = cancel(exchange, order_id, symbol)
    resolved = [str(each["outcome"]) for each in exchange.reconcile_cancels(dry_run=True)]
    others = asyncio.run(cancel_async(config, order_id, symbol))
    mexc_plugin.uninstall()
    return [first, *resolved, *others]
