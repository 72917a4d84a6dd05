"""The class for `ccxt.mexc`."""

from ccxt.mexc import mexc as _ccxt_mexc

from mexc_plugin.exchange.signatures import take_signatures
from mexc_plugin.exchange.sync_async import Synchronous


@take_signatures
class mexc(Synchronous, _ccxt_mexc):  # noqa: N801 - ccxt looks its classes up by the exchange's id
    __doc__ = Synchronous.__doc__
