"""One export from beginning to end: a source, an encoder, a file, and what is said about it."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mexc_plugin.cli.database.servers import reading, say_what_waits
from mexc_plugin.cli.exit_codes import Misuse, Problem
from mexc_plugin.cli.exporting.cursor import Cursor
from mexc_plugin.cli.exporting.encoders import Csv, Encoder, Gzip, JsonLines, Parquet, Proofs
from mexc_plugin.cli.exporting.partial_file import Part
from mexc_plugin.cli.options.common import Chosen
from mexc_plugin.cli.output.progress import progress
from mexc_plugin.cli.output.terminal import say
from mexc_plugin.review.text import plain, visible
from mexc_plugin.store.read import export_source
from mexc_plugin.store.read.queries import Filters
from mexc_plugin.store.read.sequence_runs import Positions
from mexc_plugin.store.schema import tables
from mexc_plugin.store.verify import anchors

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mexc_plugin.store.read.export_source import Source

# An interrupted export loses what it did since it last made sure of what it has: about as much.
KEEP_SECONDS = 2.0

_UNITS = (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("bytes", 1))


@dataclass(frozen=True, slots=True)
class Job:
    """What is exported, and how: all that stays the same when an export is continued."""

    what: str
    form: str
    gzipped: bool
    filters: Filters
    cursor: str | None

    def require_sense(self) -> None:
        """Raise Misuse for what would export less, or more, than whoever asks for it thinks."""
        if self.cursor is None:
            return
        if self.what != "events":
            raise Misuse(
                "--cursor is for events: what was recorded never changes, while a row of the history "
                "does, when its cancel is resolved; add --what events"
            )
        if self.filters != Filters():
            raise Misuse("--cursor takes the whole record; leave the filters out")

    def document(self) -> dict[str, Any]:
        """JSON values, for `read`."""
        return json.loads(json.dumps(asdict(self), default=str))  # type: ignore[no-any-return]

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Job":
        """What `document` gave."""
        given = document["filters"]
        times = {n: datetime.fromisoformat(given[n]) for n in ("since", "until") if given[n]}
        lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
        return cls(**document | {"filters": Filters(**given | lists | times)})

    def columns(self) -> tuple[str, ...]:
        """Those of an event, as far as the format wants them."""
        return export_source.PROOF_COLUMNS if self.form == "jsonl" else export_source.EVENT_COLUMNS

    def encoder(
        self, write: Callable[[bytes], None], columns: tuple[str, ...], *, fresh: bool, safe: bool
    ) -> Encoder:
        """What turns the rows into bytes. fresh: at the file's beginning; safe: for a terminal."""
        if self.form == "csv":
            return Csv(write, columns, fresh=fresh)
        if self.form == "jsonl":
            proofs = self.what == "events"
            return Proofs(write, safe=safe) if proofs else JsonLines(write, columns)
        table = tables.cancel_audit if self.what == "events" else tables.cancel_history
        return Parquet(write, table, columns)


def begin(database: Chosen, job: Job, path: Path | None, *, force: bool) -> None:
    """Export to that file, which appears when it is whole; to stdout where there is none."""
    if path is None:
        _to_stdout(database, job)
        return
    with new_file(path, force=force) as part:
        part.begin()
        _to_file(database, job, part)


def resume(database: Chosen, path: Path, *, force: bool) -> None:
    """Go on with what an interrupted export left of that file."""
    with new_file(path, force=force) as part:
        kept = part.resume()
        _to_file(database, Job.read(kept["job"]), part, kept)


@contextlib.contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[Part]:
    """The file under way. Whatever ends the export early is followed by what can be done."""
    try:
        part = Part(path, force=force)
    except OSError as error:
        raise Problem(
            f"{path} cannot be written ({error.strerror}); name a file in a folder that is yours"
        ) from None
    try:
        yield part
    except BaseException as error:
        left = part.abandon()
        advice = (
            f"{part.part} keeps what is done; go on with --resume" if left else "nothing is left"
        )
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise Problem(f"{path} cannot be written ({error.strerror}); {advice}") from None
        if left:
            say(f"not finished: {advice}")
        raise


