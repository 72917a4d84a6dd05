"""Installs the adapter when ccxt is first imported, and ends the program if that fails.

Waiting for the import keeps ccxt out of child processes that do not use it, and installs on the
ccxt that the program itself finds.
"""

import contextlib
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # without typing and importlib.abc, which take longer to import than all the rest
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, NoReturn

PACKAGE = "ccxt"
# Each keeps a class of its own, which is ccxt's again where one of them alone is imported anew or reloaded.
PLACES = frozenset({PACKAGE, "ccxt.async_support", "ccxt.pro"})
EXIT_CODE = 1
# Empty until the adapter is installed in the ccxt that is there now.
_installed: "set[str]" = set()


def arm() -> None:
    """Install the adapter as soon as ccxt is there: now, or when it is imported."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    if PACKAGE in sys.modules:
        install_or_end()


def disarm() -> None:
    """Leave later imports of ccxt alone."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]


def install_or_end() -> None:
    """Install the adapter. An import error could be caught by the bot: so this ends the process."""
    _installed.clear()
    try:
        from mexc_plugin.hosting.installing import install

        install()
        _installed.add(PACKAGE)
    except Exception as error:  # noqa: BLE001 - whatever it is, a bot must not run without its audit
        end(f"{type(error).__name__}: {error}")


def end(reason: str) -> "NoReturn":
    """Say why, and end the process at once."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    with contextlib.suppress(Exception):
        sys.stderr.write(
            f"mexc-plugin: the adapter cannot be installed: {reason}\n"
            "mexc-plugin: so the program ends here, before a cancel goes out that is not on record\n"
        )
        sys.stderr.flush()
    os._exit(EXIT_CODE)


class Finder:
    """Stands before the finders of sys.meta_path; finds ccxt where they find it."""

    def find_spec(
        self, fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if fullname not in PLACES:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _InstallingLoader(spec.loader)  # type: ignore[assignment]
                return spec
        return None


class _InstallingLoader:
    """ccxt's own loader; the adapter is installed before whoever imports ccxt goes on."""

    def __init__(self, loader: "Loader") -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> "Any":  # noqa: ANN401 - whatever the loader has
        return getattr(self._loader, name)

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        return self._loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        # The others are first imported while the adapter is being installed.
        if module.__name__ == PACKAGE or _installed:
            install_or_end()
