"""The outcomes of an attempt: the record's own words."""

from enum import StrEnum


class Outcome(StrEnum):
    """The outcomes of an attempt, as stored. `STILL_OPEN` is only reconciliation's word; `PENDING` exists only in the view."""

    CANCELED = "canceled"
    PARTIALLY_CANCELED = "partially_canceled"
    CLOSED = "closed"
    ACCEPTED = "accepted"
    NOT_FOUND = "not_found"
    REJECTED = "rejected"
    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate_limited"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    STILL_OPEN = "still_open"
    PENDING = "pending"


UNRESOLVED = frozenset({Outcome.UNKNOWN, Outcome.PENDING})
FAILED = frozenset(
    {
        Outcome.NOT_FOUND,
        Outcome.REJECTED,
        Outcome.UNAUTHORIZED,
        Outcome.RATE_LIMITED,
        Outcome.NOT_SENT,
        Outcome.STILL_OPEN,
    }
)
