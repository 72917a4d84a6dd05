"""SQLite files that can be read without the right to write: nobody writes to them either.

Reading a file with a WAL takes shared memory beside it, which SQLite makes: whoever may not write the
folder reads nothing. While no WAL is there nobody has the file open, and it can be read as it lies
(`immutable=1`). While there is one, SQLite reads along with those who write, and makes nothing.
"""

import os

Look = tuple[int, int, int, int]


def look(path: str) -> Look | None:
    """How a file stands that has to be read as it lies; None where SQLite may read it as usual."""
    if os.access(path, os.W_OK) and os.access(os.path.dirname(path) or ".", os.W_OK):  # noqa: PTH120 - text in, text out
        return None
    return _look(path) if _is_at_rest(path) else None


def is_same(path: str, before: Look) -> bool:
    """Whether nobody has written, or begun to, since it was looked at."""
    return _is_at_rest(path) and _look(path) == before


def _is_at_rest(path: str) -> bool:
    # An empty WAL without shared memory is what a copy or a crash leaves, and holds nothing.
    has_wal = os.path.exists(f"{path}-wal")  # noqa: PTH110 - a closed folder raises nothing
    is_empty = has_wal and _size(f"{path}-wal") == 0 and not os.path.exists(f"{path}-shm")  # noqa: PTH110
    return (not has_wal or is_empty) and not os.path.exists(f"{path}-journal")  # noqa: PTH110


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)  # noqa: PTH202
    except OSError:
        return 0


def _look(path: str) -> Look | None:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
