"""Verifies a record: what is asked of it as a whole, then writer by writer, in this process or in several."""

import functools
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import wait
from typing import Any

from mexc_plugin.errors import MexcPluginError, StoreError
from mexc_plugin.evidence import checkpoint_checks
from mexc_plugin.evidence.checking import Part, Tell, check_parts, check_whole, divide_history
from mexc_plugin.evidence.checkpoint_checks import Witnesses
from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import stretches
from mexc_plugin.store.verify.findings import Finding
from mexc_plugin.store.verify.stretches import Stretch

# Gives every finding about some parts of the record.
Check = Callable[[Sequence[Part], Tell], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to verify, as it was when it was asked for."""

    stretches: tuple[Stretch, ...]

    @property
    def events(self) -> int:
        """How many events there are to read."""
        return sum(stretch.events for stretch in self.stretches)

    @property
    def writers(self) -> int:
        """How many writers wrote them."""
        return len(self.stretches)


def make_plan(url: str, since: datetime | None = None) -> Plan:
    """What there is to verify now; what bots record meanwhile is not part of it.

    since: from each writer's first event at or after that time (UTC) on. Raises StoreError and others.
    """
    with queries.reading(url) as connection:
        read_any_text(connection)
        return Plan(tuple(stretches.plan(connection, since)))


def verify(
    url: str,
    plan: Plan,
    tell: Tell = lambda _: None,
    *,
    quick: bool = False,
    jobs: int = 1,
    witnesses: Witnesses = Witnesses(),  # noqa: B008 - it never changes
) -> Iterator[Finding]:
    """Every finding. tell: called with how many events more were read; jobs: how many processes read."""
    yield from check_whole(url, quick=quick)
    yield from checkpoint_checks.check(url, plan.stretches, witnesses)
    parts: list[Part] = [*plan.stretches, *([] if quick else divide_history(url))]
    shares = share_out(parts, jobs)
    check = functools.partial(check_parts, url, quick=quick, writer_keys=witnesses.writer_keys)
    if len(shares) > 1:
        yield from _verify_in_processes(check, shares, tell)
    else:
        yield from check(parts, tell)


def share_out(parts: Sequence[Part], jobs: int) -> list[list[Part]]:
    """The parts in so many heaps of about as much work; a writer is never split."""
    heaps: list[list[Part]] = [[] for _ in range(max(1, min(jobs, len(parts))))]
    sizes = [0] * len(heaps)
    for part in sorted(parts, key=lambda part: -part.events):
        least = sizes.index(min(sizes))
        heaps[least].append(part)
        sizes[least] += part.events
    return heaps


def _verify_in_processes(
    check: Check, shares: Sequence[Sequence[Part]], tell: Tell
) -> Iterator[Finding]:
    # New processes: one that is forked would have the connections and threads of this one.
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in shares]
    workers = [
        context.Process(target=_work, args=(check, share, said), daemon=True)
        for share, (_, said) in zip(shares, pipes, strict=True)
    ]
    try:
        for worker, (_, said) in zip(workers, pipes, strict=True):
            worker.start()
            said.close()  # the worker's alone: it ends when that does
        yield from _listen([reader for reader, _ in pipes], tell)
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.terminate()
                worker.join()


def _listen(readers: list[Any], tell: Tell) -> Iterator[Finding]:
    while readers:
        ready: list[Any] = wait(readers)
        for reader in ready:
            try:
                word = reader.recv()
            except EOFError as error:
                raise StoreError("a process that verifies was ended from outside") from error
            if isinstance(word, Finding):
                yield word
            elif isinstance(word, int):
                tell(word)
            elif word is None:
                readers.remove(reader)
            else:
                raise StoreError(word)


def _work(check: Check, share: Sequence[Part], said: Any) -> None:  # noqa: ANN401 - what a process is given
    try:
        for finding in check(share, said.send):
            said.send(finding)
    except MexcPluginError as error:
        said.send(str(error))
    except BaseException as error:
        said.send(f"a process that verifies ended: {type(error).__name__}: {error}")
        raise
    said.send(None)
