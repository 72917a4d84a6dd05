"""Settings of the audit: explicit beats environment beats file beats default. Imports nothing heavy."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mexc_plugin import setting_checks as checks
from mexc_plugin import settings_file
from mexc_plugin.errors import ConfigError
from mexc_plugin.setting_checks import FAILURE_POLICIES, MAX_BOT_LABEL, MAX_DEADLINE_MS

__all__ = ["FAILURE_POLICIES", "MAX_BOT_LABEL", "MAX_DEADLINE_MS"]


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """What ``options["audit"]`` means, resolved. Hashable and picklable: it stands for a recorder.

    url: an SQLAlchemy URL; it may carry a password, so it never appears in a repr or a message.
    bot: a label for the bot, stored with each event, or None.
    on_failure: "spool" (a broken database never stops a cancel) or "refuse" (nothing unrecorded is sent).
    deadline_ms: how long, in milliseconds, a broken database may delay one event.
    spool: the folder for events that wait for the database, absolute; None is the usual place: beside
    a SQLite file, else in the user's state folder.
    key: the file of a private key, absolute, which ties each event to whoever has it; None ties it to nobody.
    """

    url: str = field(repr=False)
    bot: str | None = None
    on_failure: str = "spool"
    deadline_ms: int = 250
    spool: Path | None = None
    key: Path | None = None

    @property
    def place(self) -> tuple[str, Path | None, Path | None]:
        """What tells one recorder of a process from another: database, spool folder, key."""
        return self.url, self.spool, self.key


OPTION_KEYS = tuple(item.name for item in fields(AuditSettings))

# The environment variable of each key.
VARIABLES = {key: f"MEXC_PLUGIN_{key.upper()}" for key in OPTION_KEYS} | {
    "url": "MEXC_PLUGIN_DATABASE_URL"
}
URL_VARIABLE = VARIABLES["url"]
BOT_VARIABLE = VARIABLES["bot"]
SPOOL_VARIABLE = VARIABLES["spool"]

# What install(audit=…) sets for exchanges built later.
DEFAULTS: dict[str, Any] = {}


def default_database_path() -> Path:
    """The embedded database of this user: ``audit.db`` in the platform's data folder.

    Raises ConfigError for a user without a home.
    """
    return _user_folder("data", "audit database", "url") / "audit.db"


def default_database_url() -> str:
    """The default path as an SQLAlchemy URL. Raises ConfigError for a user without a home."""
    return f"sqlite:///{quote(str(default_database_path()))}"


def default_spool_folder() -> Path:
    """Where events wait for a database server: the platform's state folder of this user.

    Raises ConfigError for a user without a home.
    """
    return _user_folder("state", "spool", "spool")


def _user_folder(kind: str, purpose: str, key: str) -> Path:
    import platformdirs

    find = getattr(platformdirs, f"user_{kind}_path")
    try:
        folder: Path = find("mexc-plugin", appauthor=False)
    except RuntimeError:  # newer versions of platformdirs; older ones leave the "~" where it stands
        folder = Path("~")
    if not folder.is_absolute():
        raise ConfigError(
            f"there is no home folder for the {purpose}: HOME names none, and the user "
            f"{os.getuid()} has none; name a place with {VARIABLES[key]}, "
            f'or as options["audit"]["{key}"]'
        )
    return folder


@dataclass(frozen=True, slots=True)
class Found:
    """A setting's value, and who says so.

    by: "option" (or a key of options["audit"]), "environment", "file" or "default"; source: the name
    of the variable or the path of the file, None for the others. The value may hold a password.
    """

    value: Any = field(repr=False)
    by: str
    source: str | None = None


def find(key: str, explicit: object = None, environ: Mapping[str, str] | None = None) -> Found:
    """One setting, and where it comes from; a default of None is None.

    Raises ConfigError for what cannot be meant, and for a default in the home of a user without one.
    """
    given = os.environ if environ is None else environ
    file = settings_file.read(given, OPTION_KEYS)
    return _with_default(key, _setting(key, explicit, given, file))


def database_url(explicit: object = None, environ: Mapping[str, str] | None = None) -> str:
    """Choose the database: explicit, else ``MEXC_PLUGIN_DATABASE_URL``, the file's, the user's own.

    Raises ConfigError when what was given is neither URL nor path, and for a user without a home.
    """
    return str(find("url", explicit, environ).value)


def spool_folder(explicit: object = None, environ: Mapping[str, str] | None = None) -> Path | None:
    """The folder that is named for spools: explicit, else ``MEXC_PLUGIN_SPOOL``, the file's, None.

    Raises ConfigError for what names no folder.
    """
    folder: Path | None = find("spool", explicit, environ).value
    return folder


def resolve(
    options: object = None,
    environ: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> AuditSettings:
    """Turn ``options["audit"]`` (a mapping or None) into settings.

    defaults: what ``install(audit=…)`` set; options beat it, and it beats the environment, where
    each key has its variable (`VARIABLES`), which beats `mexc-plugin.toml`. None and empty text mean
    that nothing is given.
    Raises ConfigError for an unknown key or a value that cannot be meant, naming key, variable or file.
    """
    own, common = _as_mapping(options), defaults or {}
    unknown = sorted(str(key) for key in {**common, **own} if key not in OPTION_KEYS)
    if unknown:
        raise ConfigError(
            f'options["audit"] has no {", ".join(map(repr, unknown))}; '
            f"it takes {', '.join(OPTION_KEYS)}"
        )
    given = os.environ if environ is None else environ
    file = settings_file.read(given, OPTION_KEYS)
    found = {
        key: _setting(key, common.get(key) if _is_blank(own.get(key)) else own[key], given, file)
        for key in OPTION_KEYS
    }
    return AuditSettings(**{key: _with_default(key, item).value for key, item in found.items()})


def _with_default(key: str, found: Found) -> Found:
    if found.by != "default":
        return found
    if key == "url":
        return Found(default_database_url(), "default")
    defaults = {item.name: item.default for item in fields(AuditSettings)}
    return Found(defaults[key], "default")


def _setting(
    key: str,
    explicit: object,
    environ: Mapping[str, str],
    file: settings_file.SettingsFile,
) -> Found:
    """The value of a key, checked, by precedence; else by "default". Raises ConfigError."""
    about, folder = _KEYS[key], None
    in_file = file.values.get(key)
    if not _is_blank(explicit):
        name, value, found = about.called or key, explicit, Found(None, "option")
    elif text := environ.get(VARIABLES[key]):
        name, value = VARIABLES[key], about.from_text(text)
        found = Found(None, "environment", name)
    elif file.path is not None and not _is_blank(in_file):
        # A file's relative path means its own folder: no command and no bot stands there.
        name, value, folder = f"{key} in {file.path}", in_file, file.path.parent
        found = Found(None, "file", str(file.path))
    else:
        return Found(None, "default")
    try:
        return replace(found, value=about.check(value, folder))
    except ValueError as error:
        raise ConfigError(f"{name} {error}") from None


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value)


def require_within(deadline_ms: int, recv_window_ms: float) -> None:
    """Raise ConfigError for a deadline that could make the venue refuse what it delays."""
    if deadline_ms > recv_window_ms / 2:
        raise ConfigError(
            f"deadline_ms={deadline_ms} is more than half of recvWindow ({recv_window_ms:g} ms): a cancel that "
            "waited for it could reach the venue too late; set a lower deadline_ms, or a higher "
            'options["recvWindow"] (at most 60000)'
        )


def _as_mapping(options: object) -> Mapping[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ConfigError(
            f'options["audit"] must be a dict with any of {", ".join(OPTION_KEYS)}, '
            f"not {type(options).__name__}"
        )
    return options


# -- the keys


def _number(text: str) -> object:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else text


@dataclass(frozen=True, slots=True)
class _Key:
    """How a key is checked, what messages call it, and what a variable's text means."""

    check: Callable[[object, Path | None], object]
    called: str | None = None
    from_text: Callable[[str], object] = str


_KEYS = {
    "url": _Key(checks.check_url, called="the audit database"),
    "bot": _Key(checks.check_bot, called="the bot label"),
    "on_failure": _Key(checks.check_policy),
    "deadline_ms": _Key(checks.check_deadline, from_text=_number),
    "spool": _Key(checks.check_spool),
    "key": _Key(checks.check_key),
}
