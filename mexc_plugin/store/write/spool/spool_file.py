"""The spool: fsynced files that keep events while the database is out of reach.

One file for each writer, locked while its writer lives, so that whoever finds one unlocked knows
that its writer is gone and may replay it. Each line is an event; a torn last line is what a crash
leaves, and is reported, never repaired.

It is made when its writer starts, as `.new` and with room in it, so that a disk that is full by then still takes what
fits, and at the end the word of how much did not. It gets its name with the first event. Behind its last line are NULs.
"""

import contextlib
import errno
import os
from pathlib import Path

from mexc_plugin import real_threads
from mexc_plugin.audit.events import Event
from mexc_plugin.errors import ConfigError
from mexc_plugin.posix import fcntl, names_file, open_warily, sync_folder
from mexc_plugin.store.write.spool.spool_folder import PREPARED, SUFFIX, TORN, place
from mexc_plugin.store.write.spool.spool_format import read_lines, write_line
from mexc_plugin.store.write.spool.spool_replay import Note, set_aside

CHUNK = 262_144
# What is reserved on the disk at a time, some hundred events; and the part of it that only the end may use.
ROOM = 262_144
LAST_ROOM = 8_192

_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class Spool:
    """The spool file of one writer, locked from when it is there.

    folder: the one that the settings name. path: None where there is none to be had, for want of a
    home; then every event that is appended is refused. is_ending: what is reserved for the end may be used.
    lock: held by the thread that prepares, writes or replays it.
    """

    def __init__(self, url: str, writer_id: str, folder: Path | None = None) -> None:
        self.path: Path | None = None
        self.is_ending = False
        self.lock = real_threads.allocate_lock()
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
        self._is_torn = False  # a line of it could not be read back

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
        lines = b"".join(map(write_line, events))
        self._reserve(fd, len(lines))
        os.lseek(fd, self._end, os.SEEK_SET)
        try:
            data = memoryview(lines)
            while data:
                data = data[os.write(fd, data) :]
            os.fdatasync(fd)
        except OSError:
            # What cannot be cut off either is written over by the next ones.
            with contextlib.suppress(OSError):
                os.ftruncate(fd, self._end)
                self._reserved = self._end
            raise
        self._end += len(lines)

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
                content = read_lines(chunk[:end], self._writer_id)
                self._is_torn |= content.torn > 0
                return list(content.events), start + end
            length *= 2

    def set_aside(self, events: list[Event], note: Note) -> None:
        """Keep events in whose place another row is. Raises OSError."""
        set_aside(self._require_path(), events, note)

    def clear(self) -> Path | None:
        """All that it held is in the database: take its name away, and keep it for the next time.

        Returns where it is kept aside, because a line of it could not be read.
        """
        if self._fd is None or not self._is_named:
            return None
        path = self._require_path()
        if not names_file(path, self._fd):
            self.forget()  # whoever moved it may keep it
            return None
        if self._is_torn:
            return self._keep_torn(path, self._fd)
        path.rename(path.with_suffix(PREPARED))
        self._is_named = False
        self._end = self._reserved = 0
        os.ftruncate(self._fd, 0)
        with contextlib.suppress(OSError):
            self._reserve(self._fd, 0)
        return None

    def _keep_torn(self, path: Path, fd: int) -> Path:
        kept, number = path.with_suffix(TORN), 1
        while os.path.lexists(kept):
            number += 1
            kept = path.with_suffix(f".{number}{TORN}")
        path.rename(kept)
        with contextlib.suppress(OSError):
            os.ftruncate(fd, self._end)
        self.forget()
        with contextlib.suppress(OSError):
            self.prepare()
        return kept

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
        self._is_named, self._end, self._reserved, self._is_torn = False, 0, 0, False
        if fd is not None:
            os.close(fd)

    def _require_path(self) -> Path:
        if self.path is None:
            raise FileNotFoundError(errno.ENOENT, self._no_path)
        return self.path

    def _open(self, path: Path) -> int:
        """The file under its own name, whatever became of it."""
        old = self._fd
        if old is not None and names_file(
            path if self._is_named else path.with_suffix(PREPARED), old
        ):
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
            self._is_named = names_file(path, fd)
        if not self._is_named:
            path.with_suffix(PREPARED).rename(path)
            sync_folder(path.parent)
            self._is_named = True
        return fd

    def _make(self, path: Path) -> int:
        """A locked file without the name: whoever finds that, finds it locked."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unnamed = path.with_suffix(PREPARED)
        while True:
            fd = open_warily(unnamed, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if names_file(unnamed, fd):
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
            if names_file(path, fd):
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
