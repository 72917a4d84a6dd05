"""What became of a cancel: one pure, total decision, and the table of the venue's codes."""

from collections.abc import Iterable
from dataclasses import dataclass

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.responses import (
    Acknowledged,
    CancelAck,
    Refusal,
    Unreadable,
    decode,
    read_refusal,
)

STATUS_OUTCOMES = {
    "FILLED": Outcome.CLOSED,
    "PARTIALLY_CANCELED": Outcome.PARTIALLY_CANCELED,
}

# Codes that mean something other than a plain `rejected`. Source: the venue's error codes.
CODE_OUTCOMES = {
    "-2013": Outcome.NOT_FOUND,
    "2040": Outcome.NOT_FOUND,
    "401": Outcome.UNAUTHORIZED,
    "403": Outcome.UNAUTHORIZED,
    "602": Outcome.UNAUTHORIZED,
    "10072": Outcome.UNAUTHORIZED,
    "700001": Outcome.UNAUTHORIZED,
    "700002": Outcome.UNAUTHORIZED,
    "700006": Outcome.UNAUTHORIZED,
    "700007": Outcome.UNAUTHORIZED,
    "200006": Outcome.UNAUTHORIZED,
    "200010": Outcome.UNAUTHORIZED,
    "429": Outcome.RATE_LIMITED,
    "510": Outcome.RATE_LIMITED,
    "418": Outcome.RATE_LIMITED,
    # The venue's own words for "we do not know": its documentation says that it may have worked.
    "500": Outcome.UNKNOWN,
    "502": Outcome.UNKNOWN,
    "503": Outcome.UNKNOWN,
    "504": Outcome.UNKNOWN,
}

# Where the status alone is a refusal, whatever the body says.
HTTP_OUTCOMES = {
    401: Outcome.UNAUTHORIZED,
    418: Outcome.RATE_LIMITED,
    429: Outcome.RATE_LIMITED,
}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer as it was read: HTTP status, body as text."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one attempt and what it rests on.

    orders: what the venue named; refusal: its code and message; reason: why an answer decides nothing.
    """

    outcome: Outcome
    orders: tuple[CancelAck, ...] = ()
    refusal: Refusal | None = None
    reason: str | None = None


def decide(asked: ParsedRequest, answer: HttpAnswer | None, *, may_have_left: bool) -> Verdict:
    """What is known of an attempt. Never raises; where nothing is certain, `unknown`.

    may_have_left: False only where it is proven that no byte of the request was sent.
    """
    if answer is None:
        return Verdict(Outcome.UNKNOWN if may_have_left else Outcome.NOT_SENT)
    if answer.status in HTTP_OUTCOMES:
        return Verdict(HTTP_OUTCOMES[answer.status], refusal=read_refusal(answer.body))
    if answer.status >= 500 or not 200 <= answer.status < 500 or 300 <= answer.status < 400:
        return Verdict(
            Outcome.UNKNOWN,
            refusal=read_refusal(answer.body),
            reason=f"HTTP {answer.status} does not say what happened",
        )
    reply = decode(asked, answer.body)
    if isinstance(reply, Refusal):
        return Verdict(refusal_outcome(reply), refusal=reply)
    if isinstance(reply, Unreadable):
        return Verdict(Outcome.UNKNOWN, reason=reply.reason)
    if answer.status >= 400:
        return Verdict(Outcome.UNKNOWN, reason=f"HTTP {answer.status} with an acknowledgement")
    return Verdict(_acknowledged(reply), orders=reply.orders)


def refusal_outcome(refusal: Refusal) -> Outcome:
    """The outcome that a code and its message stand for."""
    if is_unknown_order(refusal):
        return Outcome.NOT_FOUND
    return CODE_OUTCOMES.get(refusal.code, Outcome.REJECTED)


def is_unknown_order(refusal: Refusal) -> bool:
    """-2011 is said of unknown orders and of wrong parameters alike: its message decides."""
    return refusal.code == "-2011" and "unknown order" in refusal.message.lower()


def order_outcome(ack: CancelAck) -> Outcome:
    """The outcome of one order within an acknowledgement."""
    if ack.code is not None and ack.code != "0":
        return refusal_outcome(Refusal(ack.code, ack.message or ""))
    if ack.code is not None:
        return Outcome.ACCEPTED
    return STATUS_OUTCOMES.get(ack.status or "", Outcome.CANCELED)


def _acknowledged(reply: Acknowledged) -> Outcome:
    return joint(order_outcome(ack) for ack in reply.orders)


def joint(outcomes: Iterable[Outcome]) -> Outcome:
    """One outcome for several orders: theirs where they agree, else `accepted`."""
    distinct = set(outcomes)
    return distinct.pop() if len(distinct) == 1 else Outcome.ACCEPTED
