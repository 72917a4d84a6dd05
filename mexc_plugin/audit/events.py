"""Events: what a writer puts on record, and the columns that are projections of it.

A draft is a dict of JSON values; sealing it gives it its writer, its place in the sequence and its
hash. `COLUMNS` is the one list of what SQL sees: the schema, the writer and the verifier use it.
"""

import getpass
import os
import platform
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from mexc_plugin import distributions
from mexc_plugin.audit import canonical, chain, naive_utc
from mexc_plugin.audit.redaction import as_text

FORMAT = 1
MAX_BODY = 262_144
MAX_MESSAGE = 65_536

KINDS = ("start", "request", "response", "reconciliation", "stop")

# Columns of text with their length, None for unbounded; the payload holds the whole text.
TEXT_COLUMNS: dict[str, int | None] = {
    "kind": 16,
    "cancel_id": 36,
    "account": 16,
    "bot": 64,
    "host": 255,
    "market_type": 16,
    "symbol": 64,
    "native_symbol": 64,
    "order_id": 128,
    "client_order_id": 128,
    "cancel_client_order_id": 128,
    "method": 8,
    "path": 255,
    "venue_code": 32,
    "venue_message": None,
    "outcome": 32,
    "order_status": 32,
    "side": 16,
    "type": 32,
    "time_in_force": 16,
    "price": 64,
    "amount": 64,
    "filled": 64,
    "cost": 64,
    "error_type": 128,
}
# Of the orders in an event that has several.
ORDER_COLUMNS: dict[str, int] = {
    "order_id": 128,
    "client_order_id": 128,
    "outcome": 32,
    "venue_code": 32,
}
INTEGER_COLUMNS = ("attempt", "http_status", "latency_us")
COLUMNS = (
    "writer_id",
    "seq",
    "occurred_at",
    "occurred_ns",
    *TEXT_COLUMNS,
    *INTEGER_COLUMNS,
    "payload",
    "prev_hash",
    "hash",
)

_LIMITS = {
    **dict.fromkeys(("seq", "occurred_ns", "latency_us"), 2**63),
    **dict.fromkeys(("attempt", "http_status"), 2**31),
}
_NO_ROW: dict[str, Any] = dict.fromkeys(COLUMNS)


@dataclass(frozen=True, slots=True)
class Event:
    """A sealed event: its place in its writer's chain, and its canonical payload.

    document: what the payload says, where it is known without decoding; never more than a shortcut.
    """

    writer_id: str
    seq: int
    payload: str
    prev_hash: str
    hash: str
    document: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)


def seal(draft: Mapping[str, Any], writer_id: str, seq: int, prev_hash: str) -> Event:
    """Fix a draft for ever. What is None is left out; the rest is hashed as it stands."""
    document = {key: value for key, value in draft.items() if value is not None}
    document |= {"v": FORMAT, "writer_id": writer_id, "seq": seq}
    payload, is_clean = canonical.encode_and_tell(document)
    hash_ = chain.link(prev_hash, payload)
    return Event(writer_id, seq, payload, prev_hash, hash_, document if is_clean else None)


def project(event: Event, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The row of an event, by column name; `occurred_at` is UTC text to the microsecond.

    document: what its payload says, for whoever keeps the event without it.
    Raises ValueError when the payload is not an event's.
    """
    document = document or event.document or canonical.decode(event.payload)
    occurred_ns = document.get("occurred_ns")
    if not isinstance(occurred_ns, int):
        raise ValueError("an event has occurred_ns")  # noqa: TRY004 - a wrong value, not a type
    row = _NO_ROW.copy()
    for name, value in document.items():
        if name in TEXT_COLUMNS:
            row[name] = _clip(value, TEXT_COLUMNS[name])
        elif name in INTEGER_COLUMNS:
            row[name] = value
    row["writer_id"] = event.writer_id
    row["seq"] = event.seq
    row["occurred_at"] = timestamp_text(occurred_ns)
    row["occurred_ns"] = occurred_ns
    row["payload"] = event.payload
    row["prev_hash"] = event.prev_hash
    row["hash"] = event.hash
    return row


def fits_columns(document: Mapping[str, Any]) -> bool:
    """Whether every number of a document is one, and no larger than its column holds on any database."""
    for name, limit in _LIMITS.items():
        number = document.get(name, 0)
        if type(number) is not int or not -limit <= number < limit:
            return False
    return True


def project_orders(event: Event) -> list[dict[str, Any]]:
    """The rows of the orders in an event that has several: those asked for, or those named."""
    if '"orders":' not in event.payload and 'order_ids":' not in event.payload:
        return []  # most events: not worth a second decoding
    document = event.document or canonical.decode(event.payload)
    orders = [
        *({"order_id": value} for value in document.get("order_ids", ())),
        *({"client_order_id": value} for value in document.get("client_order_ids", ())),
        *document.get("orders", ()),
    ]
    key = {"writer_id": event.writer_id, "seq": event.seq, "cancel_id": document.get("cancel_id")}
    return [
        key
        | {"position": position}
        | {name: _clip(order.get(name), length) for name, length in ORDER_COLUMNS.items()}
        for position, order in enumerate(orders, 1)
    ]


def losses(event: Event) -> int:
    """How many events before it the writer of this one says that it could not keep."""
    document = event.document or canonical.decode(event.payload)
    return int(document.get("lost", 0))


def timestamp_text(occurred_ns: int) -> str:
    """Nanoseconds since the epoch as `YYYY-MM-DD HH:MM:SS.ffffff`, UTC, cut to microseconds."""
    return naive_utc.from_ns(occurred_ns).isoformat(" ", "microseconds")


def start_draft(occurred_ns: int) -> dict[str, Any]:
    """Who writes: machine, process, user and versions."""
    return {
        "kind": "start",
        "occurred_ns": occurred_ns,
        "host": host_name(),
        "pid": os.getpid(),
        "os_user": _user(),
        "versions": versions(),
    }


@cache
def versions() -> dict[str, str]:
    """Of Python and of what a cancel goes through; of ccxt also whose, where it is a repackaged one.

    Looks at files, once in a process: a writer asks when it starts, so that no cancel waits for it.
    """
    return {
        "python": platform.python_version(),
        "mexc-plugin": distributions.version("mexc-plugin"),
        "ccxt": distributions.describe("ccxt"),
        "sqlalchemy": distributions.version("sqlalchemy"),
    }


def stop_draft(occurred_ns: int) -> dict[str, Any]:
    """The last event of a writer that ended in order."""
    return {
        "kind": "stop",
        "occurred_ns": occurred_ns,
        "host": host_name(),
        "pid": os.getpid(),
    }


def body_fields(body: object, redact: Callable[[str], str]) -> dict[str, Any]:
    """A body for a payload: as it was read, cut where it is absurdly long, which is then said.

    Cut before it is redacted, with room for a secret that the cut would go through.
    """
    if body is None:
        return {"body": None}
    body = as_text(body)
    if len(body) <= MAX_BODY:
        return {"body": redact(body)}
    return {"body": redact(body[: MAX_BODY + 4096])[:MAX_BODY], "body_characters": len(body)}


def host_name() -> str:
    """This machine's name, or "unknown" where it gives none."""
    try:
        return socket.gethostname()
    except OSError:
        return "unknown"


def _clip(value: object, length: int | None) -> str | None:
    if value is None:
        return None
    text = value if type(value) is str else str(value)
    # PostgreSQL holds no NUL in text; the payload keeps it, escaped.
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text[:length]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # the last as Python ends
        return str(os.getuid())
