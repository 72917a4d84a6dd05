# What a type checker sees. No `from ccxt import *`: where ccxt's annotations are followed, its own mexc would
# be taken for ours. Its other exchanges are Any.
from typing import Any

from ccxt.base.errors import *
from ccxt.base.exchange import Exchange as Exchange
from ccxt.base.precise import Precise as Precise

from mexc_plugin import async_support as async_support
from mexc_plugin import pro as pro
from mexc_plugin.exchange.sync import mexc as mexc
from mexc_plugin.hosting import install as install
from mexc_plugin.hosting import uninstall as uninstall

__all__ = ["__version__", "install", "mexc", "uninstall"]
__version__: str

def __getattr__(name: str) -> Any: ...
