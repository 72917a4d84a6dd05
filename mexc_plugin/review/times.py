"""`--since`, `--until`, and `since=` in a URL: the one parser of moments. Pure.

What names no zone is read in the zone that is shown (decision 0034). UTC unless somebody asked for
this machine's; None stands for that one, as it does in `datetime.astimezone`.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from mexc_plugin.audit import naive_utc

TAKES = (
    "90s, 15m, 1h, 2d or 1w (that long ago), 30min, '2 hours ago', now, today, yesterday, 14:03, "
    "2026-11, 2026-11-23, 2026-11-23T14:00:00Z, or seconds, ms, us or ns since 1970"
)
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
MICROSECONDS = {"us": 1, "µs": 1, "ms": 1_000, "s": 1_000_000}

# How people write a unit; the first letter says which.
_NAMES = (
    "s|sec|secs|second|seconds|m|min|mins|minute|minutes|h|hr|hrs|hour|hours"
    "|d|day|days|w|week|weeks"
)
_LONG = re.compile(r"([0-9]{1,9}(?:[.][0-9]{1,6})?)\s?(us|µs|ms|s)")
_AGO = re.compile(rf"([0-9]{{1,18}}) ?({_NAMES})(?: ago)?")
_LENGTH = re.compile(rf"([0-9]{{1,9}}) ?({_NAMES})")
_MONTHS = re.compile(r"([0-9]+) ?(?:M|mo|mon|mth|months?)(?: ago)?")
_DAY = re.compile(r"(today|yesterday)(?: (.+))?")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
# Their lengths tell them apart, from 2001 to 2286: seconds, ms, us, ns.
_EPOCH = re.compile(r"([0-9]{10})((?:[0-9]{3}){0,3}|[.][0-9]{1,9})")


def moment(text: str, now: datetime, zone: tzinfo | None = UTC) -> datetime:
    """The moment that the text names, as naive UTC. now: naive UTC; zone: of what names none.

    Raises ValueError, whose message says what would be understood.
    """
    word = " ".join(text.split())
    if months := _MONTHS.fullmatch(word):
        raise ValueError(
            f"{text!r}: months differ in length, and M is no minute; write {months[1]}m or "
            f"{months[1]}min for minutes, 30d for days, or a month as 2026-11"
        )
    try:
        found = _read(word, now, zone)
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


def length_s(text: str) -> int:
    """The seconds of a length of time such as 90s, 5min or `2 hours`.

    Raises ValueError, whose message says what would be understood.
    """
    long = _LENGTH.fullmatch(text.strip())
    if long is None:
        raise ValueError(f"{text!r} is no length of time; write 90s, 5m, 30min, 2h or 1d")
    return int(long[1]) * UNITS[long[2][0]]


def in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    """A time of the record, which is naive UTC, in a zone; the answer knows its zone."""
    return moment.replace(tzinfo=UTC).astimezone(zone)


def window(
    since: datetime | None, until: datetime | None, zones: Sequence[tzinfo | None] = (UTC,)
) -> str:
    """From when to when was asked for, in words, in each of the zones; empty where nothing was."""
    bounds = (("since", since), ("before", until))
    return " and ".join(f"{word} {_say(moment, zones)}" for word, moment in bounds if moment)


def _say(moment: datetime, zones: Sequence[tzinfo | None]) -> str:
    times = [in_zone(moment, zone) for zone in zones]
    # A machine whose own zone is UTC needs no second one.
    first, *others = {time.utcoffset(): f"{time:%Y-%m-%d %H:%M:%S %Z}" for time in times}.values()
    return f"{first} ({', '.join(others)})" if others else first


def _read(word: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    small = word.lower()
    if small == "now":
        return now
    if ago := _AGO.fullmatch(small):
        return now - timedelta(seconds=int(ago[1]) * UNITS[ago[2][0]])
    if epoch := _EPOCH.fullmatch(word):
        return _since_1970(epoch[1], epoch[2].removeprefix("."))
    if _CLOCK.fullmatch(small):
        small = f"today {small}"
    if day := _DAY.fullmatch(small):
        return _on_a_day(in_zone(now, zone), day[1], day[2], zone)
    if _MONTH.fullmatch(word):
        word += "-01"
    if _DATE.fullmatch(word) or _TIME.fullmatch(word):
        return _as_utc(datetime.fromisoformat(word.upper()), zone)
    return None


def _on_a_day(here: datetime, day: str, clock: str | None, zone: tzinfo | None) -> datetime | None:
    date = here.date() - timedelta(days=day == "yesterday")
    if clock is None:
        return _as_utc(datetime.fromisoformat(f"{date}"), zone)
    if not _CLOCK.fullmatch(clock):
        return None
    return _as_utc(datetime.fromisoformat(f"{date}T{clock.rjust(5, '0')}"), zone)


def _since_1970(seconds: str, fraction: str) -> datetime:
    microseconds = int(fraction.ljust(6, "0")[:6])
    return datetime(1970, 1, 1) + timedelta(seconds=int(seconds), microseconds=microseconds)  # noqa: DTZ001


def _as_utc(value: datetime, zone: tzinfo | None) -> datetime:
    if value.tzinfo is None:
        if zone is UTC:
            return value
        value = value.replace(tzinfo=zone)
    return naive_utc.without_zone(value)
