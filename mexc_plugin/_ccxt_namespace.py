"""ccxt's import shape: `mexc` is ours, every other name is ccxt's, and nothing is imported early.

So that `import ccxt` may become `import mexc_plugin as ccxt` and `ccxt.NetworkError` still works.
"""

import importlib
import importlib.util
from collections.abc import Callable


def attributes(package: str, *, own: str, ccxt: str) -> Callable[[str], object]:
    """A module's `__getattr__`: `mexc` from the module `own`, the rest from the module `ccxt`."""
    others = ccxt_attributes(package, ccxt)

    def __getattr__(name: str) -> object:  # noqa: N807 - it becomes a module's own
        if name == "mexc":
            return importlib.import_module(own).mexc
        # Our own modules first: ccxt has some of the same names, and `ccxt.pro` by our name must be
        # ours, or its cancels would go unrecorded.
        if (
            not name.startswith("__")
            and importlib.util.find_spec(f"mexc_plugin.{name}") is not None
        ):
            return importlib.import_module(f"mexc_plugin.{name}")
        return others(name)

    return __getattr__


def ccxt_attributes(package: str, ccxt: str) -> Callable[[str], object]:
    """A module's `__getattr__`: every name that it does not have itself from the module `ccxt`."""

    def __getattr__(name: str) -> object:  # noqa: N807 - it becomes a module's own
        missing = AttributeError(f"module {package!r} has no attribute {name!r}")
        if name.startswith("__"):
            raise missing
        try:
            return getattr(importlib.import_module(ccxt), name)
        except AttributeError:
            raise missing from None

    return __getattr__
