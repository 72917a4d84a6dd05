"""How far back the charts look. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mexc_plugin.store.read.statistics.counts import By

_STEPS = {By.HOUR: timedelta(hours=1), By.DAY: timedelta(days=1)}
_LENGTHS = {By.HOUR: len("2026-11-23 14"), By.DAY: len("2026-11-23")}


@dataclass(frozen=True, slots=True)
class Span:
    """title: for people; back: how far, None for everything; by: what one bar is.

    kept_s: for how long figures are good enough; they change little over a longer span.
    """

    title: str
    back: timedelta | None
    by: By
    kept_s: float

    def since(self, now: datetime) -> datetime | None:
        """The start of the first bar. now: naive UTC."""
        if self.back is None:
            return None
        hour = now.hour if self.by is By.HOUR else 0
        start = now.replace(hour=hour, minute=0, second=0, microsecond=0)
        return start + _STEPS[self.by] - self.back

    def period(self, moment: datetime) -> str:
        """The name of the bar that a moment is in."""
        return moment.isoformat(sep=" ")[: _LENGTHS[self.by]]


SPANS: Mapping[str, Span] = {
    "24h": Span("24 hours", timedelta(days=1), By.HOUR, 5),
    "7d": Span("7 days", timedelta(days=7), By.HOUR, 30),
    "30d": Span("30 days", timedelta(days=30), By.DAY, 60),
    "90d": Span("90 days", timedelta(days=90), By.DAY, 120),
    "all": Span("Everything", None, By.DAY, 300),
}
DEFAULT = "24h"


def reaching(moment: datetime, now: datetime) -> str:
    """The name of the shortest span that ends now and holds that moment."""
    starts = ((name, span.since(now)) for name, span in SPANS.items())
    return next(name for name, start in starts if start is None or start <= moment)


def bounds(period: str) -> tuple[str, str]:
    """Since when and until when an hour, day or month counts, as filters take it."""
    if len(period) == _LENGTHS[By.HOUR]:
        start = datetime.fromisoformat(f"{period}:00")
        end = start + _STEPS[By.HOUR]
    elif len(period) == _LENGTHS[By.DAY]:
        start = datetime.fromisoformat(period)
        end = start + _STEPS[By.DAY]
    else:
        start = datetime.fromisoformat(f"{period}-01")
        end = (start + timedelta(days=31)).replace(day=1)
    return start.isoformat() + "Z", end.isoformat() + "Z"
