"""JSON with every number kept as the text that was received."""

import json
from typing import Any

UNREADABLE = object()
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


def parse_json(body: str) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON with every number kept as text, or return UNREADABLE."""
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
