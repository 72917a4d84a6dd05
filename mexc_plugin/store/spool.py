"""The spool: fsynced files that keep events while the database is out of reach.

One file for each writer, locked while its writer lives, so that whoever finds one unlocked knows
that its writer is gone and may replay it. Each line is an event; a torn last line is what a crash
leaves, and is reported, never repaired.
"""

import contextlib
import errno
import json
import logging
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import exc

from mexc_plugin.audit import canonical, chain
from mexc_plugin.audit.events import Event, project, project_orders
from mexc_plugin.errors import ConfigError
from mexc_plugin.posix import fcntl
from mexc_plugin.store.database import Database
from mexc_plugin.store.spool_folder import CONFLICT, SUFFIX, TORN, files, place, try_to_write

log = logging.getLogger("mexc_plugin")

REPLAY_BATCH = 256
CHUNK = 262_144

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
# What lies in a spool's place may be a link, a FIFO or a device: none may be followed or waited for.
_WARY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Spool:
    """The spool file of one writer; made, locked and opened with the first event that needs it.

    folder: the one that the settings name. path: None where there is none to be had, for want of a
    home; then every event that is appended is refused.
    """

    def __init__(self, url: str, writer_id: str, folder: Path | None = None) -> None:
        self.path: Path | None = None
        self._no_path = ""
        try:
            at, stem = place(url, folder)
            self.path = at / f"{stem}.{writer_id}{SUFFIX}"
        except ConfigError as error:
            self._no_path = str(error)
        self._writer_id = writer_id
        self._fd: int | None = None
        self._torn = False

    def __str__(self) -> str:
        """The file's path, for people."""
        return str(self.path or "(there is none)")

    def try_to_write(self) -> None:
        """Write to the folder, which is made, and leave no file. Raises OSError."""
        try_to_write(self._require_path().parent, make=True)

    def append(self, events: list[Event]) -> None:
        """Append events and fsync. Raises OSError when the disk refuses, or there is no place."""
        path = self._require_path()
        if self._fd is None:
            self._fd = self._open(path)
        elif not _is_named(self._fd, path):
            self._fd = self._replace(self._fd, path)
        lines = b"".join(_line(event) for event in events)
        data = memoryview(b"\n" + lines if self._torn else lines)
        start = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            while data:
                data = data[os.write(self._fd, data) :]
            os.fdatasync(self._fd)
        except OSError:
            # Half a line must not swallow the next one.
            self._torn = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, start)
                self._torn = False
            raise
        self._torn = False

    @property
    def is_open(self) -> bool:
        """True while there is a file of this writer, and perhaps something in it."""
        return self._fd is not None

    def take(self, start: int) -> tuple[list[Event], int]:
        """Some events from that byte of the file on, for a replay by its own writer.

        Returns them and the byte where the next ones start, which is `start` when there are none.
        """
        if self._fd is None:
            return [], start
        size, length = os.fstat(self._fd).st_size, CHUNK
        while True:
            chunk = os.pread(self._fd, length, start)
            end = chunk.rfind(b"\n") + 1
            if end or start + length >= size:
                return list(_content(chunk[:end], self._writer_id).events), start + end
            length *= 2

    def set_aside(self, events: list[Event]) -> None:
        """Keep events in whose place another row is. Raises OSError."""
        _set_aside(self._require_path(), events)

    def clear(self) -> None:
        """Remove the file: all that it held is in the database."""
        if self._fd is not None:
            self._require_path().unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = None

    def close(self) -> None:
        """Let go of the file; what it holds waits for the next writer or for `audit recover`."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _require_path(self) -> Path:
        if self.path is None:
            raise FileNotFoundError(errno.ENOENT, self._no_path)
        return self.path

    def _open(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            return self._open_again(path)
        # Whoever finds the file finds it locked: it gets its name only then.
        unnamed = path.with_suffix(".new")
        fd = os.open(unnamed, _FLAGS | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(path)
            _sync_folder(path.parent)
        except OSError:
            os.close(fd)
            raise
        return fd

    def _replace(self, old: int, path: Path) -> int:
        """A new file with all that is in the one that somebody moved or removed."""
        fd = self._open(path)
        try:
            data = memoryview(os.pread(old, os.fstat(old).st_size, 0))
            while data:
                data = data[os.write(fd, data) :]
        except OSError:
            os.close(fd)
            raise
        os.close(old)
        return fd

    def _open_again(self, path: Path) -> int:
        """What this writer left, unless somebody is replaying it away. Raises FileNotFoundError."""
        fd = os.open(path, _FLAGS)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if not _is_named(fd, path):
                raise FileNotFoundError(path)
        except OSError:
            os.close(fd)
            raise
        return fd


@dataclass(frozen=True, slots=True)
class Content:
    """What a spool file holds: whole events, and how many lines could not be read."""

    events: tuple[Event, ...]
    torn: int


def read(path: Path) -> Content:
    """Read a spool file. A line that is torn or does not fit its own hash is counted, not used.

    Raises OSError, also for what is no file of this user.
    """
    fd = _open_warily(path, os.O_RDONLY)
    try:
        return _read(fd, path)
    finally:
        os.close(fd)


def _open_warily(path: Path, mode: int) -> int:
    """Open a file of this user. Raises OSError for anything else, and never waits."""
    fd = os.open(path, mode | _WARY)
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        return fd
    os.close(fd)
    raise PermissionError(0, "not a regular file of this user", str(path))


def _read(fd: int, path: Path) -> Content:
    with os.fdopen(fd, "rb", closefd=False) as file:
        file.seek(0)
        return _content(file.read(), path.stem.rpartition(".")[2])


def _content(data: bytes, writer_id: str) -> Content:
    events, torn = [], 0
    for line in filter(None, data.split(b"\n")):
        event = _parse(line, writer_id)
        if event is None:
            torn += 1
        else:
            events.append(event)
    return Content(tuple(events), torn)


def abandoned(
    url: str, own: Path | None = None, folder: Path | None = None
) -> Iterator[tuple[Path, int]]:
    """Spool files whose writer is gone, each with a file descriptor that holds its lock.

    folder: the one that the settings name, where they name one.
    """
    for path in files(url, folder):
        if path == own:
            continue
        try:
            fd = _open_warily(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("audit: the spool %s is left alone: %s", path.name, error.strerror)
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            continue
        try:
            if _is_named(fd, path):
                yield path, fd
        finally:
            os.close(fd)


def replay(
    url: str, database: Database, own: Path | None = None, folder: Path | None = None
) -> Iterator[tuple[Path, int, int]]:
    """Replay the spools of writers that are gone: yields path, events stored, torn lines.

    Idempotent. A file with torn lines is kept aside as `.torn`, a whole one is removed; one that
    cannot be replayed stays and keeps no other from it. Raises what SQLAlchemy says of a database
    that is out of reach.
    """
    for path, fd in abandoned(url, own, folder):
        try:
            stored, torn = _replay_one(path, fd, database)
        except (exc.OperationalError, exc.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - anybody may have written that file
            log.warning(
                "audit: the spool %s cannot be replayed and is kept: %s",
                path.name,
                type(error).__name__ if isinstance(error, exc.SQLAlchemyError) else error,
            )
            continue
        yield path, stored, torn


def _replay_one(path: Path, fd: int, database: Database) -> tuple[int, int]:
    content = _read(fd, path)
    conflicts: list[Event] = []
    stored = 0
    for start in range(0, len(content.events), REPLAY_BATCH):
        batch = content.events[start : start + REPLAY_BATCH]
        stored += database.insert_missing(batch, conflicts)
    _set_aside(path, conflicts)
    if content.torn:
        path.rename(path.with_suffix(TORN))
    else:
        path.unlink()
    return stored, content.torn


def _set_aside(path: Path, events: list[Event]) -> None:
    """Append events to the `.conflict` beside a spool: their places in the database are taken."""
    if not events:
        return
    kept = path.with_suffix(CONFLICT)
    fd = os.open(kept, _FLAGS | os.O_NONBLOCK | os.O_CREAT, 0o600)
    with os.fdopen(fd, "ab") as file:
        file.write(b"".join(map(_line, events)))
        file.flush()
        os.fsync(fd)
    _sync_folder(kept.parent)
    log.error(
        "audit: another row is in the place of %d events (writer %s, seq %s): they are kept in %s; "
        "somebody wrote to the record, look with: mexc-plugin audit verify",
        len(events),
        events[0].writer_id,
        ", ".join(str(event.seq) for event in events[:5]) + (", …" if len(events) > 5 else ""),
        kept,
    )


def _is_named(fd: int, path: Path) -> bool:
    """Whether this open file still is what that path names."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# A line holds these and no more: what an event says is in its payload alone.
