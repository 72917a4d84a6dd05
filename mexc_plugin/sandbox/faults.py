"""What can go wrong on purpose: the kinds, a fault as a value, and the list in force."""

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import get_type_hints

from mexc_plugin.sandbox.messages import Answer
from mexc_plugin.sandbox.vocabulary import Json

ELSEWHERE = "/sandbox/elsewhere"
"""Where a redirect leads unless it says otherwise; answers 200 and does nothing."""


class FaultKind(StrEnum):
    """What happens to a matching request. `FAULTS` says whether the effect takes place."""

    DELAY_BEFORE = "delay_before"
    DELAY_AFTER = "delay_after"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    DROP_MID_ANSWER = "drop_mid_answer"
    DROP_KEPT_ALIVE = "drop_kept_alive"
    TRUNCATED = "truncated"
    RATE_LIMIT = "rate_limit"
    BANNED = "banned"
    MAINTENANCE = "maintenance"
    TRADING_DISABLED = "trading_disabled"
    REDIRECT = "redirect"
    HTML = "html"
    RAW = "raw"
    OTHER_ORDER = "other_order"
    REFUSAL = "refusal"


class Ending(StrEnum):
    """How a faulty exchange of messages ends."""

    TRUE_ANSWER = "true_answer"
    OWN_ANSWER = "own_answer"
    DROP = "drop"
    MID_ANSWER = "mid_answer"
    TRUNCATED = "truncated"
    OTHER_ORDER = "other_order"


@dataclass(frozen=True, slots=True)
class Spec:
    """The defaults of a kind. `fixed` means that a fault cannot choose its effect."""

    ending: Ending
    effect: bool
    fixed: bool = False
    status: int = 200
    body: Json = None
    content_type: str = "application/json"


_HTML = "text/html"


def _page(title: str) -> bytes:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


def _refusal(code: int, message: str, status: int) -> Spec:
    return Spec(Ending.OWN_ANSWER, effect=False, status=status, body={"code": code, "msg": message})


