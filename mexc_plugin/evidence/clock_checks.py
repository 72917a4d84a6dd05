"""Do the times of a record agree? Clocks are set, machines sleep: what they explain is noted at most."""

from collections.abc import Mapping
from typing import Any

SECOND = 1_000_000_000
# Threads put events into the queue out of the order of their times, by less than this.
STEP_NS = 2 * SECOND
# An answer's time is taken when it was read, latency by another clock: they differ by less.
SLACK_US = 1_000_000
# From the answer to its event: the rest of the library's work, a loop that is late.
AFTERWARDS_US = 60_000_000
# A cancel waits for the rate limit, and is tried again, after its id was made; hours are too long.
ID_AHEAD_MS, ID_BEHIND_MS = 2_000, 3_600_000
# By how much a clock that was set, or a silence, explains the age of an id.
STEP_AT_MOST_MS = 86_400_000


def object_to_id(cancel_id: str, occurred_ns: int) -> str | None:
    """Why a request's time is not that of its id, which holds the time when it was made (UUIDv7)."""
    if cancel_id[14:15] != "7":
        return None
    late_ms = occurred_ns // 1_000_000 - _made_ms(cancel_id)
    if -ID_AHEAD_MS <= late_ms <= ID_BEHIND_MS:
        return None
    side = "after" if late_ms > 0 else "before"
    return f"its time is {abs(late_ms) / 1000:,.0f} s {side} the one in its cancel id"


def is_step(before_ns: int, occurred_ns: int) -> bool:
    """Whether a clock may have been set between two events that follow each other: back, or far ahead."""
    return not before_ns - STEP_NS <= occurred_ns <= before_ns + ID_BEHIND_MS * 1_000_000


def may_straddle(cancel_id: str, before_ns: int, occurred_ns: int) -> bool:
    """Whether an id may be from before the clock was set, at that time: made by then, or nearly, and within a day."""
    made_ms = _made_ms(cancel_id)
    if made_ms > before_ns // 1_000_000 + ID_AHEAD_MS:
        return False
    return abs(occurred_ns // 1_000_000 - made_ms) <= STEP_AT_MOST_MS


def _made_ms(cancel_id: str) -> int:
    return int(cancel_id[:8] + cancel_id[9:13], 16)


def object_to_latency(request: Mapping[str, Any], response: Mapping[str, Any]) -> str | None:
    """Why a latency is not that between the times of the two events."""
    latency_us = response.get("latency_us")
    if latency_us is None:
        return None
    over_us = (response["occurred_ns"] - request["occurred_ns"]) // 1000 - latency_us
    if latency_us >= 0 and -SLACK_US <= over_us <= AFTERWARDS_US:
        return None
    more = "longer" if over_us < 0 else "shorter"
    return f"its latency is {abs(over_us) / 1_000_000:,.1f} s {more} than its times say"
