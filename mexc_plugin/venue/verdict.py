"""What an answer means: one pure, total decision, and the tables of the venue's words and codes."""

from collections.abc import Iterable
from dataclasses import dataclass

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.responses import (
    Acknowledged,
    Refusal,
    Unreadable,
    decode,
    read_refusal,
)

# The status in an acknowledgement. The live venue seems to answer with the one from before the cancel, so every
# status of an open order acknowledges. A word that is not here decides nothing.
STATUS_OUTCOMES = {
    "NEW": Outcome.CANCELED,
    "PARTIALLY_FILLED": Outcome.CANCELED,
    "PENDING": Outcome.CANCELED,
    "PENDING_CANCEL": Outcome.CANCELED,
    "CANCELED": Outcome.CANCELED,
    "PARTIALLY_CANCELED": Outcome.PARTIALLY_CANCELED,
    "FILLED": Outcome.CLOSED,
    "EXPIRED": Outcome.CLOSED,
    "REJECTED": Outcome.CLOSED,
}
# The order was cancelled by self-trade prevention, before anybody asked.
ENDED_BY_ITSELF = frozenset({"stp_cancel"})

# Codes that mean something other than a plain `rejected`. Source: the venue's error codes, spot and futures.
CODE_OUTCOMES = {
    "-2013": Outcome.NOT_FOUND,
    "2040": Outcome.NOT_FOUND,
    "5002": Outcome.NOT_FOUND,
    # Key, IP or permission.
    "401": Outcome.UNAUTHORIZED,
    "402": Outcome.UNAUTHORIZED,
    "406": Outcome.UNAUTHORIZED,
    "511": Outcome.UNAUTHORIZED,
    "602": Outcome.UNAUTHORIZED,
    "701": Outcome.UNAUTHORIZED,
    "702": Outcome.UNAUTHORIZED,
    "703": Outcome.UNAUTHORIZED,
    "704": Outcome.UNAUTHORIZED,
    "10072": Outcome.UNAUTHORIZED,
    "30020": Outcome.UNAUTHORIZED,
    "70011": Outcome.UNAUTHORIZED,
    "140002": Outcome.UNAUTHORIZED,
    "200006": Outcome.UNAUTHORIZED,
    "200010": Outcome.UNAUTHORIZED,
    "700001": Outcome.UNAUTHORIZED,
    "700002": Outcome.UNAUTHORIZED,
    "700006": Outcome.UNAUTHORIZED,
    "700007": Outcome.UNAUTHORIZED,
    "418": Outcome.RATE_LIMITED,
    "429": Outcome.RATE_LIMITED,
    "2037": Outcome.RATE_LIMITED,
    # Busy, abnormal, timed out: the venue itself does not know. Of three digits from 500 on, see below.
    "-1000": Outcome.UNKNOWN,
    "-1001": Outcome.UNKNOWN,
    "-1006": Outcome.UNKNOWN,
    "-1007": Outcome.UNKNOWN,
    "-1008": Outcome.UNKNOWN,
    "3016": Outcome.UNKNOWN,
    "9999": Outcome.UNKNOWN,
    "20002": Outcome.UNKNOWN,
    "730000": Outcome.UNKNOWN,
}

# Where the status alone is a refusal, unless the body speaks of an order.
HTTP_OUTCOMES = {
    401: Outcome.UNAUTHORIZED,
    418: Outcome.RATE_LIMITED,
    429: Outcome.RATE_LIMITED,
}

# Of whoever stands in front of the venue, too: as little known as of a 5xx.
TIMED_OUT = 408

# Of several orders in one answer, the worst heads it: a batch in which one failed was no success.
_WORST_FIRST = (
    Outcome.UNKNOWN,
    Outcome.RATE_LIMITED,
    Outcome.UNAUTHORIZED,
    Outcome.REJECTED,
    Outcome.NOT_FOUND,
)


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
    status = answer.status
    if status == TIMED_OUT or not (200 <= status < 300 or 400 <= status < 500):
        return Verdict(
            Outcome.UNKNOWN,
            refusal=read_refusal(answer.body),
            reason=f"HTTP {status} does not say what happened",
        )
    reply = decode(asked, answer.body)
    if status >= 400 and (
        isinstance(reply, Acknowledged) or (isinstance(reply, Unreadable) and reply.says_success)
    ):
        return Verdict(Outcome.UNKNOWN, reason=f"HTTP {status} beside a word of success")
    if status in HTTP_OUTCOMES:
        return Verdict(HTTP_OUTCOMES[status], refusal=read_refusal(answer.body))
    if isinstance(reply, Refusal):
        return Verdict(refusal_outcome(reply), refusal=reply)
    if isinstance(reply, Unreadable):
        return Verdict(Outcome.UNKNOWN, reason=reply.reason)
    return _judge_acknowledged(reply)


def refusal_outcome(refusal: Refusal) -> Outcome:
    """The outcome that a code and its message stand for."""
    if is_unknown_order(refusal):
        return Outcome.NOT_FOUND
    code = refusal.code
    if code not in CODE_OUTCOMES and len(code) == 3 and code.startswith("5"):
        return Outcome.UNKNOWN  # as a 5xx status: it may have been executed
    return CODE_OUTCOMES.get(code, Outcome.REJECTED)


def is_unknown_order(refusal: Refusal) -> bool:
    """-2011 says that the order is unknown, in any language, unless its message is that of -1128."""
    return refusal.code == "-2011" and "combination" not in refusal.message.lower()


def order_outcome(ack: CancelAck) -> Outcome:
    """The outcome of one order within an acknowledgement."""
    if ack.code == "0":
        return Outcome.ACCEPTED
    if ack.code is not None:
        return refusal_outcome(Refusal(ack.code, ack.message or ""))
    if ack.message is not None:
        return Outcome.REJECTED  # a legacy result: one word, and not that of success
    if ack.cancel_reason in ENDED_BY_ITSELF:
        return Outcome.CLOSED
    return STATUS_OUTCOMES.get(ack.status or "CANCELED", Outcome.UNKNOWN)


def _judge_acknowledged(reply: Acknowledged) -> Verdict:
    outcome = join(order_outcome(ack) for ack in reply.orders)
    reason = "what it says of an order decides nothing" if outcome is Outcome.UNKNOWN else None
    return Verdict(outcome, orders=reply.orders, reason=reason)


def join(outcomes: Iterable[Outcome]) -> Outcome:
    """One outcome for several orders: the worst where one failed, else theirs where they agree, else `accepted`."""
    distinct = set(outcomes)
    if len(distinct) == 1:
        return distinct.pop()
    return next((outcome for outcome in _WORST_FIRST if outcome in distinct), Outcome.ACCEPTED)
