"""A bot of greenlets, in a process of its own: cancels while another process holds the database.

    python -m tests.green.bot LIBRARY CONFIG

Prints, as JSON, how many cancels returned, the longest of them, and the longest that a greenlet was held up.
"""

import importlib
import json
import sys
import time

LIBRARY = sys.argv[1]
if LIBRARY == "gevent":
    importlib.import_module("gevent.monkey").patch_all()
else:
    importlib.import_module("eventlet").monkey_patch()


def spawn(function: object) -> object:
    return importlib.import_module(LIBRARY).spawn(function)


def main() -> None:
    from mexc_plugin import mexc

    config = json.loads(sys.argv[2])
    exchange = mexc(config["exchange"])
    exchange.load_markets()
    lags, taken, ended = [0.0], [], []

    def watch() -> None:
        while not ended:
            before = time.monotonic()
            time.sleep(0.005)
            lags.append(time.monotonic() - before - 0.005)

    spawn(watch)
    time.sleep(0.05)
    print("ready", flush=True)
    sys.stdin.readline()
    lags[:] = [0.0]
    for order_id in config["orders"]:
        before = time.monotonic()
        exchange.cancel_order(order_id, "LTC/BTC")
        taken.append(time.monotonic() - before)
    ended.append(True)
    print(json.dumps({"cancels": len(taken), "longest": max(taken), "lag": max(lags)}), flush=True)


main()