_FIELDS = {"writer_id": str, "seq": int, "payload": str, "prev_hash": str, "hash": str}


def _line(event: Event) -> bytes:
    record = {name: getattr(event, name) for name in _FIELDS}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


_HASH = re.compile("[0-9a-f]{64}")
_INT64 = range(-(2**63), 2**63)


def _parse(line: bytes, writer_id: str) -> Event | None:
    """The event of a line; None unless that writer's chain could hold it and a row be made of it."""
    try:
        record = json.loads(line)
        if set(record) != set(_FIELDS) or not all(
            type(record[name]) is kind for name, kind in _FIELDS.items()
        ):
            return None
        document = canonical.decode(record["payload"])
        event = Event(**record, document=document)
        fits = (
            event.writer_id == writer_id == document.get("writer_id")
            and event.seq == document.get("seq")
            and 1 <= event.seq < 2**63
            and _HASH.fullmatch(event.prev_hash) is not None
            and chain.link(event.prev_hash, event.payload) == event.hash
            and all(map(_is_storable, (project(event), *project_orders(event))))
        )
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return event if fits else None


def _is_storable(row: dict[str, object]) -> bool:
    """Whether every database takes these values. Raises ValueError for text that is not Unicode."""
    for value in row.values():
        if isinstance(value, str):
            value.encode()
        elif value is not None and not (isinstance(value, int) and value in _INT64):
            return False
    required = "kind" if "kind" in row else "cancel_id"
    return row[required] is not None
