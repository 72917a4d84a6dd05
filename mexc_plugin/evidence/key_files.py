"""Files that hold a key: one line each. A private one is its owner's alone, and is never overwritten."""

import os
from pathlib import Path

from mexc_plugin.audit import signing_keys
from mexc_plugin.audit.signing_keys import PrivateKey, PublicKey
from mexc_plugin.errors import ConfigError
from mexc_plugin.posix import write_new
from mexc_plugin.store.write.writer_keys import read_line, read_private

__all__ = ["read_private", "read_public", "write_private"]

MODE = 0o600


def write_private(path: Path, key: PrivateKey) -> None:
    """Make the file, durably. Raises ConfigError where there is anything of that name, OSError."""
    try:
        write_new(path, f"{key.line()}\n".encode("ascii"), MODE)
    except FileExistsError:
        raise ConfigError(
            f"{path} is there already, and no key is ever overwritten; name another file"
        ) from None


def read_public(given: str) -> PublicKey:
    """A public key, as its line or as the file that holds it. Raises ConfigError."""
    try:
        return signing_keys.parse_public(given.strip())
    except ValueError as error:
        if not _is_there(given):
            raise ConfigError(f"the public key cannot be used: {error}") from None
    line = read_line(Path(given))
    try:
        return signing_keys.parse_public(line)
    except ValueError as error:
        raise ConfigError(f"the public key in {given} cannot be used: {error}") from None


def _is_there(name: str) -> bool:
    return "\0" not in name and os.path.lexists(name)
