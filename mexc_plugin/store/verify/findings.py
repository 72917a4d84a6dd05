"""What verifying can find: a kind, how bad it is, where, and in plain words what."""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can be wrong with a record."""

    GAP = "gap"
    LOST = "lost"
    LINK = "link"
    HASH = "hash"
    PAYLOAD = "payload"
    COLUMN = "column"
    ORDERS = "orders"
    HISTORY = "history"
    GUARD = "guard"
    START = "start"
    AFTER_STOP = "after_stop"
    NO_STOP = "no_stop"
    ATTEMPT = "attempt"
    ACCOUNT = "account"
    OUTCOME = "outcome"
    RECONCILED = "reconciled"
    TIME = "time"
    MARKED = "marked"
    KEY = "key"
    CHECKPOINT = "checkpoint"
    NOTE = "note"
    UNCOVERED = "uncovered"
    BUNDLE = "bundle"


class Degree(StrEnum):
    """How bad a finding is. NOTED: worth knowing, and no sign of a change."""

    BROKEN = "broken"
    DOUBTFUL = "doubtful"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, and where: the writer's event, or the database as a whole.

    cancel_id, occurred_ns: the cancel that it is about and the time that the event gives, if any.
    """

    fault: Fault
    message: str
    writer_id: str | None = None
    seq: int | None = None
    degree: Degree = Degree.BROKEN
    cancel_id: str | None = None
    occurred_ns: int | None = None
