"""The files of an archive: a bundle and the note that names it, each whole or not there."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mexc_plugin.posix import sync_folder


def bundle_path(folder: Path, sha256: str) -> Path:
    """Where a bundle is, by the SHA-256 of its bytes."""
    return folder / f"archive-{sha256[:16]}.zip"


def note_path(folder: Path, sha256: str) -> Path:
    """Where the note is that names that bundle."""
    return folder / f"archive-{sha256[:16]}.txt"


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[tuple[Callable[[bytes], Any], Callable[[Path], None]]]:
    """What writes a new file, and what gives it its name, durably. What has none is removed. Raises OSError."""
    fd, name = tempfile.mkstemp(prefix="archive-", suffix=".part", dir=folder)
    part = Path(name)
    with os.fdopen(fd, "wb") as file:

        def publish(path: Path) -> None:
            file.flush()
            os.fsync(file.fileno())
            part.rename(path)
            sync_folder(folder)

        try:
            yield file.write, publish
        finally:
            part.unlink(missing_ok=True)


def write_note(folder: Path, sha256: str, note: bytes) -> None:
    """Put the note of a bundle beside it, where it is not there already. Raises OSError."""
    path = note_path(folder, sha256)
    if not path.exists():
        with writing(folder) as (write, publish):
            write(note)
            publish(path)
