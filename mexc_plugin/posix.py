"""POSIX's file locks and user names, and files handled warily; one sentence on a system that has none.

Whoever locks a file takes `fcntl` from here, and the store imports this before all else: so nothing is
recorded, half or otherwise, where the locks that the record rests on are missing.
"""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from mexc_plugin.errors import UnsupportedPlatform

try:
    import fcntl
    import pwd
    import termios
    import tty
except ImportError:
    raise UnsupportedPlatform(
        "the record needs the file locks of a POSIX system (flock), which this Python does not have; "
        "on Windows, run the bot and mexc-plugin in WSL"
    ) from None

__all__ = [
    "fcntl",
    "names_file",
    "open_warily",
    "pwd",
    "replace",
    "sync_folder",
    "termios",
    "tty",
    "write_new",
]

# What lies in a file's place may be a link, a FIFO or a device: none may be followed or waited for.
_WARY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def open_warily(path: Path, mode: int) -> int:
    """Open a file of this user's alone. Raises OSError for anything else, and never waits.

    With O_CREAT it is to be written: one with a second name is refused then, for that may be any file of this user,
    linked there by whoever may write the folder.
    """
    fd = os.open(path, mode | _WARY, 0o600)
    found = os.fstat(fd)
    is_ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
    if is_ours and not (mode & os.O_CREAT and found.st_nlink > 1):
        return fd
    os.close(fd)
    raise PermissionError(0, "not a regular file of this user", str(path))


def names_file(path: Path, fd: int) -> bool:
    """Whether that path still names this open file."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace(path: Path, text: str, mode: int) -> None:
    """Replace a small file, whose mode is then that one. Raises OSError, and leaves the old one."""
    fd, fresh = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        Path(fresh).rename(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Make a file, durable and whole, or none. Raises FileExistsError where anything has that name, OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
