"""A request and an answer as values, so that everything but the server is free of HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from urllib.parse import parse_qsl

from mexc_plugin.sandbox.venue_errors import Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import Json


@dataclass(frozen=True)
class Call:
    """One request as it arrived. `query` and `body` are the bytes on the wire, undecoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    path_params: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def json(self) -> Json:
        """The body read as JSON with exact numbers, or None when it is not JSON."""
        try:
            return json.loads(self.body, parse_float=Decimal)
        except ValueError:
            return None

    @cached_property
    def params(self) -> dict[str, str]:
        """Query and body together; what is in both is taken from the query (mexc.md)."""
        params: dict[str, str] = {}
        if isinstance(self.json, dict):
            params.update({key: _text(value) for key, value in self.json.items()})
        elif self.json is None:
            params.update(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        params.update(parse_qsl(self.query, keep_blank_values=True))
        return params

    @property
    def api_key(self) -> str | None:
        """The key that the request names, spot or futures, whether or not it is known."""
        return self.headers.get("X-MEXC-APIKEY") or self.headers.get("ApiKey")

    def text(self, name: str) -> str | None:
        """A parameter, or None when it is not sent or empty."""
        return self.params.get(name) or None

    def need(self, name: str) -> str:
        """A mandatory parameter. Raises RefusedError (700004)."""
        value = self.text(name)
        if value is None:
            raise RefusedError(Reason.MISSING, name)
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise RefusedError(Reason.MISSING, name) from None

    def decimal(self, name: str) -> Decimal | None:
        value = self.text(name)
        return None if value is None else decimal_of(value, name)


def decimal_of(value: object, name: str) -> Decimal:
    """A finite decimal from text or a JSON number. Raises RefusedError (700004)."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise RefusedError(Reason.MISSING, name) from None
    if not number.is_finite():
        raise RefusedError(Reason.MISSING, name)
    return number


def _text(value: Json) -> str:
    if isinstance(value, str | Decimal):
        return str(value)
    return json.dumps(value, default=str)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: `body` is JSON, or bytes that are sent as they are.

    `effect` names the orders that the request really cancelled.
    """

    body: Json
    status: int = 200
    effect: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def encode(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, separators=(",", ":")).encode()

    @property
    def code(self) -> int | None:
        """The ``code`` of the answer's object, if it has one that is a number."""
        code = self.body.get("code") if isinstance(self.body, dict) else None
        return code if isinstance(code, int) else None
