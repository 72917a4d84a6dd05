"""A drop-in ccxt adapter for MEXC that keeps a record of every cancel that it sends.

    from mexc_plugin import mexc
    exchange = mexc({"apiKey": "…", "secret": "…"})
    exchange.cancel_order("133734823834447872", "BTC/USDT")

`install()` puts the adapter in front of bots that look ccxt's own class up; `uninstall()` takes it
away again. `mexc_plugin.async_support` and `mexc_plugin.pro` have the same shape as ccxt's. Importing this
package imports nothing heavy; ccxt is imported when a class is asked for.
"""

from mexc_plugin import _ccxt_namespace
from mexc_plugin.hosting import install, uninstall

__version__ = "0.1.0"
__all__ = ["__version__", "install", "mexc", "uninstall"]

__getattr__ = _ccxt_namespace.attributes(__name__, own="mexc_plugin.exchange.sync", ccxt="ccxt")
