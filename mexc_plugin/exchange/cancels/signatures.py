"""Our methods under ccxt's signatures.

ccxt's own differ from release to release, in annotations and in parameters (`fetch2`). So they are read off the ccxt
that is installed, when a class is made, and written down nowhere.
"""

import inspect
import types
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)


def take_signatures(cls: Class) -> Class:
    """Class decorator: what overrides a method of ccxt's class, the last base, has that method's signature.

    The class gets copies of its own: a mixin serves several of ccxt's classes, whose signatures may differ.
    """
    theirs = cls.__bases__[-1]
    mixins = cls.__mro__[1 : cls.__mro__.index(theirs)]
    names = {name for mixin in mixins for name in vars(mixin) if _is_public(name)}
    for name in names & set(dir(theirs)):
        method = _copy(getattr(cls, name), getattr(theirs, name), cls)
        is_static = isinstance(inspect.getattr_static(cls, name), staticmethod)
        setattr(cls, name, staticmethod(method) if is_static else method)
        if "_" in name.strip("_"):
            # ccxt sets these with the first object of a class; until then they would be its own class's.
            setattr(cls, _camel_case(name), method)
    return cls


def _is_public(name: str) -> bool:
    return name == "__init__" or not name.startswith("_")


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _copy(ours: Any, theirs: Any, cls: type) -> types.FunctionType:
    copy = types.FunctionType(
        ours.__code__, ours.__globals__, ours.__name__, ours.__defaults__, ours.__closure__
    )
    copy.__doc__ = ours.__doc__
    copy.__module__, copy.__qualname__ = cls.__module__, f"{cls.__qualname__}.{ours.__name__}"
    copy.__annotations__ = dict(theirs.__annotations__)
    copy.__signature__ = inspect.signature(theirs)  # type: ignore[attr-defined]
    return copy
