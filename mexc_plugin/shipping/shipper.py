"""Copies what a source has and a target lacks. Keeps no place of its own: it is what the target holds."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from mexc_plugin.errors import StoreMissing
from mexc_plugin.shipping.chain_checks import DoesNotFollow, Shipped, following
from mexc_plugin.shipping.gaps import gaps, join, runs_of
from mexc_plugin.store.read import places, queries
from mexc_plugin.store.read.follow import heads
from mexc_plugin.store.schema import archives
from mexc_plugin.store.verify.columns import CHAIN
from mexc_plugin.store.verify.stretches import Reader, Stretch
from mexc_plugin.store.write.destination import Batch, Destination

if TYPE_CHECKING:
    from mexc_plugin.store.read.places import Run

# What goes in one transaction, at most; characters of payload.
EVENTS = 1_000
CHARACTERS = 4_000_000
# Of one writer in one look, so that another one's newest do not wait for its years.
OF_A_WRITER = 20_000
# A target that says nothing for so long, asked for what it holds, counts as gone: that goes through its key.
ANSWER_MS = 120_000


class Shipper:
    """From one database to another. Not thread-safe, but for the thread that reads ahead.

    refused: by writer, what does not follow or is refused: nothing of that writer is copied from there on.
    behind: events that the target lacked when the last look began, those of gaps not counted.
    """

    def __init__(self, source: str, target: str) -> None:
        self.refused: dict[str, str] = {}
        self.behind = 0
        self._source = source
        self._target = target
        self._destination = Destination(target)
        self._held: dict[str, list[Run]] = {}

    def look(self) -> int:
        """Copy what is there now, or a good part of it; return how many events. 0: the target has all.

        Raises ConfigError, and StoreError where source or target cannot be used now; call it again later.
        """
        copied = 0
        try:
            with ThreadPoolExecutor(1) as thread:
                batches = self._batches()
                ahead = thread.submit(next, batches, None)
                try:
                    while batch := ahead.result():
                        ahead = thread.submit(next, batches, None)
                        copied += self._copy(batch)
                finally:
                    thread.submit(batches.close)
        except BaseException:
            self.close()
            raise
        if self._destination.was_lost:
            self.close()
        return copied

    def close(self) -> None:
        """Let go of the target, and forget what it holds."""
        self._destination.close()
        self._destination.was_lost = False
        self._held.clear()

    def _copy(self, batch: Batch) -> int:
        for event, reason in self._destination.put(batch):
            self._refuse(event.writer_id, event.seq, reason)
        there = [event for event in batch.events if event.writer_id not in self.refused]
        for writer_id, runs in runs_of(there).items():
            self._held[writer_id] = join([*self._held[writer_id], *runs])
        return len(there)

    def _batches(self) -> Generator[Batch, None, None]:
        some: list[Shipped] = []
        size = 0
        for each in self._missing():
            some.append(each)
            size += len(each[0].payload)
            if len(some) == EVENTS or size > CHARACTERS:
                yield Batch(*zip(*some, strict=True))
                some, size = [], 0
        if some:
            yield Batch(*zip(*some, strict=True))

    def _missing(self) -> Iterator[Shipped]:
        """What the target lacks, writer by writer, as far as it follows."""
        with queries.reading(self._source) as connection:
            newest = self._plain(heads(connection))
            connection.rollback()
            self._ask([writer_id for writer_id in newest if writer_id not in self._held])
            self.behind = sum(
                gap.last - gap.first + 1
                for writer_id, last in newest.items()
                for gap in gaps(self._held[writer_id], last)
                if gap.last == last
            )
            reader = Reader(connection, CHAIN)
            for writer_id, last in newest.items():
                if writer_id not in self.refused:
                    yield from islice(self._missing_of(reader, writer_id, last), OF_A_WRITER)

    def _plain(self, newest: dict[str, int]) -> dict[str, int]:
        """Without what SQLite holds and no program of ours writes, which is refused."""
        found = {}
        for writer_id, seq in newest.items():
            if isinstance(writer_id, str) and isinstance(seq, int):
                found[writer_id] = seq
            else:
                self._refuse(str(writer_id), seq, "no event: writer_id or seq of a wrong type")
        return found

    def _missing_of(self, reader: Reader, writer_id: str, newest: int) -> Iterator[Shipped]:
        for run in self._held[writer_id]:
            if run.prev_hash is None and run.last > newest:  # by the word of a note alone
                words = f"events up to {run.last} left the target for an archive, as a note there says, and here are fewer"
                self._refuse(writer_id, newest, words)
                return
        try:
            for gap in gaps(self._held[writer_id], newest):
                stretch = Stretch(writer_id, gap.first, gap.last, 0)
                yield from following(reader.rows(stretch), writer_id, gap)
        except DoesNotFollow as error:
            self._refuse(writer_id, error.seq, str(error))

    def _ask(self, writer_ids: list[str]) -> None:
        """Learn what the target holds of writers that are new here, or again."""
        if not writer_ids:
            return
        found: dict[str, list[Run]] = {}
        with (
            suppress(StoreMissing),  # the first batch makes it
            queries.reading(self._target, answer_ms=ANSWER_MS) as connection,
        ):
            found = places.runs(connection, writer_ids)
            for left in archives.read_left(connection):  # it counts as held, or it would come back
                run = places.Run(left.first, left.last, None, left.hash)
                found.setdefault(left.writer_id, []).append(run)
        self._held |= {writer_id: join(found.get(writer_id, ())) for writer_id in writer_ids}

    def _refuse(self, writer_id: str, seq: object, reason: str) -> None:
        self.refused.setdefault(writer_id, f"writer {writer_id} seq {seq}: {reason}")
