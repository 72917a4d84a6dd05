"""Every path of a cancel that could show a secret, in a process of its own; nothing may show one.

python -m tests.torture.canary_bot CONFIG_AS_JSON ORDERS_AS_JSON SIGNATURES_FILE
"""

import asyncio
import json
import logging
import sqlite3
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import ccxt

from mexc_plugin import async_support, mexc, pro
from mexc_plugin.store.connect import engine
from mexc_plugin.store.write import recorders

SYMBOL = "LTC/BTC"


def main() -> None:
    config, orders, signatures = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    warnings.simplefilter("always")
    keep_signatures(Path(signatures))
    exchange = mexc(config)
    exchange.verbose = True
    for step in steps(exchange, orders["sync"]):
        attempt(step)
    refused(mexc, {**config, "urls": nowhere(config)})
    attempt(lambda: exchange.reconcile_cancels())
    with_locked_database(config, orders["locked"])
    for module, name in ((async_support, "async"), (pro, "pro")):
        asyncio.run(in_a_loop(module.mexc, config, orders[name]))
    print(repr(exchange), exchange, vars(exchange.session))
    recorders.close_all()


def keep_signatures(path: Path) -> None:
    """Every signature that ccxt makes goes to a file that nobody searches."""
    original = ccxt.Exchange.hmac

    def hmac(*args: Any, **kwargs: Any) -> Any:
        signature = original(*args, **kwargs)
        with path.open("a") as file:
            file.write(f"{signature}\n")
        return signature

    for cls in (ccxt.Exchange, async_support.mexc, pro.mexc, mexc):
        cls.hmac = staticmethod(hmac)


def steps(exchange: Any, orders: list[str]) -> list[Any]:
    """One call for each fault that the venue has in store, and those that need none."""
    key = exchange.apiKey
    return [
        *(lambda order_id=each: exchange.cancel_order(order_id, SYMBOL) for each in orders),
        lambda: exchange.cancel_order("1", SYMBOL),
        lambda: exchange.cancel_order(None, SYMBOL),
        lambda: exchange.cancel_order("1", SYMBOL, {"recvWindow": 99_999_999}),
        # Somebody puts the key where no key belongs.
        lambda: exchange.cancel_order(key, SYMBOL),
        lambda: exchange.cancel_order("1", SYMBOL, {"newClientOrderId": exchange.secret}),
        lambda: exchange.cancel_orders(["1", "2"], SYMBOL),
        lambda: exchange.cancel_all_orders(SYMBOL),
        lambda: exchange.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": "1"}),
        lambda: exchange.cancel_order("1", "LTC/USDT:USDT"),
        lambda: exchange.fetch_balance(),
        lambda: exchange.fetch_order("1", SYMBOL),
    ]


def attempt(step: Any) -> None:
    """Call it and print what a bot's own error handling would: everything."""
    try:
        print(step())
    except Exception as error:
        show(error)


def show(error: BaseException) -> None:
    traceback.print_exception(error, file=sys.stdout)
    print(repr(error), str(error), error.args, error.__cause__, error.__context__)
    logging.getLogger("bot").error("failed", exc_info=error)


def nowhere(config: dict[str, Any]) -> Any:
    """The venue's addresses with a port where nobody listens."""
    text = json.dumps(config["urls"])
    port = config["urls"]["api"]["spot"]["public"].rpartition(":")[2]
    return json.loads(text.replace(port, "9"))


def refused(cls: Any, config: dict[str, Any]) -> None:
    exchange = cls(config)
    exchange.markets = None
    attempt(lambda: exchange.spotPrivateDeleteOrder({"symbol": "LTCBTC", "orderId": "1"}))


def with_locked_database(config: dict[str, Any], orders: list[str]) -> None:
    """What goes to the spool."""
    recorders.close_all()
    exchange = mexc(config)
    exchange.verbose = True
    path = engine.sqlite_path(config["options"]["audit"]["url"])
    assert path is not None
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    for order_id in orders:
        attempt(lambda order_id=order_id: exchange.cancel_order(order_id, SYMBOL))
    # Not closed: the spool is there to be searched when this process ends.
    globals()["_kept"] = lock


async def in_a_loop(cls: Any, config: dict[str, Any], orders: list[str]) -> None:
    exchange = cls(config)
    exchange.verbose = True
    exchange.timeout_on_exit = 1
    try:
        for order_id in [*orders, "1"]:
            try:
                print(await exchange.cancel_order(order_id, SYMBOL))
            except Exception as error:
                show(error)
    finally:
        await exchange.close()


if __name__ == "__main__":
    main()
