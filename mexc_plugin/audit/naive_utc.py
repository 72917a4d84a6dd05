"""Times as the record has them: UTC, written without a zone, whole microseconds."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC throughout, and written without a zone
_MICROSECOND = timedelta(microseconds=1)


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def from_ns(since_epoch: int) -> datetime:
    """Of nanoseconds since the epoch, cut to microseconds."""
    return _EPOCH + timedelta(0, 0, since_epoch // 1000)  # by name takes half as long again


def to_ns(moment: datetime) -> int:
    """Nanoseconds since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND * 1000


def without_zone(moment: datetime) -> datetime:
    """Of a time with a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)
