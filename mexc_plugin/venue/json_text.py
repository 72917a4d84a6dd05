"""JSON with every number kept as the text that was received."""

import json
from typing import Any

UNREADABLE = object()


def parse_json(body: str) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON with every number kept as text, or return UNREADABLE.

    An object that gives one name two values is unreadable: readers differ in which one they take.
    """
    try:
        return _DECODER.decode(body)
    except (ValueError, RecursionError):
        return UNREADABLE


def text(value: object) -> str | None:
    """A venue's scalar as text; None for null, booleans, containers and the empty string."""
    if type(value) is str:
        return value or None
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return None
    return str(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs) and any(found[name] != value for name, value in pairs):
        raise ValueError("one name with two values")
    return found


_DECODER = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object
)
