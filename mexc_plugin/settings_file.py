"""`mexc-plugin.toml`: the settings of a user, for every bot and command that says nothing else.

Read when an exchange is constructed and by each command, never on a cancel's way.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mexc_plugin.errors import ConfigError

VARIABLE = "MEXC_PLUGIN_CONFIG"
NAME = "mexc-plugin.toml"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file says, unchecked. path: None where there is no file."""

    path: Path | None = None
    values: Mapping[str, object] = field(default_factory=dict)


def usual_path() -> Path | None:
    """Where the file lies if none is named: in the user's config folder; None without a home."""
    folder = xdg_folder("XDG_CONFIG_HOME", "~/.config")
    return None if folder is None else folder / NAME


def xdg_folder(variable: str, usual: str) -> Path | None:
    """Our folder below one of the user's; None without a home.

    Not by platformdirs: a bot that names its database loads nothing for its first exchange.
    """
    given = os.environ.get(variable, "")
    base = given if os.path.isabs(given) else os.path.expanduser(usual)  # noqa: PTH111, PTH117
    return Path(base, "mexc-plugin") if os.path.isabs(base) else None  # noqa: PTH117


def named_path(environ: Mapping[str, str]) -> Path | None:
    """The file that `--config` or the environment names. Raises ConfigError for a home not known."""
    text = environ.get(VARIABLE)
    if not text:
        return None
    name = os.path.expanduser(text)  # noqa: PTH111 - Path's raises where there is no home
    if name.startswith("~"):
        raise ConfigError(
            f"{VARIABLE} starts with a home folder that is not known; write its whole path"
        )
    return Path(name)


def read(environ: Mapping[str, str], keys: Collection[str]) -> SettingsFile:
    """The file that is named, else the usual one, else nothing.

    Raises ConfigError for a named file that is not there, and for any that cannot be read, is no
    TOML, or has a key that is none.
    """
    named = named_path(environ)
    path = named or usual_path()
    # A home that is closed to this user holds no file for it. One that is named has to be there.
    if path is None or (named is None and not os.path.lexists(path)):
        return SettingsFile()
    import tomllib

    try:
        found = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the settings file {path} is no TOML: {error}") from None
    unknown = sorted(key for key in found if key not in keys)
    if unknown:
        raise ConfigError(
            f"the settings file {path} has {', '.join(map(repr, unknown))}; it takes {', '.join(keys)}"
        )
    return SettingsFile(path.absolute(), found)
