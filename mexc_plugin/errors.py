"""What this project raises of its own, below ccxt's tree.

MexcPluginError
 +-- ConfigError          an option, URL or environment variable cannot be used; fix it and start again
 +-- UnsupportedPlatform  this system has no POSIX file locks: Windows; run the bot in WSL
 +-- EvidenceError        a checkpoint or what else proves something is not what it should be
 +-- StoreError           the audit database cannot be used now; the message says why
      +-- StoreForeign    the database holds other people's tables; run ``db upgrade`` if it is meant
      +-- StoreOutdated   the database is older than this program; run ``db upgrade``
      +-- StoreTooNew     the database is newer than this program; upgrade mexc-plugin
      +-- StoreMissing    there is no audit at that address yet

None of these reaches a bot out of ``cancel_order``: a store that fails is handled by the failure policy.
Every message says what to do next. ccxt's own errors are found here by their names, too: after
`import mexc_plugin as ccxt`, this module is `ccxt.errors`.
"""

from mexc_plugin import _ccxt_namespace

TYPE_CHECKING = False
if not TYPE_CHECKING:  # a checker is to find what is misspelt
    __getattr__ = _ccxt_namespace.ccxt_attributes(__name__, "ccxt.base.errors")


class MexcPluginError(Exception):
    """Base of everything that this project raises of its own."""


class ConfigError(MexcPluginError, ValueError):
    """An option, URL or environment variable cannot be used. Raised before anything is sent."""


class UnsupportedPlatform(MexcPluginError, ImportError):
    """This system lacks what the record rests on. Raised when the adapter or the store is imported."""


class EvidenceError(MexcPluginError):
    """A checkpoint, or what else is to prove something, is not what it should be: the message says how."""


class StoreError(MexcPluginError):
    """The audit database cannot be opened, read or written now."""


class StoreForeign(StoreError):
    """The database holds tables that are not ours, and was never prepared with ``db upgrade``."""


class StoreOutdated(StoreError):
    """The database's schema is older than this program. ``db upgrade`` brings it forward."""


class StoreTooNew(StoreError):
    """The database's schema is newer than this program. Upgrade mexc-plugin."""


class StoreMissing(StoreError):
    """There is no audit at that address. Cancel something first, or run ``db upgrade``."""
