"""The three classes look and behave as ccxt's own, but for what is listed here with its reason."""

import collections
import copy
import inspect
import types
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

import mexc_plugin
import mexc_plugin.async_support
import mexc_plugin.errors
import mexc_plugin.pro
from tests.conftest import COLOURS, Audit

from .classes import KEYS, OURS, THEIRS

PREFIX = "_audit_"

# Public names that ccxt's classes do not have.
MORE = {
    "reconcile_cancels": "asks the venue what became of cancels whose outcome is unknown",
    "reconcileCancels": "the same: ccxt gives every method a name in camel case",
}
# Methods whose signature is not ccxt's.
OTHER_SIGNATURES: dict[str, str] = {}
# Dunder names that a class of ours defines and ccxt's does not; nobody calls them by name.
DUNDER = {
    "__setattr__": "a `fetch` that the bot puts on the instance sends, and is recorded",
    "__delattr__": "and is taken away again",
}


@pytest.fixture
def theirs(colour: str) -> type:
    return THEIRS[colour]


@pytest.fixture
def ours(colour: str) -> type:
    return OURS[colour]


def overrides(colour: str) -> list[str]:
    """The methods of ccxt's that are ours, by their own names: those in camel case come with the first object."""
    theirs, ours = THEIRS[colour], OURS[colour]
    names = (name for name in dir(theirs) if name == "__init__" or not name.startswith("_"))
    return [
        name
        for name in names
        if name == name.lower()
        and inspect.getattr_static(theirs, name) is not inspect.getattr_static(ours, name)
        and callable(getattr(theirs, name))
    ]


def signature(method: object) -> object:
    try:
        return inspect.signature(method)
    except (TypeError, ValueError):  # builtins, and classes that are attributes
        return None


# -- the packages

PACKAGES = {
    mexc_plugin: ccxt,
    mexc_plugin.async_support: ccxt.async_support,
    mexc_plugin.pro: ccxt.pro,
}
OUR_OWN = {
    "mexc": "the point of it all",
    "async_support": "so that its mexc is ours",
    "pro": "so that its mexc is ours",
    "errors": "our own errors, and ccxt's by their names",
}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_name_of_ccxts_packages_is_there(package: Any) -> None:
    theirs = PACKAGES[package]
    names = [name for name in dir(theirs) if not name.startswith("__")]
    assert len(names) > 30
    found = {name for name in names if getattr(package, name) is not getattr(theirs, name)}
    assert found <= set(OUR_OWN)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = package.nonsense


def test_every_error_of_ccxts_is_found_by_its_long_name() -> None:
    names = ccxt.errors.__all__
    assert [getattr(mexc_plugin.errors, name) for name in names] == [
        getattr(ccxt.errors, name) for name in names
    ]


# -- the class


def test_no_public_name_is_missing_and_none_is_new(theirs: type, ours: type) -> None:
    given, found = (set(dir(each(KEYS))) for each in (theirs, ours))
    assert {name for name in given - found if not name.startswith("_")} == set()
    assert {name for name in found - given if not name.startswith("_")} == set(MORE)


def test_every_public_method_has_ccxts_signature(theirs: type, ours: type) -> None:
    for each in (theirs, ours):
        each(KEYS)  # gives a class its names in camelCase, which are its bases' otherwise
    names = [name for name in dir(theirs) if name == "__init__" or not name.startswith("_")]
    assert len(names) > 500
    others = [
        name
        for name in names
        if signature(getattr(theirs, name)) != signature(getattr(ours, name))
        or inspect.iscoroutinefunction(getattr(theirs, name))
        != inspect.iscoroutinefunction(getattr(ours, name))
    ]
    assert sorted(others) == sorted(OTHER_SIGNATURES)


@pytest.mark.parametrize(
    ("colour", "name"), [(colour, name) for colour in COLOURS for name in overrides(colour)]
)
def test_an_override_is_of_ccxts_kind_and_says_what_differs(colour: str, name: str) -> None:
    theirs, ours = THEIRS[colour], OURS[colour]
    given, found = getattr(theirs, name), getattr(ours, name)
    for static in (inspect.getattr_static(theirs, name), inspect.getattr_static(ours, name)):
        assert type(static) is type(inspect.getattr_static(theirs, name))
    assert inspect.getfullargspec(found) == inspect.getfullargspec(given)
    assert found.__annotations__ == given.__annotations__
    assert found.__name__ == given.__name__
    assert found.__qualname__ == f"mexc.{name}"
    assert not hasattr(found, "__wrapped__")
    assert "ccxt" in (inspect.getdoc(found) or "")
    documented = inspect.getdoc(found) or ""
    assert (
        documented.startswith("As ccxt's") or "nlike" in documented or "as ccxt's own" in documented
    )


