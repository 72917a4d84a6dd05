"""A served sandbox, and a client that signs by itself, over http.client: no ccxt, no mocks."""

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

from mexc_plugin.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Sandbox

OTHER_KEY, OTHER_SECRET = "mx0otherkey", "another-secret"


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        return self.json["code"]


class Client:
    """Requests to one sandbox; a new connection each, unless `keep_alive` is set."""

    def __init__(self, url: str, key: str = DEFAULT_KEY, secret: str = DEFAULT_SECRET) -> None:
        self.address = urlsplit(url).netloc
        self.key, self.secret = key, secret
        self._kept: http.client.HTTPConnection | None = None

    def raw(
        self, method: str, target: str, body: bytes | None = None, headers: Any = None
    ) -> Reply:
        connection = self._kept or http.client.HTTPConnection(self.address, timeout=5)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), dict(answer.headers))
        finally:
            if connection is not self._kept:
                connection.close()

    def keep_alive(self) -> None:
        self._kept = http.client.HTTPConnection(self.address, timeout=5)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()

    def sign(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def spot(self, method: str, path: str, **params: Any) -> Reply:
        """A signed request to /api/v3; give `timestamp` to choose it, None to leave it out."""
        params = {"timestamp": time.time_ns() // 1_000_000, **params}
        query = urlencode({name: value for name, value in params.items() if value is not None})
        return self.signed_query(method, path, query)

    def signed_query(self, method: str, path: str, query: str) -> Reply:
        target = f"/api/v3/{path}?{query}&signature={self.sign(query)}"
        return self.raw(method, target, headers={"X-MEXC-APIKEY": self.key})

    def contract(self, path: str, body: Any, language: str | None = "English") -> Reply:
        """A signed POST to /api/v1/private; without a `language` the answer is in Chinese."""
        text, now = json.dumps(body), str(time.time_ns() // 1_000_000)
        headers = {
            "ApiKey": self.key,
            "Request-Time": now,
            "Signature": self.sign(self.key + now + text),
            "Content-Type": "application/json",
        } | ({} if language is None else {"Language": language})
        return self.raw("POST", f"/api/v1/private/{path}", text.encode(), headers)

    def cancel(self, order_id: Any, symbol: str = "LTCBTC", **params: Any) -> Reply:
        return self.spot("DELETE", "order", symbol=symbol, orderId=order_id, **params)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    credentials = {DEFAULT_KEY: DEFAULT_SECRET, OTHER_KEY: OTHER_SECRET}
    with Sandbox(credentials=credentials).serve() as served:
        yield served


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    client = Client(sandbox.url)
    yield client
    client.close()


@pytest.fixture
def other(sandbox: Sandbox) -> Client:
    """Another account of the same venue."""
    return Client(sandbox.url, OTHER_KEY, OTHER_SECRET)


@pytest.fixture
def connect() -> type[Client]:
    return Client