def _to_file(database: Chosen, job: Job, part: Part, kept: dict[str, Any] | None = None) -> None:
    with ExitStack() as stack:
        cursor = _cursor(stack, job)
        base = cursor.base if cursor else None
        if kept and kept["base"] != base:
            raise Problem("another export went on with the cursor meanwhile; begin anew")
        source = _source(job, stack.enter_context(reading(database.url)), cursor, kept)
        run = _Run(job, source, part.write, rows=kept["rows"] if kept else 0)

        def keep() -> None:
            part.keep(run.document() | {"base": base})

        run.all(keep)
        if cursor and isinstance(source, export_source.Events):
            part.settle()
            cursor.prepare(source.positions, part.path, part.inode)
        size = part.publish()
        if cursor and isinstance(source, export_source.Events):
            cursor.commit(source.positions)
        say_what_waits(database, "are not in it")
        say(run.summary(f"{part.path} ({in_units(size)})"))


def _to_stdout(database: Chosen, job: Job) -> None:
    with ExitStack() as stack:
        cursor = _cursor(stack, job)
        source = _source(job, stack.enter_context(reading(database.url)), cursor, None)
        run = _Run(job, source, sys.stdout.buffer.write, safe=sys.stdout.isatty())
        run.all()
        sys.stdout.buffer.flush()
        if cursor and isinstance(source, export_source.Events):
            cursor.commit(source.positions)
        say_what_waits(database, "are not in it")
        say(run.summary("stdout"))


def _cursor(stack: ExitStack, job: Job) -> Cursor | None:
    if job.cursor is None:
        return None
    cursor = Cursor(Path(job.cursor))
    stack.callback(cursor.close)
    return cursor


def _source(
    job: Job, connection: "Connection", cursor: Cursor | None, kept: dict[str, Any] | None
) -> "Source":
    position = kept["position"] if kept else None
    if job.what == "history":
        return export_source.History(connection, job.filters, position)
    if job.filters != Filters():
        return export_source.EventsOfAttempts(connection, job.filters, job.columns(), position)
    positions = cursor.positions if cursor else Positions()
    return export_source.Events(
        connection,
        job.columns(),
        Positions.read(position) if position else positions,
        is_archived=anchors.read(connection).took if cursor else lambda *_: False,
    )


class _Run:
    """Rows from a source through an encoder, counted and timed."""

    def __init__(
        self,
        job: Job,
        source: "Source",
        write: Callable[[bytes], Any],
        *,
        rows: int = 0,
        safe: bool = False,
    ) -> None:
        self._job = job
        self._source = source
        self._gzip = Gzip(write) if job.gzipped else None
        write = self._gzip.write if self._gzip else write
        self._encoder = job.encoder(write, source.columns, fresh=rows == 0, safe=safe)
        self._before = rows
        self._rows = rows
        self._began = time.monotonic()

    def all(self, keep: Callable[[], None] | None = None) -> None:
        """Everything. keep: is called now and then, when what is written so far is whole."""
        try:
            self._all(keep)
        except BaseException:
            self._encoder.abandon()
            raise

    def _all(self, keep: Callable[[], None] | None) -> None:
        kept = time.monotonic()
        with progress("exporting") as tell:
            for rows in self._source.batches():
                self._encoder.write(rows)
                self._rows += len(rows)
                tell(self._rows - self._before, self._source.share())
                if keep and self._encoder.resumable and time.monotonic() - kept >= KEEP_SECONDS:
                    self._cut()
                    keep()
                    kept = time.monotonic()
        self._encoder.close()
        self._cut()

    def document(self) -> dict[str, Any]:
        """What another run needs to go on from here."""
        position = self._source.position()
        return {"job": self._job.document(), "position": position, "rows": self._rows}

    def summary(self, where: str) -> str:
        """The last line: how many rows, how fast, and up to where."""
        noun = "events" if self._job.what == "events" else "attempts"
        rate = (self._rows - self._before) / max(time.monotonic() - self._began, 1e-9)
        last = self._source.last
        upto = f", up to {plain(last.at)} ({visible(last.name)})" if last else ""
        following = f"; next: --cursor {self._job.cursor}" if self._job.cursor else ""
        return f"{self._rows:,} {noun} to {where}, {rate:,.0f}/s{upto}{following}"

    def _cut(self) -> None:
        if self._gzip:
            self._gzip.cut()


def in_units(size: int) -> str:
    """A size in bytes, for people."""
    unit, divisor = next((u, d) for u, d in _UNITS if size >= d or d == 1)
    return f"{size / divisor:.1f} {unit}" if divisor > 1 else f"{size} {unit}"