def test_the_overrides_are_what_they_were() -> None:
    """So that the tests above cannot pass for want of methods."""
    common = {
        "__init__", "cancel_order", "cancel_orders", "cancel_all_orders", "cancel_unified_order", "edit_order",
        "fetch", "fetch2", "throttle", "on_rest_response", "handle_errors", "urlencode", "log",
    }  # fmt: skip
    found = {colour: set(overrides(colour)) for colour in COLOURS}
    assert found["sync"] == common
    assert found["async"] == found["pro"] == common | {"open", "get_socks_proxy_session"}


def test_every_name_of_our_own_is_marked_as_ours(theirs: type, ours: type) -> None:
    """A bot's subclass has a `_send` or a `_key` of its own, and every key of the config becomes an attribute."""
    mixins = ours.__mro__[1 : ours.__mro__.index(theirs)]
    private = {name for mixin in mixins for name in vars(mixin) if name.startswith("_")}
    ordinary = {name for name in private if not name.startswith("__")}
    assert [name for name in ordinary if not name.startswith(PREFIX)] == []
    mine = {name for name in private if name.startswith("__")} & set(vars(object))
    assert mine - {"__init__", "__doc__", "__module__"} == set(DUNDER)


def test_a_class_is_called_as_ccxts_and_is_one_of_them(theirs: type, ours: type) -> None:
    assert (ours.__name__, ours.__qualname__) == (theirs.__name__, theirs.__qualname__)
    assert issubclass(ours, theirs)
    assert [cls for cls in ours.__mro__ if cls in theirs.__mro__] == list(theirs.__mro__)
    assert "put" in (ours.__doc__ or "")


# -- the object


@pytest.fixture
def pair(colour: str, audit: Audit) -> tuple[Any, Any]:
    """Two objects of the same config: ccxt's and ours."""
    config = {**KEYS, "options": {"audit": {"url": audit.url}}}
    return THEIRS[colour](copy.deepcopy(config)), OURS[colour](copy.deepcopy(config))


def test_an_object_has_ccxts_attributes_and_one_of_our_own(pair: tuple[Any, Any]) -> None:
    theirs, ours = map(vars, pair)
    assert set(ours) - set(theirs) == {"_audit_settings"}
    assert set(theirs) - set(ours) == set()
    odd = {name for name in theirs if type(theirs[name]) is not type(ours[name])}
    assert odd == set()


def test_an_object_describes_and_shows_itself_as_ccxts(pair: tuple[Any, Any]) -> None:
    theirs, ours = pair
    assert (repr(ours), str(ours)) == (repr(theirs), str(theirs))
    for exchange in pair:
        exchange.plain = {
            name: value for name, value in exchange.describe().items() if name != "streaming"
        }  # which holds a method of the object
    assert ours.plain == theirs.plain
    for name in ("id", "name", "has", "urls", "api", "fees", "options", "rateLimit", "logger"):
        assert getattr(ours, name) == getattr(theirs, name)
    more = {name for name in set(dir(ours)) - set(dir(theirs)) if not name.startswith("__")}
    assert more - set(MORE) == {name for name in dir(ours) if name.startswith(PREFIX)}


def test_the_names_in_camel_case_are_ours(pair: tuple[Any, Any], colour: str) -> None:
    _, ours = pair
    for name in overrides(colour):
        if "_" in name.strip("_"):
            first, *rest = name.split("_")
            camel = "".join([first, *map(str.capitalize, rest)])
            assert getattr(ours, camel) == getattr(ours, name)
            assert getattr(type(ours), camel) is getattr(type(ours), name)


def test_what_plain_refuses_is_refused_and_nothing_else(theirs: type, ours: type) -> None:
    cases: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), {}), ((None,), {}), (([],), {}), ((set(),), {}), (("x",), {}), ((5,), {}), ((True,), {}),
        (({}, {}), {}), ((), {"config": KEYS}), ((), {"apiKey": "a"}), (({},), {"config": {}}),
        (({"options": None},), {}), (({"options": []},), {}), (({"apiKey": 5},), {}),
        (({"apiKey": b"abc", "secret": b"x"},), {}), (({"apiKey": []},), {}), (({1: 2},), {}),
        ((types.MappingProxyType({"apiKey": "a"}),), {}), ((collections.OrderedDict(apiKey="x"),), {}),
        (({"logger": 5},), {}), (({"describe": None},), {}), (({"has": None},), {}),
        (({"urls": None},), {}), (({"headers": None},), {}), (({"log": None},), {}),
        (({"": 5},), {}), (({"options": {"audit": None}},), {}), (({"markets": {}},), {}),
    ]  # fmt: skip
    for args, kwargs in cases:
        assert construct(ours, args, kwargs) == construct(theirs, args, kwargs), (args, kwargs)


def construct(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    try:
        made: Any = cls(*args, **kwargs)
    except Exception as error:
        return type(error)
    return made.apiKey, made.id, type(made.options), made.logger
