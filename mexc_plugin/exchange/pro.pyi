from ccxt.pro.mexc import mexc as _ccxt_mexc

from mexc_plugin.exchange.asynchronous import _AsyncMethods

class mexc(_AsyncMethods, _ccxt_mexc): ...
