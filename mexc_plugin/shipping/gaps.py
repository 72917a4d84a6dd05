"""What of a writer a database lacks, between and behind the runs that it holds. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mexc_plugin.audit import chain
from mexc_plugin.audit.events import Event
from mexc_plugin.store.read.places import Run


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that are missing: the first and last number, both included.

    before: the hash of the event in front of them; after: the prev_hash of the one behind them, None where there is
    none or nobody says it.
    """

    first: int
    last: int
    before: str
    after: str | None


def gaps(runs: Sequence[Run], newest: int) -> Iterator[Gap]:
    """What is missing up to a writer's newest number."""
    last, hash_ = 0, chain.GENESIS
    for run in runs:
        if last >= newest:
            return
        if run.first > last + 1:
            yield Gap(last + 1, run.first - 1, hash_, run.prev_hash)
        last, hash_ = run.last, run.hash
    if newest > last:
        yield Gap(last + 1, newest, hash_, None)


def join(runs: Iterable[Run]) -> list[Run]:
    """The same runs, ascending; those that touch, or overlap, are one."""
    found: list[Run] = []
    for run in sorted(runs, key=lambda run: (run.first, run.last)):
        if found and run.first <= found[-1].last + 1:
            before = found.pop()
            end = max(before, run, key=lambda each: each.last)
            found.append(Run(before.first, end.last, before.prev_hash, end.hash))
        else:
            found.append(run)
    return found


def runs_of(events: Iterable[Event]) -> dict[str, list[Run]]:
    """The runs that some events are, by writer. Each writer's events ascend."""
    found: dict[str, list[Run]] = {}
    for event in events:
        runs = found.setdefault(event.writer_id, [])
        if runs and runs[-1].last + 1 == event.seq:
            runs[-1] = Run(runs[-1].first, event.seq, runs[-1].prev_hash, event.hash)
        else:
            runs.append(Run(event.seq, event.seq, event.prev_hash, event.hash))
    return found
