"""Puts the adapter where bots look ccxt's classes up, and takes it away again."""

import importlib
import sys
import threading
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to import than all the rest
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

# Where ccxt keeps a class named mexc, and which module has ours for that place.
PLACES = {
    "ccxt": "mexc_plugin.exchange.sync",
    "ccxt.async_support": "mexc_plugin.exchange.asynchronous",
    "ccxt.pro": "mexc_plugin.exchange.pro",
}
NAME = "mexc"

_lock = threading.Lock()
_replaced: dict[str, object] = {}


def install(audit: "Mapping[str, Any] | None" = None) -> None:
    """Make `ccxt.mexc`, `ccxt.async_support.mexc` and `ccxt.pro.mexc` the audited classes.

    audit: defaults for exchanges that are built later, keys as in `options["audit"]`; None leaves
    them as they are. May be called again, and from several threads. Not replaced is the class in
    its own module (`from ccxt.mexc import mexc`): ccxt's methods need it there.
    Warns (UserWarning) of ccxt's own classes and instances that are already in use: those go on
    without a record. Raises ConfigError for settings that cannot be meant, before anything changes.
    """
    defaults = None if audit is None else _check(audit)
    # All of ccxt first: a ccxt.pro that is imported after ccxt.async_support.mexc was replaced
    # derives from the replacement, and would record every cancel twice. And no import under the
    # lock: another thread may hold an import's lock and wait for this one.
    places = {name: importlib.import_module(name) for name in PLACES}
    own = {name: getattr(importlib.import_module(module), NAME) for name, module in PLACES.items()}
    with _lock:
        changed = [name for name in PLACES if getattr(places[name], NAME) is not own[name]]
        for name in changed:
            _replaced[name] = getattr(places[name], NAME)
            setattr(places[name], NAME, own[name])
        if defaults is not None:
            _set_defaults(defaults)
    if changed:
        _warn_of_early_ones(places, own)


def put_back() -> None:
    """Put back what `install()` replaced, and its defaults."""
    with _lock:
        for name, original in _replaced.items():
            module = sys.modules.get(name)
            # Whoever replaced the class after us keeps it.
            if module is not None and _is_ours(getattr(module, NAME, None)):
                setattr(module, NAME, original)
        _replaced.clear()
        _set_defaults({})


def _is_ours(value: object) -> bool:
    return getattr(value, "__module__", None) in PLACES.values()


def _check(audit: "Mapping[str, Any]") -> "dict[str, Any]":
    from mexc_plugin import config
    from mexc_plugin.store.connect import engine
    from mexc_plugin.store.write.spool import spool_folder

    settings = config.resolve(audit)
    engine.validate(settings.url)
    spool_folder.validate(settings.spool)
    # A relative path means the folder of now, not that of the exchange built later.
    fixed = {"url": settings.url, "spool": settings.spool}
    return {**audit, **{key: value for key, value in fixed.items() if audit.get(key)}}


def _set_defaults(defaults: "dict[str, Any]") -> None:
    from mexc_plugin import config

    config.DEFAULTS = defaults


def _warn_of_early_ones(places: "Mapping[str, ModuleType]", own: "Mapping[str, type]") -> None:
    from mexc_plugin.hosting import early

    originals = tuple(getattr(importlib.import_module(f"{name}.{NAME}"), NAME) for name in places)
    for message in early.find_unaudited(originals, tuple(own.values())):
        warnings.warn(message, UserWarning, stacklevel=3)
