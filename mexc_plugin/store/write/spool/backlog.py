"""How much waits outside of the database: what a monitor asks of spools. Nothing is parsed or changed."""

import os
from dataclasses import dataclass
from pathlib import Path

from mexc_plugin.posix import open_warily
from mexc_plugin.store.write.spool import spool_folder

_CHUNK = 1_048_576


@dataclass(frozen=True, slots=True)
class Backlog:
    """events: in the spool files that can be read; files: all of them; unreadable: those that this user may not read.

    kept_aside: files whose events no replay could store.
    """

    events: int = 0
    files: int = 0
    unreadable: int = 0
    kept_aside: int = 0


def measure(url: str, named: Path | None = None) -> Backlog:
    """What waits for the database of that URL. named: the spool folder of the settings."""
    files = spool_folder.files(url, named)
    counts = [_count(path) for path in files]
    return Backlog(
        events=sum(count for count in counts if count is not None),
        files=len(files),
        unreadable=counts.count(None),
        kept_aside=len(spool_folder.set_aside(url, named)),
    )


def _count(path: Path) -> int | None:
    """How many lines a file has, in little memory; None where it cannot be read."""
    try:
        fd = open_warily(path, os.O_RDONLY)
    except FileNotFoundError:
        return 0  # it was replayed a moment ago
    except OSError:
        return None
    lines = 0
    with os.fdopen(fd, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            lines += chunk.count(b"\n")
    return lines
