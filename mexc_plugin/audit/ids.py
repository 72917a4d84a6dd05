"""UUID version 7 (RFC 9562, section 5.7), which Python has only from 3.14 on."""

import os
import time


def uuid7(unix_ms: int | None = None) -> str:
    """A time-ordered UUID as 36 characters of text. unix_ms: milliseconds since the epoch."""
    milliseconds = time.time_ns() // 1_000_000 if unix_ms is None else unix_ms
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
