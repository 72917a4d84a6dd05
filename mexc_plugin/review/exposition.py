"""The state of a record in Prometheus' text format. Pure.

Names, units and types follow Prometheus' conventions. The labels are outcomes and the ends of buckets: a record
with a million symbols or bots has no more series than an empty one.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from mexc_plugin.audit.outcome import UNRESOLVED, Outcome

if TYPE_CHECKING:
    from mexc_plugin.shipping.lag import Lag, Shipped
    from mexc_plugin.store.read.statistics.gauges import Answered, Gauges

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "mexc_plugin_"
# What a request can be answered with: a record that was changed may say anything, which is counted as `other`.
ANSWERS = tuple(o.value for o in Outcome if o not in (Outcome.PENDING, Outcome.STILL_OPEN))
OTHER = "other"

Samples = Iterable[tuple[str, float]]


class Waiting(Protocol):
    """What waits outside of the database: see `store.write.spool.backlog`."""

    @property
    def events(self) -> int: ...
    @property
    def files(self) -> int: ...
    @property
    def unreadable(self) -> int: ...
    @property
    def kept_aside(self) -> int: ...


# What is known beside the record: spools, and the target that it is shipped to, where there is one.
Outside = tuple[Waiting, "Shipped | None"]


def expose(
    gauges: "Gauges | None", waiting: Waiting | None, shipped: "Shipped | None" = None
) -> str:
    """The whole text. gauges: None where the record cannot be read; waiting: None where nobody looked;
    shipped: None where nothing is shipped.
    """
    lines = [
        *_gauge("record_readable", "Whether the record could be read.", gauges is not None),
        *(_spool(waiting) if waiting else ()),
        *(_shipping(shipped.lag) if shipped else ()),
        *(_of_the_record(gauges) if gauges else ()),
    ]
    return "\n".join(lines) + "\n"


def _spool(waiting: Waiting) -> Iterator[str]:
    yield from _gauge("spool_events", "Events that wait for the database.", waiting.events)
    yield from _gauge("spool_files", "Spool files, each of one writer.", waiting.files)
    yield from _gauge(
        "spool_unreadable_files", "Spool files that this user may not read.", waiting.unreadable
    )
    yield from _gauge(
        "spool_kept_aside_files", "Files whose events no replay could store.", waiting.kept_aside
    )


def _shipping(lag: "Lag | None") -> Iterator[str]:
    yield from _gauge(
        "ship_target_readable", "Whether it could be seen what the target has.", lag is not None
    )
    if lag is None:
        return
    yield from _gauge("ship_lag_events", "Events that the target lacks.", lag.events)
    yield from _gauge(
        "ship_oldest_timestamp_seconds",
        "When the oldest event happened that the target lacks; absent where it has all.",
        None if lag.oldest_ns is None else lag.oldest_ns / 1e9,
    )


def _of_the_record(gauges: "Gauges") -> Iterator[str]:
    yield from _attempts(gauges.answered)
    yield from _latency(gauges.answered)
    yield from _family(
        "unresolved_attempts",
        "gauge",
        "Attempts that nobody knows the end of.",
        (_label(outcome, gauges.open.get(outcome, 0)) for outcome in sorted(UNRESOLVED)),
    )
    yield from _gauge(
        "unresolved_oldest_timestamp_seconds",
        "When the oldest unresolved attempt was asked for; absent where there is none.",
        _seconds(gauges.oldest) if gauges.oldest else None,
    )
    yield from _family(
        "newest_attempt_timestamp_seconds",
        "gauge",
        "When the newest attempt of each final outcome was asked for; absent where there is none.",
        _times(gauges.newest),
    )
    yield from _gauge(
        "last_event_timestamp_seconds",
        "When the newest event of any kind happened; absent in an empty record.",
        None if gauges.last_event_ns is None else gauges.last_event_ns / 1e9,
    )
    yield from _gauge(
        "lost_events",
        "Events that writers say they could not keep, in the newest events of the last day.",
        gauges.lost,
    )


def _attempts(answered: "Answered") -> Iterator[str]:
    counted = {name: answered.outcomes.get(name, 0) for name in ANSWERS}
    other = sum(answered.outcomes.values()) - sum(counted.values())
    yield from _family(
        "attempts_total",
        "counter",
        "Attempts to cancel by the outcome of their answer, since 00:00 UTC.",
        (_label(name, number) for name, number in (counted | {OTHER: other}).items()),
    )


def _latency(answered: "Answered") -> Iterator[str]:
    from mexc_plugin.store.read.statistics.gauges import BUCKETS_US

    ends = [*(f"{end / 1e6:g}" for end in BUCKETS_US), "+Inf"]
    below = list(accumulate(answered.latencies))
    samples = [
        *((f'_bucket{{le="{end}"}}', number) for end, number in zip(ends, below, strict=True)),
        ("_sum", answered.latency_sum_us / 1e6),
        ("_count", below[-1]),
    ]
    yield from _family(
        "latency_seconds",
        "histogram",
        "From the request sent to the answer read, timeouts included, since 00:00 UTC.",
        samples,
    )


def _times(newest: Mapping[str, datetime]) -> Samples:
    return [_label(o.value, _seconds(newest[o.value])) for o in Outcome if o.value in newest]


def _label(outcome: str, value: float) -> tuple[str, float]:
    return f'{{outcome="{outcome}"}}', value


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _gauge(name: str, words: str, value: float | None) -> Iterator[str]:
    return _family(name, "gauge", words, [] if value is None else [("", value)])


def _family(name: str, kind: str, words: str, samples: Samples) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {words}"
    yield f"# TYPE {PREFIX}{name} {kind}"
    for suffix, value in samples:
        yield f"{PREFIX}{name}{suffix} {float(value)!r}"
