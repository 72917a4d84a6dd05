"""What every column and every field of the record means: the one place where that is written.

docs/data-dictionary.md is made from it, and so is what Datasette shows; `tables` takes the history's columns from it,
in their order. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """meaning: one line; null: when it is null, "" where it never is; source: who says so."""

    meaning: str
    null: str = ""
    source: str = "this program"


_NOT_A_CANCEL = "on `start` and `stop`"
_SEVERAL = "where it names none, or several"
_NO_ANSWER = "on a request; where no answer was read"
_NO_ORDER = "where the answer names no order, or several"
_VENUE = "the venue"
_BOT = "the bot"

EVENTS: Mapping[str, Field] = {
    "writer_id": Field("the writer: one recorder in one process, a random UUID"),
    "seq": Field("the event's place in its writer's sequence, which starts at 1 and has no gaps"),
    "occurred_at": Field("when, UTC, cut to microseconds", source="the machine's clock"),
    "occurred_ns": Field(
        "the same exactly, in nanoseconds since 1970-01-01", source="the machine's clock"
    ),
    "kind": Field("`start`, `request`, `response`, `reconciliation` or `stop`"),
    "cancel_id": Field("one logical cancel, a UUIDv7", _NOT_A_CANCEL),
    "account": Field("fingerprint of the API key, never the key", _NOT_A_CANCEL),
    "bot": Field("the label that the bot was given", "where it was given none", _BOT),
    "host": Field("the machine's name", "where nobody said it", "the machine"),
    "market_type": Field("`spot`, `margin` or `swap`", _NOT_A_CANCEL),
    "symbol": Field("the unified symbol, as `LTC/BTC`", "where the cancel names none", "ccxt"),
    "native_symbol": Field("the venue's symbol, as `LTCBTC`", "where the cancel names none", _BOT),
    "order_id": Field(
        "the venue's id of the order, always text", _SEVERAL, "the bot; on a response the venue"
    ),
    "client_order_id": Field(
        "the order's own client id (`origClientOrderId`)",
        _SEVERAL,
        "the bot; on a response the venue",
    ),
    "cancel_client_order_id": Field(
        "the cancel's own id (`newClientOrderId`; the venue answers it as `clientOrderId`)",
        "where neither side gave one",
        "the bot; on a response the venue",
    ),
    "method": Field("the HTTP method, as sent", _NOT_A_CANCEL),
    "path": Field("the path of the URL, as sent", _NOT_A_CANCEL),
    "venue_code": Field("the venue's code of a refusal", "where it refused nothing", _VENUE),
    "venue_message": Field("the words of that refusal", "where it refused nothing", _VENUE),
    "outcome": Field("what became of the attempt", "on a request, `start` and `stop`"),
    "order_status": Field("the venue's word for the order's status", _NO_ORDER, _VENUE),
    "side": Field("`BUY` or `SELL`, the venue's word", _NO_ORDER, _VENUE),
    "type": Field("the venue's word for the order's type", _NO_ORDER, _VENUE),
    "time_in_force": Field("the venue's word", _NO_ORDER, _VENUE),
    "price": Field("the order's price (`price`), exact decimal text", _NO_ORDER, _VENUE),
    "amount": Field("what was ordered (`origQty`), exact decimal text", _NO_ORDER, _VENUE),
    "filled": Field("what was filled (`executedQty`), exact decimal text", _NO_ORDER, _VENUE),
    "cost": Field(
        "price times quantity of what was filled (`cummulativeQuoteQty`), exact decimal text",
        _NO_ORDER,
        _VENUE,
    ),
    "error_type": Field("the class of the exception that the bot saw", "where it saw none", "ccxt"),
    "attempt": Field("each time that the cancel was sent, from 1 upwards", _NOT_A_CANCEL),
    "http_status": Field("the HTTP status of the answer", _NO_ANSWER, _VENUE),
    "latency_us": Field(
        "microseconds from sending to the answer, or to the failure, by a clock that nobody sets",
        "on anything but a response; where nothing was sent",
        "the machine's clock",
    ),
    "payload": Field("the whole event as canonical JSON: the bytes that are hashed"),
    "prev_hash": Field("the hash of the writer's event before; 64 zeros for its first"),
    "hash": Field("SHA-256 over a version tag, `prev_hash` and the payload's SHA-256"),
}

ORDERS: Mapping[str, Field] = {
    "writer_id": Field("the event's writer"),
    "seq": Field("the event's place in that writer's sequence"),
    "position": Field("the order's place in the event, from 1 upwards"),
    "cancel_id": Field("the cancel"),
    "order_id": Field("the venue's id of the order", "where only the other id is known"),
    "client_order_id": Field("its client id", "where only the other id is known"),
    "outcome": Field("what became of it", "on a request: it was asked for, nothing is known yet"),
    "venue_code": Field("the venue's code for it", "where the venue gave none", _VENUE),
}

CHECKPOINTS: Mapping[str, Field] = {
    "sha256": Field("SHA-256 of the note's bytes, hex"),
    "kind": Field("`checkpoint`: how far the record was; `archive`: what left it"),
    "taken_ns": Field(
        "when, in nanoseconds since 1970-01-01, cut to microseconds", source="the machine's clock"
    ),
    "events": Field("how many events the record has or had; of an archive, how many left"),
    "previous": Field("`sha256` of the note before", "of the first note"),
    "note": Field(
        "the whole signed note: what is signed, and what the other columns are read from"
    ),
}

_REQUEST, _RESPONSE, _RECONCILIATION = "the request", "the response", "the newest reconciliation"
_EITHER = "the request, else the response"
_PENDING = "while it is pending"
_UNANSWERED = "where no answer was read"

HISTORY: Mapping[str, Field] = {
    "cancel_id": Field("one logical cancel, a UUIDv7", source=_REQUEST),
    "attempt": Field("each time that it was sent, from 1 upwards", source=_REQUEST),
    "requested_at": Field("when the request was put on record, just before it was sent, UTC", "as long as only its answer is on record; lists, statistics and views leave such a row out", _REQUEST),
    "responded_at": Field("when the attempt ended, with an answer or without one, UTC", _PENDING, _RESPONSE),
    "latency_us": Field("microseconds from sending to the answer, or to the failure", f"{_PENDING}; where nothing was sent", _RESPONSE),
    "account": Field("fingerprint of the API key, never the key", source=_REQUEST),
    "bot": Field("the label that the bot was given", "where it was given none", _REQUEST),
    "host": Field("the machine's name", source=_REQUEST),
    "market_type": Field("`spot`, `margin` or `swap`", source=_REQUEST),
    "symbol": Field("the unified symbol, as `LTC/BTC`", "where the cancel names none", _REQUEST),
    "native_symbol": Field("the venue's symbol, as `LTCBTC`", "where the cancel names none", _REQUEST),
    "order_id": Field("the venue's id of the order, always text", _SEVERAL, _EITHER),
    "client_order_id": Field("the order's own client id (`origClientOrderId`)", _SEVERAL, _EITHER),
    "cancel_client_order_id": Field("the cancel's own id (`newClientOrderId`)", "where neither side gave one", _EITHER),
    "http_status": Field("the HTTP status of the answer", _UNANSWERED, _RESPONSE),
    "venue_code": Field("the venue's code of a refusal", "where it refused nothing", _RESPONSE),
    "venue_message": Field("the words of that refusal", "where it refused nothing", _RESPONSE),
    "outcome": Field("what was known when the attempt ended; `pending` where it has not", source=_RESPONSE),
    "order_status": Field("the venue's word for the order's status", _NO_ORDER, _RESPONSE),
    "side": Field("`BUY` or `SELL`, the venue's word", _NO_ORDER, _RESPONSE),
    "type": Field("the venue's word for the order's type", _NO_ORDER, _RESPONSE),
    "price": Field("the order's price, exact decimal text", _NO_ORDER, _RESPONSE),
    "amount": Field("what was ordered, exact decimal text", _NO_ORDER, _RESPONSE),
    "filled": Field("what was filled, exact decimal text", _NO_ORDER, _RESPONSE),
    "cost": Field("price times quantity of what was filled, exact decimal text", _NO_ORDER, _RESPONSE),
    "error_type": Field("the class of the exception that the bot saw", "where it saw none", _RESPONSE),
    "reconciled_at": Field("when the venue's later word was put on record, UTC", "where none was needed", _RECONCILIATION),
    "final_outcome": Field("what is known now", source="the newest reconciliation, else as `outcome`"),
}  # fmt: skip

# What else a row of it keeps: for the views, and which of several events of a kind is the one that counts.
KEPT: Mapping[str, str] = {
    "method": "as it was sent",
    "path": "the path of the endpoint",
    "time_in_force": "the venue's word for it",
    "reconciled_outcome": "what the newest reconciliation says; null where there is none",
    "requested_ns": "the exact time of the request, nanoseconds since the epoch",
    "responded_ns": "that of the response",
    "reconciled_ns": "that of the newest reconciliation",
    "request_writer_id": "the writer of the request",
    "request_seq": "its number in that writer's sequence",
    "response_writer_id": "the writer of the response",
    "response_seq": "its number",
    "reconciliation_writer_id": "the writer of the newest reconciliation",
    "reconciliation_seq": "its number",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Of a payload, beyond the columns. kinds: of the events that may have it, none for any."""

    meaning: str
    kind: str
    kinds: tuple[str, ...] = ()


