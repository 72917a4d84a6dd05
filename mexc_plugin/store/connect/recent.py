"""The databases that this user's bots recorded in lately: for who looks into another one.

A small file in the user's state folder, mode 0600, without passwords. It is a help and never a need:
nothing here raises, and a bot writes it in a thread that nobody waits for.
"""

import contextlib
import json
import os
from pathlib import Path

from mexc_plugin import posix, real_threads
from mexc_plugin.settings_file import xdg_folder
from mexc_plugin.store.connect.engine import describe, sqlite_path

NAME = "recent.json"
MOST = 10
_LONGEST = 65_536


def remember_soon(url: str) -> None:
    """Put a database at the head of the list, in a thread that nobody waits for. Total.

    The user's home may hang where the database does not, and the caller stores events.
    """
    with contextlib.suppress(RuntimeError, MemoryError):  # as Python ends, or there are too many
        real_threads.start_new_thread(remember, (url,))


def remember(url: str) -> None:
    """The same in this thread. Total: whatever it is that fails, a bot has better things to do."""
    with contextlib.suppress(Exception):
        _write(_name(url))


def databases() -> list[str]:
    """The databases, newest first, as people name them; files that are gone are left out. Total."""
    try:
        file = _file()
        return [] if file is None else [name for name in _read(file) if not _is_gone(name)]
    except Exception:  # noqa: BLE001 - a list that cannot be read is none
        return []


def _write(name: str) -> None:
    file = _file()
    known = [] if file is None else _read(file)
    if file is None or known[:1] == [name]:
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = [name, *(other for other in known if other != name)][:MOST]
    # Of two bots that write at once, one entry may get lost; the file is whole.
    posix.replace(file, json.dumps(names), 0o600)


def _read(file: Path) -> list[str]:
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        found = json.loads(os.read(fd, _LONGEST))
    except (OSError, ValueError, RecursionError):
        return []
    finally:
        os.close(fd)
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _file() -> Path | None:
    folder = xdg_folder("XDG_STATE_HOME", "~/.local/state")
    return None if folder is None else folder / NAME


def _name(url: str) -> str:
    path = sqlite_path(url)
    return str(path.absolute()) if path else describe(url)


def _is_gone(name: str) -> bool:
    return "://" not in name and not os.path.exists(name)  # noqa: PTH110 - a closed folder raises nothing
