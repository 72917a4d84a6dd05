"""`--since`, `--until`, and `since=` in a URL: the one parser of moments. Pure."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

TAKES = (
    "90s, 15m, 1h, 2d or 1w (that long ago), a date such as 2026-11-23 (UTC midnight), "
    "a time such as 2026-11-23T14:00:00Z (UTC where it names no zone), or now"
)
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
MICROSECONDS = {"us": 1, "µs": 1, "ms": 1_000, "s": 1_000_000}

_LONG = re.compile(r"([0-9]{1,9}(?:[.][0-9]{1,6})?)\s?(us|µs|ms|s)")
_AGO = re.compile(r"([0-9]{1,18})([smhdw])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)


def moment(text: str, now: datetime) -> datetime:
    """The moment that the text names, as naive UTC. now: naive UTC.

    Raises ValueError, whose message says what would be understood.
    """
    word = text.strip()
    try:
        found = _read(word, now)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise ValueError(f"{text!r} is not a time that is understood; write {TAKES}")
    return found


def duration_us(text: str) -> int:
    """The duration that the text names, such as 500ms, in microseconds.

    Raises ValueError, whose message says what would be understood.
    """
    if long := _LONG.fullmatch(text.strip().lower()):
        return int(Decimal(long[1]) * MICROSECONDS[long[2]])
    raise ValueError(f"{text!r} is not a duration that is understood; write 800us, 500ms or 1.5s")


def _read(word: str, now: datetime) -> datetime | None:
    if word.lower() == "now":
        return now
    if ago := _AGO.fullmatch(word.lower()):
        return now - timedelta(seconds=int(ago[1]) * UNITS[ago[2]])
    if _DATE.fullmatch(word) or _TIME.fullmatch(word):
        return _as_utc(datetime.fromisoformat(word.upper()))
    return None


def _as_utc(value: datetime) -> datetime:
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
