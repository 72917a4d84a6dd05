"""The private keys of bots: read when an exchange is constructed, and kept, so that no cancel reads a file."""

import os
from pathlib import Path

from mexc_plugin.audit import signing_keys
from mexc_plugin.audit.signing_keys import PrivateKey
from mexc_plugin.errors import ConfigError
from mexc_plugin.setting_checks import require_no_key

_MOST = 4096  # bytes; a key's line has a hundred
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

_known: dict[Path, PrivateKey] = {}


def load(path: Path | None) -> PrivateKey | None:
    """The key in a file, read once in a process; of no file there is none.

    Raises ConfigError, which says nothing of what is in it.
    """
    if path is None:
        return None
    key = _known.get(path)
    if key is None:
        key = _known[path] = read_private(path)
    return key


def read_private(path: Path) -> PrivateKey:
    """The key in a file. Raises ConfigError."""
    line = read_line(path)
    try:
        return signing_keys.parse_private(line)
    except ValueError as error:
        raise ConfigError(f"the key {path} cannot be used: {error}") from None


def read_line(path: Path) -> str:
    """What stands in a file of one line. Raises ConfigError."""
    try:
        require_no_key(path)
    except ValueError as error:
        raise ConfigError(f"what was given {error}") from None
    try:
        fd = os.open(path, _READ)
        try:
            content = os.read(fd, _MOST)
        finally:
            os.close(fd)
    except (OSError, ValueError) as error:  # the latter: a NUL in its name
        words = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"the key {path} cannot be read ({words}); name a file that can"
        ) from None
    return content.decode("ascii", "replace").strip()
