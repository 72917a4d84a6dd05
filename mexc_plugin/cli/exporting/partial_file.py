"""Files that are whole or not there: written under `.part`, renamed when nothing is missing.

What an interrupted export wrote stays as `.part`, with how far it came beside it in `.part.json`,
and can be continued from there. Bytes after that place are dropped: they may be half a line.
"""

import contextlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any

from mexc_plugin.cli.exit_codes import Misuse, Problem
from mexc_plugin.posix import fcntl, open_warily, replace, sync_folder

BUFFER = 1_048_576
PRIVATE = 0o600


class Part:
    """A file that is being written. What it is going to be called must not be there, unless force.

    Raises Misuse for a name that cannot be meant, Problem where another export writes the same file.
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self.state = path.with_name(path.name + ".part.json")
        self.kept: dict[str, Any] | None = None
        require_name(path, force=force)
        self._file = os.fdopen(_lock(self.part), "r+b", BUFFER)

    @property
    def inode(self) -> int:
        """What is still the same when the file has its final name."""
        return os.fstat(self._file.fileno()).st_ino

    def begin(self) -> None:
        """Start anew: what an earlier export left is dropped."""
        self.state.unlink(missing_ok=True)
        self._file.truncate(0)

    def resume(self) -> dict[str, Any]:
        """Go back to the newest place that is whole; what `keep` was given there.

        Raises Problem where there is none.
        """
        kept = self._read_state()
        if self._file.seek(0, os.SEEK_END) < kept["bytes"]:
            raise Problem(
                f"{self.part} is shorter than it was; begin anew, without --resume"
            ) from None
        self._file.seek(kept["bytes"])
        self._file.truncate()
        self.kept = kept["export"]
        return self.kept

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def keep(self, export: dict[str, Any]) -> None:
        """Make everything up to here durable, and remember that the export came so far."""
        self.settle()
        write_whole(self.state, {"bytes": self._file.tell(), "export": export})
        self.kept = export

    def settle(self) -> None:
        """Make the whole of it durable; it only lacks its name."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def publish(self) -> int:
        """Give the file its name, durably. Returns its size."""
        self.settle()
        size = self._file.tell()
        self.part.rename(self.path)
        sync_folder(self.path.parent)
        self.state.unlink(missing_ok=True)
        self._file.close()
        return size

    def abandon(self) -> bool:
        """End without a file. True when it can be continued; else nothing is left of it."""
        with contextlib.suppress(OSError):
            self._file.close()  # what is buffered may find no room: it is behind the kept place
        if self.kept is not None:
            return True
        for path in (self.part, self.state):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        return False

    def _read_state(self) -> dict[str, Any]:
        try:
            found = json.loads(self.state.read_bytes())
            whole = isinstance(found["bytes"], int) and isinstance(found["export"], dict)
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            whole = False
        if not whole:
            self.abandon()
            raise Problem(f"there is nothing to continue for {self.path}; leave --resume out")
        return dict(found)


class Pipe(RawIOBase):
    """A binary stream on somebody's `write`, for libraries that want one.

    cut: what comes is dropped, for libraries that write a last word when they are closed.
    """

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self._write = write
        self.cut = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever has bytes in it
        if not self.cut:
            self._write(bytes(data))
        return len(data)


def write_whole(path: Path, document: dict[str, Any]) -> None:
    """Replace a small file of JSON: it is the old one or the new one, never half of one."""
    replace(path, json.dumps(document, separators=(",", ":")) + "\n", PRIVATE)


@contextlib.contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """An OSError about a file says which one, also where only its descriptor was used."""
    try:
        yield
    except OSError as error:
        if error.filename is None and not isinstance(error, BrokenPipeError):
            error.filename = str(path)
        raise


def require_name(path: Path, *, force: bool) -> None:
    """Refuse a file that cannot be meant, or that is there, unless force. Raises Misuse."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    except ValueError:
        raise Misuse("the file's name holds a NUL") from None
    if stat.S_ISDIR(found.st_mode):
        raise Misuse(f"{path} is a folder; name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise Misuse(f"{path} is no regular file; write to a pipe or a device with: -o - > {path}")
    if not force:
        raise Misuse(f"{path} is there already; name another file, or replace it with --force")


def _lock(part: Path) -> int:
    try:
        fd = open_warily(part, os.O_RDWR | os.O_CREAT)
    except PermissionError as error:
        if error.errno:
            raise
        raise Misuse(f"{part} is no regular file of yours alone; remove it") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Problem(f"another export is writing {part}; wait for it") from None
    os.fchmod(fd, PRIVATE)
    return fd