PAYLOAD: Mapping[str, Part] = {
    "v": Part("version of the format, 1", "whole number"),
    "pid": Part("the process that writes", "whole number", ("start", "stop")),
    "os_user": Part("the user of the operating system that it runs as", "text", ("start",)),
    "versions": Part(
        "versions of Python and packages, by name; a copy of ccxt with the name of its own",
        "object of text",
        ("start",),
    ),
    "key": Part("the writer's public key, where a ladder begins", "text"),
    "ladder": Part(
        "where the writer has a key: `anchor` of the ladder that begins here, and the key's `signature`",
        "object of text",
    ),
    "rung": Part("what ties the event to the ladder: hashed, it gives the one before", "text"),
    "request": Part(
        "`method`, `url`, `headers`, `body` as sent, secrets replaced", "object", ("request",)
    ),
    "response": Part(
        "`status`, `headers`, `body` as received, secrets replaced",
        "object",
        ("response", "reconciliation"),
    ),
    "error": Part("`type` and `message` of the exception", "object", ("response",)),
    "reason": Part(
        "why an answer decides nothing, or what was concluded",
        "text",
        ("response", "reconciliation"),
    ),
    "effect": Part(
        "of an endpoint that does not simply cancel: `replaces` or `may_cancel`",
        "text",
        ("request",),
    ),
    "kill_switch": Part(
        "true where the caller asked for it: sent at once, past ccxt's throttle",
        "boolean",
        ("request",),
    ),
    "recv_window_asked": Part(
        "the caller's recvWindow, where the venue does not take it; what was sent is in the URL",
        "text",
        ("request",),
    ),
    "undescribed": Part(
        "why a request could not be described in full, an exception's class",
        "text",
        ("request", "response"),
    ),
    "cancel_reason": Part(
        "the venue's `cancelReason`, as `stp_cancel`", "text", ("response", "reconciliation")
    ),
    "stp_mode": Part("the venue's `stpMode`", "text", ("response", "reconciliation")),
    "order_ids": Part(
        "the ids asked for, where there are several", "array of text", ("request", "response")
    ),
    "client_order_ids": Part(
        "the client ids asked for, where there are several",
        "array of text",
        ("request", "response"),
    ),
    "orders": Part(
        "what the venue named, where there are several, each with its `outcome`",
        "array of objects",
        ("response",),
    ),
    "body_characters": Part(
        "within `request` or `response`: how long a body was that is cut at 262,144 characters",
        "whole number",
        ("request", "response"),
    ),
    "lost": Part(
        "how many events of this writer before this one could not be kept", "whole number"
    ),
    "late": Part(
        "the events of this writer that reached a disk only after their cancel had gone on, since it "
        "last said so: `count`, `first` and `last` `seq`",
        "object of whole numbers",
    ),
    "spooled": Part(
        "the events of this writer that went to the spool since it last said so: `count`, `first` "
        "and `last` `seq`",
        "object of whole numbers",
    ),
}
