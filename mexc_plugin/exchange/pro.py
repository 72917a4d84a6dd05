"""The class for `ccxt.pro.mexc`."""

from ccxt.pro.mexc import mexc as _ccxt_mexc

from mexc_plugin.exchange.cancels.signatures import take_signatures
from mexc_plugin.exchange.sync_async import Asynchronous
from mexc_plugin.exchange.transport import aiohttp_guard as _  # noqa: F401 - before a first cancel needs it


@take_signatures
class mexc(Asynchronous, _ccxt_mexc):  # noqa: N801 - ccxt looks its classes up by the exchange's id
    """`ccxt.pro.mexc` that puts every request that cancels on record.

    Made and used as ccxt's own; `options["audit"]` says where the record is. Its one method more is
    `reconcile_cancels`, which asks the venue what became of cancels whose outcome is unknown.
    """
