"""`ccxt.pro` with `mexc` audited."""

from mexc_plugin import _shape

__all__ = ["mexc"]

__getattr__ = _shape.attributes(__name__, own="mexc_plugin.exchange.pro", ccxt="ccxt.pro")
