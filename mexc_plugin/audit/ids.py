"""UUID version 7 (RFC 9562, section 5.7), which Python has only from 3.14 on."""

import os
import time
from collections import deque

RANDOM_BYTES = 10
# Taken from the system for so many ids at once: each call lets the GIL go, and waits for it again.
AHEAD = 100

_ahead: deque[bytes] = deque()
if hasattr(
    os, "register_at_fork"
):  # where there are forks: a child would give out what its parent does
    os.register_at_fork(after_in_child=_ahead.clear)


def uuid7(unix_ms: int | None = None) -> str:
    """A time-ordered UUID as 36 characters of text. unix_ms: milliseconds since the epoch."""
    milliseconds = time.time_ns() // 1_000_000 if unix_ms is None else unix_ms
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(_take_random(), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _take_random() -> bytes:
    """Random bytes that nobody else has. Takes no lock: threads and signal handlers make ids, too."""
    try:
        return _ahead.pop()
    except IndexError:
        taken = os.urandom(RANDOM_BYTES * AHEAD)
        pieces = [taken[n : n + RANDOM_BYTES] for n in range(0, len(taken), RANDOM_BYTES)]
        _ahead.extend(pieces[1:])
        return pieces[0]
