"""How values of the record are said to people: outcomes, times between, and a page's sum. Pure."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
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

# Of a time between, as many as are shown.
_DIGITS = 3
_STEPS = ((60, 1, "s"), (3_600, 60, "min"), (86_400, 3_600, "h"), (math.inf, 86_400, "d"))


def kind_of(outcome: str) -> str:
    """The kind of an outcome; a word that is none of ours decides nothing."""
    return next((name for name, members in KINDS.items() if outcome in members), "unresolved")


def styled_as(kind: str) -> str:
    """A kind as style sheets name it."""
    return kind.replace(" ", "-")


def word_outcome(outcome: object) -> str:
    """An outcome as people read it; somebody else's row may hold what is no text."""
    return str(outcome).replace("_", " ")


def show_time(moment: datetime) -> str:
    """A time of the record, to the millisecond; what a link of the report asks for is the beginning of it."""
    return moment.isoformat(sep=" ", timespec="milliseconds")


def show_filled(row: Mapping[str, Any]) -> str:
    """Filled of asked; empty where neither is known."""
    if row["filled"] is None and row["amount"] is None:
        return ""
    return f"{row['filled'] or '?'}/{row['amount'] or '?'}"


def age(then: datetime, now: datetime) -> str:
    """How long ago, in one unit: `3 min ago`. Both naive UTC, or both with a zone."""
    seconds = int((now - then).total_seconds())
    if seconds < 0:
        return "ahead of this clock"
    unit, name = next((unit, name) for below, unit, name in _STEPS if seconds < below)
    return f"{seconds // unit:,} {name} ago"


def duration(microseconds: int | None) -> str:
    """A time between, with three digits: `1.50 ms`, `23.4 ms`, `1.20 s`; a dash where there is none."""
    if microseconds is None:
        return "–"
    # At a border, three digits round it up to the next unit, or to one place less.
    shown = _round(microseconds)
    for unit, name in ((1_000_000, "s"), (1_000, "ms")):
        if shown >= unit:
            places = 2 if shown < 10 * unit else 1 if shown < 100 * unit else 0
            return f"{microseconds / unit:.{places}f} {name}"
    return f"{microseconds} µs"


class Sum:
    """What attempts come to, in little memory however many they are: latencies are kept to three digits, as they are shown."""

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self.rows = 0
        self.failed = 0
        self.unresolved = 0
        self._latencies: Counter[int] = Counter()
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row of `cancel_history`."""
        self.rows += 1
        self.failed += row["final_outcome"] in FAILED
        self.unresolved += row["final_outcome"] in UNRESOLVED
        if row["latency_us"] is not None:
            self._latencies[_round(row["latency_us"])] += 1

    def percentile(self, percent: int) -> int | None:
        """Of the latencies, by nearest rank: a value that was measured, never one between two; microseconds."""
        rank = -(-self._latencies.total() * percent // 100)
        ordered = sorted(self._latencies)
        ranks = itertools.accumulate(self._latencies[value] for value in ordered)
        return next(
            (value for value, last in zip(ordered, ranks, strict=True) if rank <= last), None
        )


def _round(microseconds: int) -> int:
    return round(microseconds, min(0, _DIGITS - len(str(abs(microseconds)))))
