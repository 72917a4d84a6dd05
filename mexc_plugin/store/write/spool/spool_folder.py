"""Where spools lie: in the folder that is named, beside a SQLite file, or in the user's state folder.

Nothing here is on a cancel's way: the folder is tried when an exchange is constructed, by the
writer's thread, and by `doctor`.
"""

import errno
import glob
import hashlib
import os
import tempfile
from pathlib import Path

from mexc_plugin.config import SPOOL_VARIABLE, default_spool_folder
from mexc_plugin.errors import ConfigError
from mexc_plugin.store.connect.engine import describe, sqlite_path

SUFFIX = ".spool"
# A spool that is not needed yet.
PREPARED = ".new"
# What a replay leaves: lines that it could not read, events in whose place another row stands.
TORN = ".torn"
CONFLICT = ".conflict"

# What no waiting mends. A disk that is full, or fails, may be well again before it is needed.
_LASTING = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)
_TRIAL = b"\0" * 4096


def place(url: str, named: Path | None = None) -> tuple[Path, str]:
    """The folder of a database's spools, and how their names begin.

    named: the folder that the settings name. Several databases may share one, so that a digest of
    the database's path, or of its URL without the password, tells their spools apart.
    Raises ConfigError where none is named and the user has no home for it.
    """
    path = sqlite_path(url)
    if path is not None and named is None:
        return path.parent, path.name
    name = "server" if path is None else path.name
    known_as = describe(url) if path is None else os.path.realpath(path)
    digest = hashlib.sha256(known_as.encode(errors="surrogateescape")).hexdigest()[:16]
    return named or default_spool_folder(), f"{name}-{digest}"


def files(url: str, named: Path | None = None) -> list[Path]:
    """Every spool file of that database: in the folder that is named, and in the usual place.

    Both, since a folder may be named after events went to the other.
    """
    return _list(url, named, (SUFFIX,))


def list_prepared(url: str, named: Path | None = None) -> list[Path]:
    """What writers of that database have ready, or left behind."""
    return _list(url, named, (PREPARED,))


def set_aside(url: str, named: Path | None = None) -> list[Path]:
    """What replays of that database's spools could not store, and kept."""
    return _list(url, named, (TORN, CONFLICT))


def _list(url: str, named: Path | None, suffixes: tuple[str, ...]) -> list[Path]:
    found = []
    for candidate in (named, None) if named else (None,):
        try:
            folder, stem = place(url, candidate)
        except ConfigError:  # no home, so there is no usual place either
            continue
        for suffix in suffixes:
            found += sorted(folder.glob(f"{glob.escape(stem)}.*{suffix}"))
    return found


def try_to_write(folder: Path, *, make: bool) -> None:
    """Write a file in a folder, and remove it. Raises OSError where that is refused.

    make: make the folder where it is missing; otherwise the nearest folder above it is tried.
    """
    if make:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    fd, name = tempfile.mkstemp(prefix=".mexc-plugin-", dir=folder)
    try:
        os.unlink(name)  # noqa: PTH108 - text in, text out
        os.write(fd, _TRIAL)
    finally:
        os.close(fd)


def validate(named: Path | None) -> None:
    """Refuse a folder that somebody named and that cannot be written. Raises ConfigError.

    Only for what no waiting mends: a full disk must not keep a bot from starting, and cancelling.
    """
    if named is None:
        return
    try:
        try_to_write(named, make=True)
    except OSError as error:
        if error.errno in _LASTING:
            raise ConfigError(
                f"the spool folder {named} cannot be written ({error.strerror}); correct its owner "
                f"and mode, or name another one with {SPOOL_VARIABLE}"
            ) from None
