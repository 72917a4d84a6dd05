"""How values of the record are said to people: outcomes, times between, and a page's sum. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mexc_plugin.audit.outcome import FAILED, UNRESOLVED, Outcome

# What an outcome comes to: a total partition, in the order in which it is listed and stacked. Its words
# and its colours are the same in every table, chip, legend and picture.
KINDS: Mapping[str, frozenset[Outcome]] = {
    "acknowledged": frozenset(Outcome) - FAILED - UNRESOLVED,
    "not found": frozenset({Outcome.NOT_FOUND}),
    "refused": frozenset({Outcome.REJECTED, Outcome.UNAUTHORIZED, Outcome.RATE_LIMITED}),
    "no effect": frozenset({Outcome.NOT_SENT, Outcome.STILL_OPEN}),
    "unresolved": UNRESOLVED,
}
# A sign of its own for whoever does not see the colour.
SIGNS: Mapping[str, str] = {
    Outcome.CANCELED: "✓",
    Outcome.PARTIALLY_CANCELED: "◑",
    Outcome.ACCEPTED: "✓",
    Outcome.CLOSED: "●",
    Outcome.NOT_FOUND: "∅",
    Outcome.RATE_LIMITED: "»",
    Outcome.NOT_SENT: "↯",
    Outcome.REJECTED: "✕",
    Outcome.UNAUTHORIZED: "✕",
    Outcome.STILL_OPEN: "↺",
    Outcome.UNKNOWN: "?",
    Outcome.PENDING: "…",
}

_STEPS = ((60, 1, "s"), (3_600, 60, "min"), (86_400, 3_600, "h"), (math.inf, 86_400, "d"))


def kind_of(outcome: str) -> str:
    """The kind of an outcome; a word that is none of ours decides nothing."""
    return next((name for name, members in KINDS.items() if outcome in members), "unresolved")


def styled_as(kind: str) -> str:
    """A kind as style sheets name it."""
    return kind.replace(" ", "-")


def worded(outcome: object) -> str:
    """An outcome as people read it; somebody else's row may hold what is no text."""
    return str(outcome).replace("_", " ")


def age(then: datetime, now: datetime) -> str:
    """How long ago, in one unit: `3 min ago`. Both naive UTC, or both with a zone."""
    seconds = int((now - then).total_seconds())
    if seconds < 0:
        return "ahead of this clock"
    unit, name = next((unit, name) for below, unit, name in _STEPS if seconds < below)
    return f"{seconds // unit:,} {name} ago"


def duration(microseconds: int) -> str:
    """A time between, with three digits: `1.50 ms`, `23.4 ms`, `1.20 s`."""
    for unit, name in ((1_000_000, "s"), (1_000, "ms")):
        if microseconds >= unit:
            value = microseconds / unit
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {name}"
    return f"{microseconds} µs"


@dataclass(frozen=True, slots=True)
class Sum:
    """What a page of attempts comes to. p50, p99: latency in microseconds, None if none is known."""

    rows: int
    failed: int
    unresolved: int
    p50: int | None
    p99: int | None


def summed(rows: Iterable[Mapping[str, Any]]) -> Sum:
    """Rows of `cancel_history` counted."""
    listed = list(rows)
    latencies = sorted(row["latency_us"] for row in listed if row["latency_us"] is not None)
    outcomes = [row["final_outcome"] for row in listed]
    return Sum(
        rows=len(listed),
        failed=sum(outcome in FAILED for outcome in outcomes),
        unresolved=sum(outcome in UNRESOLVED for outcome in outcomes),
        p50=percentile(latencies, 50),
        p99=percentile(latencies, 99),
    )


def percentile(ascending: Sequence[int], percent: int) -> int | None:
    """The nearest rank: a value that was measured, never one between two."""
    if not ascending:
        return None
    rank = -(-len(ascending) * percent // 100)
    return ascending[max(0, rank - 1)]
