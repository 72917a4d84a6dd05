"""One canonical JSON document for each event: the bytes that are hashed, stored and exported."""

import json
from collections.abc import Iterable, Mapping
from typing import Any


def encode(document: Mapping[str, Any]) -> str:
    """Canonical JSON: keys sorted, no blanks, UTF-8 text, and no floats anywhere.

    Raises TypeError for a float or for any type that JSON does not have.
    """
    return encode_and_tell(document)[0]


def encode_and_tell(document: Mapping[str, Any]) -> tuple[str, bool]:
    """Canonical JSON, and whether it holds just what the document holds, nothing replaced."""
    _refuse_floats(document.values())
    encoded = _ENCODER.encode(document)
    cleaned = clean(encoded)
    return cleaned, cleaned is encoded


def decode(payload: str) -> dict[str, Any]:
    """The document of a payload. Raises ValueError when it is not a JSON object."""
    document = json.loads(payload)
    if not isinstance(document, dict):
        raise ValueError("an event is a JSON object")  # noqa: TRY004 - the value is wrong, not a type
    return document


def clean(value: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, with U+FFFD."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _refuse_floats(values: Iterable[object]) -> None:
    for value in values:
        if type(value) in _SCALARS:
            continue  # nearly all of them
        if isinstance(value, float):
            raise TypeError("an event holds decimals as text, never as floats")
        if isinstance(value, Mapping):
            _refuse_floats(value.values())
        elif isinstance(value, list | tuple):
            _refuse_floats(value)


_SCALARS = frozenset({str, int, bool, type(None)})
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
