"""A bot of one cancel, to be frozen: `bot WAY CONFIG ORDER_ID`."""

import asyncio
import json
import sys


def main(way, config, order_id):
    if way == "async":
        from mexc_plugin.async_support import mexc
    elif way == "pro":
        from mexc_plugin.pro import mexc
    elif way == "sync":
        from mexc_plugin import mexc
    else:
        import ccxt

        import mexc_plugin

        mexc_plugin.install()
        mexc = ccxt.mexc
    exchange = mexc(config)
    if way in ("async", "pro"):
        return asyncio.run(cancel(exchange, order_id))
    return exchange.cancel_order(order_id, "LTC/BTC")


async def cancel(exchange, order_id):
    try:
        return await exchange.cancel_order(order_id, "LTC/BTC")
    finally:
        await exchange.close()


print(main(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3])["status"])
