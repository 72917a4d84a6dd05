"""Finds ccxt's own classes and instances that were taken before the adapter came."""

import gc
import sys
from collections.abc import Iterator

REMEDY = (
    "call mexc_plugin.install() before that, import the class from mexc_plugin, "
    "or start the program with: mexc-plugin run -- COMMAND"
)


def find_unaudited(originals: tuple[type, ...], own: tuple[type, ...]) -> Iterator[str]:
    """A message for each module that holds one of the classes, and for each class with instances.

    originals: ccxt's own classes; own: the adapter's, which derive from them.
    """
    late = _find_classes(originals, own)
    for module, name in _find_holders(late):
        yield (
            f"{module}.{name} is ccxt's own class, taken before mexc_plugin.install(): "
            f"cancels of exchanges made from it are not on record; {REMEDY}"
        )
    for kind, count in _instances(late).items():
        yield (
            f"{count} instance(s) of {kind} were built before mexc_plugin.install(): "
            f"their cancels are not on record; {REMEDY}"
        )


def _find_classes(originals: tuple[type, ...], own: tuple[type, ...]) -> set[type]:
    """ccxt's classes and what derives from them without passing through ours."""
    classes: set[type] = set()
    waiting = list(originals)
    while waiting:
        kind = waiting.pop()
        if kind not in classes and not issubclass(kind, own):
            classes.add(kind)
            waiting += kind.__subclasses__()
    return classes


def _find_holders(classes: set[type]) -> Iterator[tuple[str, str]]:
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in ("ccxt", "mexc_plugin"):
            continue
        try:
            # Not vars(): a lazily loaded module would be loaded by it.
            names = object.__getattribute__(module, "__dict__")
        except AttributeError:
            continue
        for name, value in list(names.items()):
            # By identity: a module may hold anything, and comparing it may run its code.
            if any(value is kind for kind in classes):
                yield module_name, name


def _instances(classes: set[type]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in gc.get_objects():
        kind = type(item)
        if kind in classes:
            name = f"{kind.__module__}.{kind.__qualname__}"
            counts[name] = counts.get(name, 0) + 1
    return counts
