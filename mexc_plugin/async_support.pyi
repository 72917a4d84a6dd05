from typing import Any

from ccxt.async_support.base.exchange import Exchange as Exchange
from ccxt.base.errors import *

from mexc_plugin.exchange.asynchronous import mexc as mexc

__all__ = ["mexc"]

def __getattr__(name: str) -> Any: ...