FAULTS: Mapping[FaultKind, Spec] = {
    FaultKind.DELAY_BEFORE: Spec(Ending.TRUE_ANSWER, effect=True, fixed=True),
    FaultKind.DELAY_AFTER: Spec(Ending.TRUE_ANSWER, effect=True, fixed=True),
    FaultKind.SERVER_ERROR: _refusal(500, "Internal error", 500),
    FaultKind.BAD_GATEWAY: Spec(
        Ending.OWN_ANSWER, False, status=502, body=_page("502 Bad Gateway"), content_type=_HTML
    ),
    FaultKind.DROP_BEFORE: Spec(Ending.DROP, effect=False, fixed=True),
    FaultKind.DROP_AFTER: Spec(Ending.DROP, effect=True, fixed=True),
    FaultKind.DROP_MID_ANSWER: Spec(Ending.MID_ANSWER, effect=True, fixed=True),
    FaultKind.DROP_KEPT_ALIVE: Spec(Ending.DROP, effect=True),
    FaultKind.TRUNCATED: Spec(Ending.TRUNCATED, effect=True, fixed=True),
    FaultKind.RATE_LIMIT: _refusal(429, "Too many requests", 429),
    FaultKind.BANNED: _refusal(418, "Too many requests; IP banned for a while", 418),
    FaultKind.MAINTENANCE: Spec(
        Ending.OWN_ANSWER,
        False,
        status=503,
        body=_page("503 Service Temporarily Unavailable"),
        content_type=_HTML,
    ),
    FaultKind.TRADING_DISABLED: _refusal(30016, "trading disabled", 400),
    FaultKind.REDIRECT: Spec(
        Ending.OWN_ANSWER, False, status=302, body=_page("302 Found"), content_type=_HTML
    ),
    FaultKind.HTML: Spec(
        Ending.OWN_ANSWER, False, body=_page("Access verification"), content_type=_HTML
    ),
    FaultKind.RAW: Spec(Ending.OWN_ANSWER, False, body=b""),
    FaultKind.OTHER_ORDER: Spec(Ending.OTHER_ORDER, effect=True, fixed=True),
    FaultKind.REFUSAL: _refusal(-2011, "Unknown order sent.", 400),
}
STATUSES = range(200, 600)
"""What an HTTP library takes for the status of an answer."""
RETRY_AFTER = {FaultKind.RATE_LIMIT: 1, FaultKind.BANNED: 120}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, for the requests that match, `times` times (None: for good).

    - `method`, `path`: which requests; `path` may have ``*``. Neither: the cancel endpoints.
    - `effect`: does the request take place although its answer is lost or wrong? None is the
      kind's default; a kind whose name says it refuses another value (ValueError).
    - `seconds`: how long the two delays last; any other kind waits so long before its ending.
    - `status` (200 to 599), `body`, `content_type`, `code`, `message`: replace those of the kind's
      answer; `headers` are added to it, or replace its own.
    - `location`: of a redirect; `retry_after` (seconds): of 429 and 418;
      `order_id`: the other order that OTHER_ORDER names (one that never was, if None).

    DROP_KEPT_ALIVE meets only requests on a connection that has already carried one.
    """

    kind: FaultKind
    times: int | None = None
    method: str | None = None
    path: str | None = None
    effect: bool | None = None
    seconds: float = 0.0
    status: int | None = None
    body: bytes | None = None
    content_type: str | None = None
    code: int | None = None
    message: str | None = None
    location: str = ELSEWHERE
    retry_after: int | None = None
    order_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        spec = FAULTS[FaultKind(self.kind)]
        if spec.fixed and self.effect not in (None, spec.effect):
            raise ValueError(f"{self.kind} always has effect={spec.effect}")
        if self.times is not None and self.times < 1:
            raise ValueError("times is None or at least 1")
        if self.status is not None and self.status not in STATUSES:
            raise ValueError("status is from 200 to 599")
        texts = (
            [*self.headers, *self.headers.values()] if isinstance(self.headers, Mapping) else [None]
        )
        if not all(isinstance(each, str) for each in texts):
            raise ValueError("headers are texts by name")

    @property
    def spec(self) -> Spec:
        return FAULTS[self.kind]

    @property
    def takes_effect(self) -> bool:
        return self.spec.effect if self.effect is None else self.effect

    def matches(self, method: str, path: str, *, cancels: bool, reused: bool) -> bool:
        """Is this a request that the fault is for?"""
        if self.kind is FaultKind.DROP_KEPT_ALIVE and not reused:
            return False
        if self.method is None and self.path is None:
            return cancels
        return (self.method is None or self.method.upper() == method) and (
            self.path is None or fnmatchcase(path, self.path)
        )

    def answer(self) -> Answer:
        """The answer of a fault that has one of its own (`Ending.OWN_ANSWER`)."""
        spec = self.spec
        body: Json = self.body if self.body is not None else spec.body
        if isinstance(body, dict):
            body = {
                "code": body["code"] if self.code is None else self.code,
                "msg": body["msg"] if self.message is None else self.message,
            }
        headers = {}
        if self.kind is FaultKind.REDIRECT:
            headers["Location"] = self.location
        retry_after = RETRY_AFTER.get(self.kind) if self.retry_after is None else self.retry_after
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        replaced = {name.lower() for name in self.headers}
        own = {name: value for name, value in headers.items() if name.lower() not in replaced}
        return Answer(
            body,
            self.status or spec.status,
            headers={**own, **self.headers},
            content_type=self.content_type or spec.content_type,
        )


_TYPES = get_type_hints(Fault)


def fault_from_json(data: Json) -> Fault:
    """A fault from an object with the names of its fields; ``body_base64`` gives a body in bytes.

    Raises ValueError for an unknown kind or field, or a value that does not fit.
    """
    if not isinstance(data, dict):
        raise ValueError("a fault is a JSON object")  # noqa: TRY004 - it is data, not code
    values = dict(data)
    if "body_base64" in values:
        values["body"] = base64.b64decode(values.pop("body_base64"))
    elif isinstance(values.get("body"), str):
        values["body"] = values["body"].encode()
    unknown = set(values) - set(_TYPES)
    if unknown or "kind" not in values:
        raise ValueError(f"unknown: {sorted(unknown)}" if unknown else "kind is missing")
    if isinstance(values.get("seconds"), Decimal | int):
        values["seconds"] = float(values["seconds"])
    for name, value in values.items():
        if name not in {"kind", "headers"} and not isinstance(value, _TYPES[name]):
            raise ValueError(f"{name} cannot be {value!r}")
    return Fault(**{**values, "kind": FaultKind(values["kind"])})


class Faults:
    """The faults in force, first come first served; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[tuple[Fault, int | None]] = []

    def inject(self, *faults: Fault) -> None:
        with self._lock:
            self._active.extend((fault, fault.times) for fault in faults)

    def clear(self) -> None:
        with self._lock:
            self._active.clear()

    def take(self, method: str, path: str, *, cancels: bool, reused: bool) -> Fault | None:
        """The first fault for this request, counted as used; None when nothing is wrong."""
        with self._lock:
            for index, (fault, left) in enumerate(self._active):
                if not fault.matches(method, path, cancels=cancels, reused=reused):
                    continue
                if left == 1:
                    del self._active[index]
                elif left is not None:
                    self._active[index] = (fault, left - 1)
                return fault
        return None
