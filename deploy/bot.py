"""A bot to try the record with: it places orders at a sandbox of its own and cancels them, for ever."""

import itertools
import time

import ccxt

from mexc_plugin import mexc
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox

PAUSE_S = 5.0

with Sandbox().serve() as sandbox:
    exchange = mexc(sandbox.ccxt_config() | {"options": {"audit": {"bot": "compose"}}})
    for number in itertools.count(1):
        order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
        if number % 10 == 0:
            sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
        try:
            exchange.cancel_order(order_id, "LTC/BTC")
        except ccxt.NetworkError as error:
            print(f"{order_id}: {type(error).__name__}, so nobody knows yet", flush=True)
        time.sleep(PAUSE_S)
