"""What becomes of the spools of writers that are gone: read, replayed into the database, taken away."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import exc

from mexc_plugin.audit.events import Event
from mexc_plugin.posix import fcntl, names_file, open_warily, sync_folder
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.spool.spool_folder import CONFLICT, TORN, files, list_prepared
from mexc_plugin.store.write.spool.spool_format import Content, read_lines, write_line

log = logging.getLogger("mexc_plugin")

REPLAY_BATCH = 256

# Who takes a level, a message and its arguments for the log. A bot's thread must not wait for a handler.
Note = Callable[..., object]


def read(path: Path) -> Content:
    """Read a spool file. A line that is torn or does not fit its own hash is counted, not used.

    Raises OSError, also for what is no file of this user.
    """
    fd = open_warily(path, os.O_RDONLY)
    try:
        return _read(fd, path)
    finally:
        os.close(fd)


def _read(fd: int, path: Path) -> Content:
    with os.fdopen(fd, "rb", closefd=False) as file:
        file.seek(0)
        return read_lines(file.read(), path.stem.rpartition(".")[2])


def find_abandoned(
    url: str, own: Path | None = None, folder: Path | None = None, note: Note = log.log
) -> Iterator[tuple[Path, int]]:
    """Spool files whose writer is gone, each with a file descriptor that holds its lock.

    folder: the one that the settings name, where they name one.
    """
    for path in files(url, folder):
        if path == own:
            continue
        try:
            fd = open_warily(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        except OSError as error:
            note(
                logging.WARNING,
                "audit: the spool %s is left alone: %s",
                path.name,
                error.strerror,
            )
            continue
        try:
            if _lock(fd) and names_file(path, fd):
                yield path, fd
        finally:
            os.close(fd)


def is_abandoned(path: Path) -> bool:
    """Whether the file is there and no writer has it, as far as this user can tell."""
    try:
        fd = open_warily(path, os.O_RDWR)
    except FileNotFoundError:
        return False  # its writer replayed it a moment ago
    except OSError:
        return True
    try:
        return _lock(fd)
    finally:
        os.close(fd)


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def replay(
    url: str,
    database: Database,
    own: Path | None = None,
    folder: Path | None = None,
    note: Note = log.log,
) -> Iterator[tuple[Path, int, int]]:
    """Replay the spools of writers that are gone: yields path, events stored, torn lines.

    Idempotent. What others had prepared and never used is swept away. A file with torn lines is kept aside as `.torn`, a whole one is removed; one that
    cannot be replayed stays and keeps no other from it. Raises what SQLAlchemy says of a database
    that is out of reach.
    """
    _sweep(url, folder)
    for path, fd in find_abandoned(url, own, folder, note):
        try:
            stored, torn = _replay_one(path, fd, database, note)
        except (exc.OperationalError, exc.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - anybody may have written that file
            note(
                logging.WARNING,
                "audit: the spool %s cannot be replayed and is kept: %s",
                path.name,
                type(error).__name__ if isinstance(error, exc.SQLAlchemyError) else error,
            )
            continue
        yield path, stored, torn


def _sweep(url: str, folder: Path | None) -> None:
    """Remove what writers had prepared that were killed before they used it."""
    for path in list_prepared(url, folder):
        with contextlib.suppress(OSError):
            fd = open_warily(path, os.O_RDWR)
            try:
                if _lock(fd) and names_file(path, fd):
                    path.unlink()
            finally:
                os.close(fd)


def _replay_one(path: Path, fd: int, database: Database, note: Note) -> tuple[int, int]:
    content = _read(fd, path)
    conflicts: list[Event] = []
    stored = 0
    for start in range(0, len(content.events), REPLAY_BATCH):
        batch = content.events[start : start + REPLAY_BATCH]
        stored += database.insert_missing(batch, conflicts, skip_archived=True)
    set_aside(path, conflicts, note)
    if content.torn:
        path.rename(path.with_suffix(TORN))
    else:
        path.unlink()
    return stored, content.torn


def set_aside(path: Path, events: list[Event], note: Note = log.log) -> None:
    """Append events to the `.conflict` beside a spool: their places in the database are taken, or left for an archive."""
    if not events:
        return
    kept = path.with_suffix(CONFLICT)
    fd = open_warily(kept, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    with os.fdopen(fd, "ab") as file:
        file.write(b"".join(map(write_line, events)))
        file.flush()
        os.fsync(fd)
    sync_folder(kept.parent)
    note(
        logging.ERROR,
        "audit: another row is in the place of %d events (writer %s, seq %s), or they left for an archive: they are kept "
        "in %s; look with: mexc-plugin audit verify",
        len(events),
        events[0].writer_id,
        ", ".join(str(event.seq) for event in events[:5]) + (", …" if len(events) > 5 else ""),
        kept,
    )
