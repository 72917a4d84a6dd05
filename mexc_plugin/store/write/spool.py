"""The spool: fsynced files that keep events while the database is out of reach.

One file for each writer, locked while its writer lives, so that whoever finds one unlocked knows
that its writer is gone and may replay it. Each line is an event; a torn last line is what a crash
leaves, and is reported, never repaired.

It is made when its writer starts, as `.new` and with room in it, so that a disk that is full by then still takes what
fits, and at the end the word of how much did not. It gets its name with the first event. Behind its last line are NULs.
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
from mexc_plugin.store.write.inserts import Database
from mexc_plugin.store.write.spool_folder import (
    CONFLICT,
    PREPARED,
    SUFFIX,
    TORN,
    files,
    place,
    prepared,
)

log = logging.getLogger("mexc_plugin")

REPLAY_BATCH = 256
CHUNK = 262_144
# What is reserved on the disk at a time, some hundred events; and the part of it that only the end may use.
ROOM = 262_144
LAST_ROOM = 8_192

_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
# What lies in a spool's place may be a link, a FIFO or a device: none may be followed or waited for.
_WARY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Spool:
    """The spool file of one writer, locked from when it is there.

    folder: the one that the settings name. path: None where there is none to be had, for want of a
    home; then every event that is appended is refused. is_ending: what is reserved for the end may be used.
    """

    def __init__(self, url: str, writer_id: str, folder: Path | None = None) -> None:
        self.path: Path | None = None
        self.is_ending = False
        self._no_path = ""
        try:
            at, stem = place(url, folder)
            self.path = at / f"{stem}.{writer_id}{SUFFIX}"
        except ConfigError as error:
            self._no_path = str(error)
        self._writer_id = writer_id
        self._fd: int | None = None
        self._is_named = False  # under its own name: there may be events in it
        self._end = 0  # of its last line
        self._reserved = 0
        self._torn = False

    def __str__(self) -> str:
        """The file's path, for people."""
        return str(self.path or "(there is none)")

    def prepare(self) -> None:
        """Make the file, with room in it, before an event needs it. Raises OSError."""
        if self._fd is None:
            self._fd = self._make(self._require_path())
            self._reserve(self._fd, 0)

    def append(self, events: list[Event]) -> None:
        """Append events and fsync. Raises OSError when the disk refuses, or there is no place."""
        fd = self._open(self._require_path())
        lines = b"".join(_line(event) for event in events)
        data = memoryview(b"\n" + lines if self._torn else lines)
        self._reserve(fd, len(data))
        start = os.lseek(fd, self._end, os.SEEK_SET)
        try:
            while data:
                data = data[os.write(fd, data) :]
            self._end = os.lseek(fd, 0, os.SEEK_CUR)
            os.fdatasync(fd)
        except OSError:
            # Half a line must not swallow the next one.
            self._torn = True
            with contextlib.suppress(OSError):
                os.ftruncate(fd, start)
                self._torn = False
                self._end = self._reserved = start
            raise
        self._torn = False

    @property
    def is_open(self) -> bool:
        """True while there is a file of this writer, and perhaps something in it."""
        return self._is_named

    def take(self, start: int) -> tuple[list[Event], int]:
        """Some events from that byte of the file on, for a replay by its own writer.

        Returns them and the byte where the next ones start, which is `start` when there are none.
        """
        if self._fd is None:
            return [], start
        length = CHUNK
        while True:
            chunk = os.pread(self._fd, min(length, self._end - start), start)
            end = chunk.rfind(b"\n") + 1
            if end or start + length >= self._end:
                return list(_content(chunk[:end], self._writer_id).events), start + end
            length *= 2

    def set_aside(self, events: list[Event]) -> None:
        """Keep events in whose place another row is. Raises OSError."""
        _set_aside(self._require_path(), events)

    def clear(self) -> None:
        """All that it held is in the database: take its name away, and keep it for the next time."""
        if self._fd is None or not self._is_named:
            return
        path = self._require_path()
        if not _names(path, self._fd):
            self.forget()  # whoever moved it may keep it
            return
        path.rename(path.with_suffix(PREPARED))
        self._is_named = self._torn = False
        self._end = self._reserved = 0
        os.ftruncate(self._fd, 0)
        with contextlib.suppress(OSError):
            self._reserve(self._fd, 0)

    def close(self) -> None:
        """Let go of the file; what it holds waits for the next writer or for `audit recover`."""
        fd = self._fd
        if fd is None:
            return
        with contextlib.suppress(OSError):
            if self._is_named:
                os.ftruncate(fd, self._end)
            else:
                self._require_path().with_suffix(PREPARED).unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Let go of the file and leave it as it is: in a forked child it is the parent's."""
        fd, self._fd = self._fd, None
        self._is_named, self._end, self._reserved = False, 0, 0
        if fd is not None:
            os.close(fd)

    def _require_path(self) -> Path:
        if self.path is None:
            raise FileNotFoundError(errno.ENOENT, self._no_path)
        return self.path

    def _open(self, path: Path) -> int:
        """The file under its own name, whatever became of it."""
        old = self._fd
        if old is not None and _names(path if self._is_named else path.with_suffix(PREPARED), old):
            fd = old
        else:
            # The first one, or in the place of one that somebody moved or removed.
            fd = self._make(path) if old is not None else self._open_again(path)
            try:
                if old is not None:
                    _copy(old, fd, self._end)
            except OSError:
                os.close(fd)
                raise
            self._fd, self._reserved = fd, self._end
            if old is not None:
                os.close(old)
            self._is_named = _names(path, fd)
        if not self._is_named:
            path.with_suffix(PREPARED).rename(path)
            _sync_folder(path.parent)
            self._is_named = True
        return fd

    def _make(self, path: Path) -> int:
        """A locked file without the name: whoever finds that, finds it locked."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unnamed = path.with_suffix(PREPARED)
        while True:
            fd = os.open(unnamed, _FLAGS | os.O_CREAT, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if _names(unnamed, fd):
                    return fd  # and nobody has swept it away in between
            except OSError:
                os.close(fd)
                raise
            os.close(fd)

    def _open_again(self, path: Path) -> int:
        """What this writer left, unless somebody is replaying it away; then a new one."""
        try:
            fd = os.open(path, _FLAGS)
        except FileNotFoundError:
            return self._make(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _names(path, fd):
                self._end = len(os.pread(fd, os.fstat(fd).st_size, 0).rstrip(b"\0"))
                return fd
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        return self._make(path)

    def _reserve(self, fd: int, size: int) -> None:
        """Have room for so many bytes more, and for the end. Raises OSError where the disk is full."""
        end = self._end + size
        if end + LAST_ROOM <= self._reserved or (self.is_ending and end <= self._reserved):
            return
        for room in (ROOM, LAST_ROOM):
            try:
                _allocate(fd, self._reserved, end + room)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    return  # a file system that reserves nothing: the write will show
                if room == LAST_ROOM:
                    raise
            else:
                self._reserved = end + room
                return


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
    for line in filter(None, (line.strip(b"\0") for line in data.split(b"\n"))):
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
            if _names(path, fd):
                yield path, fd
        finally:
            os.close(fd)


def replay(
    url: str, database: Database, own: Path | None = None, folder: Path | None = None
) -> Iterator[tuple[Path, int, int]]:
    """Replay the spools of writers that are gone: yields path, events stored, torn lines.

    Idempotent. What others had prepared and never used is swept away. A file with torn lines is kept aside as `.torn`, a whole one is removed; one that
    cannot be replayed stays and keeps no other from it. Raises what SQLAlchemy says of a database
    that is out of reach.
    """
    _sweep(url, folder)
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


def _sweep(url: str, folder: Path | None) -> None:
    """Remove what writers had prepared that were killed before they used it."""
    for path in prepared(url, folder):
        with contextlib.suppress(OSError):
            fd = _open_warily(path, os.O_RDWR)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _names(path, fd):
                    path.unlink()
            finally:
                os.close(fd)


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
    fd = os.open(kept, _FLAGS | os.O_APPEND | os.O_NONBLOCK | os.O_CREAT, 0o600)
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


def _names(path: Path, fd: int) -> bool:
    """Whether that path still names this open file."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _copy(old: int, new: int, size: int) -> None:
    data = memoryview(os.pread(old, size, 0))
    while data:
        data = data[os.write(new, data) :]


def _allocate(fd: int, start: int, end: int) -> None:
    """Have these bytes of a file on the disk. Raises OSError."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, start, end - start)
        return
    data = memoryview(bytes(end - start))  # macOS
    while data:
        data = data[os.pwrite(fd, data, end - len(data)) :]


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
