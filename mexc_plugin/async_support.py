"""`ccxt.async_support` with `mexc` audited."""

from mexc_plugin import _ccxt_namespace

__all__ = ["mexc"]

__getattr__ = _ccxt_namespace.attributes(
    __name__, own="mexc_plugin.exchange.asynchronous", ccxt="ccxt.async_support"
)
