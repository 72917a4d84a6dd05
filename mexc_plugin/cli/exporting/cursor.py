"""The file that says how far earlier exports of events came; locked while an export goes on from it.

It moves on together with the exported file: first `.next` says where to, then the file gets its name,
then `.next` becomes the cursor. Whoever finds a `.next` knows by the file whether it holds.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mexc_plugin.cli.exit_codes import Misuse, Problem
from mexc_plugin.cli.exporting.partial_file import write_whole
from mexc_plugin.posix import fcntl, names_file, open_warily

if TYPE_CHECKING:
    from mexc_plugin.store.read.sequence_runs import Positions


class Cursor:
    """Where an export goes on. Raises Problem while another one does, Misuse for a file of others."""

    def __init__(self, path: Path) -> None:
        from mexc_plugin.store.read.sequence_runs import Positions

        self.path = path
        self._next = path.with_name(path.name + ".next")
        self._fd = _lock(path)
        try:
            self._settle()
            content = path.read_bytes().strip()
            self.base = hashlib.sha256(content).hexdigest()
            self.positions = Positions.read(json.loads(content)) if content else Positions()
        except (ValueError, RecursionError):
            self.close()
            raise Misuse(f"{path} is no cursor of an export; name another file") from None
        except BaseException:
            self.close()
            raise

    def prepare(self, positions: "Positions", file: Path, inode: int) -> None:
        """Say where to move on to once that file is there, under its name."""
        there = {"file": str(file.absolute()), "inode": inode}
        write_whole(self._next, there | {"cursor": positions.document()})

    def commit(self, positions: "Positions") -> None:
        """Move on."""
        write_whole(self.path, positions.document())
        self._next.unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self._fd)
        with contextlib.suppress(OSError):
            if self.path.stat().st_size == 0:
                self.path.unlink()  # made to be locked; nothing was exported

    def _settle(self) -> None:
        """Finish what an export was killed in the middle of."""
        try:
            found: Any = json.loads(self._next.read_bytes())
            is_there = Path(found["file"]).stat().st_ino == found["inode"]
        except FileNotFoundError:
            is_there = False
        if is_there:
            write_whole(self.path, found["cursor"])
        self._next.unlink(missing_ok=True)


def _lock(path: Path) -> int:
    while True:
        try:
            fd = open_warily(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise Problem(
                f"the cursor {path} cannot be kept ({error.strerror}); name another file"
            ) from None
        except ValueError:
            raise Misuse("the cursor's name holds a NUL") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise Problem(f"another export is at work with {path}; wait for it") from None
        # Whoever had it locked may have replaced it meanwhile: then this is no longer the cursor.
        if names_file(path, fd):
            return fd
        os.close(fd)
