"""The record of every cancel request that really arrived, honoured or not."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from mexc_plugin.sandbox.messages import Call
from mexc_plugin.sandbox.vocabulary import Json

_SECRET = frozenset({"signature"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """One cancel request. Until it is answered, `effect`, `http_status` and `code` are empty.

    - `n`: 1 upwards, in the order of arrival; `received_ns`: since the epoch
    - `params`: what was sent in the query and the body, without the signature; a futures body
      that is a list is under ``body``
    - `effect`: ids of the orders that it really cancelled
    - `http_status`: as answered, None when the connection was dropped (or not yet answered)
    - `code`: the ``code`` in the answer, None when there is none
    - `fault`: the kind of fault that it met; a limit that it broke is one
    """

    n: int
    received_ns: int
    method: str
    path: str
    params: Mapping[str, Json]
    api_key: str | None
    effect: tuple[str, ...] = ()
    http_status: int | None = None
    code: int | None = None
    fault: str | None = None
    done: bool = field(default=False, compare=False)


class Arrivals:
    """Keeps arrivals in memory and, with `log_path`, appends each to a file when it is done.

    The line is on the disk (fsync) before the answer leaves. Safe to use from several threads.
    """

    def __init__(self, log_path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._path = log_path
        self._arrivals: list[Arrival] = []

    def __call__(self) -> list[Arrival]:
        """A copy of all arrivals so far."""
        with self._lock:
            return list(self._arrivals)

    def begin(self, call: Call, received_ns: int, fault: str | None) -> Arrival:
        with self._lock:
            arrival = Arrival(
                len(self._arrivals) + 1,
                received_ns,
                call.method,
                call.path,
                _params(call),
                call.api_key,
                fault=fault,
            )
            self._arrivals.append(arrival)
            return arrival

    def finish(
        self,
        arrival: Arrival,
        effect: tuple[str, ...],
        http_status: int | None,
        code: int | None,
    ) -> None:
        done = replace(arrival, effect=effect, http_status=http_status, code=code, done=True)
        with self._lock:
            self._arrivals[arrival.n - 1] = done
            if self._path is not None:
                _append(self._path, json.dumps(asdict(done), default=str))


def _params(call: Call) -> dict[str, Json]:
    params: dict[str, Json] = {k: v for k, v in call.params.items() if k not in _SECRET}
    if isinstance(call.json, list):
        params["body"] = call.json
    return params


def _append(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
