"""Settings of the audit: explicit beats environment beats default. Imports nothing heavy."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mexc_plugin.errors import ConfigError

FAILURE_POLICIES = ("spool", "refuse")
MAX_BOT_LABEL = 64
# Half of the longest recvWindow that the venue takes.
MAX_DEADLINE_MS = 30_000


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """What ``options["audit"]`` means, resolved. Hashable and picklable: it stands for a recorder.

    url: an SQLAlchemy URL; it may carry a password, so it never appears in a repr or a message.
    bot: a label for the bot, stored with each event, or None.
    on_failure: "spool" (a broken database never stops a cancel) or "refuse" (nothing unrecorded is sent).
    deadline_ms: how long, in milliseconds, a broken database may delay one event.
    spool: the folder for events that wait for the database, absolute; None is the usual place: beside
    a SQLite file, else in the user's state folder.
    """

    url: str = field(repr=False)
    bot: str | None = None
    on_failure: str = "spool"
    deadline_ms: int = 250
    spool: Path | None = None


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


def database_url(explicit: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Choose the database: explicit, else ``MEXC_PLUGIN_DATABASE_URL``, else the user's own file.

    Raises ConfigError when what was given is not a URL, and for a user without a home.
    """
    url: str | None = _setting("url", explicit, environ)
    return default_database_url() if url is None else url


def spool_folder(
    explicit: str | None = None, environ: Mapping[str, str] | None = None
) -> Path | None:
    """The folder that is named for spools: explicit, else ``MEXC_PLUGIN_SPOOL``, else None.

    Raises ConfigError for what names no folder.
    """
    folder: Path | None = _setting("spool", explicit, environ)
    return folder


def resolve(
    options: object = None,
    environ: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> AuditSettings:
    """Turn ``options["audit"]`` (a mapping or None) into settings.

    defaults: what ``install(audit=…)`` set; options beat it, and it beats the environment, where
    each key has its variable (`VARIABLES`). None and empty text mean that nothing is given.
    Raises ConfigError for an unknown key or a value that cannot be meant, naming key or variable.
    """
    own, common = _as_mapping(options), defaults or {}
    unknown = sorted(str(key) for key in {**common, **own} if key not in OPTION_KEYS)
    if unknown:
        raise ConfigError(
            f'options["audit"] has no {", ".join(map(repr, unknown))}; '
            f"it takes {', '.join(OPTION_KEYS)}"
        )
    found = {
        key: _setting(key, common.get(key) if _is_blank(own.get(key)) else own[key], environ)
        for key in OPTION_KEYS
    }
    if found["url"] is None:
        found["url"] = default_database_url()
    return AuditSettings(**{key: value for key, value in found.items() if value is not None})


def _setting(key: str, explicit: object, environ: Mapping[str, str] | None) -> Any:  # noqa: ANN401 - each key has its type
    """The value of a key, checked: explicit, else its variable's, else None. Raises ConfigError."""
    about = _KEYS[key]
    if not _is_blank(explicit):
        name, value = about.called or key, explicit
    elif text := (os.environ if environ is None else environ).get(VARIABLES[key]):
        name, value = VARIABLES[key], about.from_text(text)
    else:
        return None
    try:
        return about.check(value)
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


# -- the keys: a check returns the value, or raises ValueError with what follows the key's name


def _url(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text: an SQLAlchemy URL")  # noqa: TRY004 - becomes a ConfigError
    scheme, separator, _ = value.partition("://")
    if not separator or not scheme or not scheme.replace("+", "").replace("_", "").isalnum():
        raise ValueError(
            "is not an SQLAlchemy URL; "
            "write it like sqlite:///audit.db or postgresql+psycopg://user@host/database"
        )
    return _absolute_url(value)


def _absolute_url(url: str) -> str:
    """Fix a relative SQLite path now: a bot may change its folder later."""
    scheme, _, rest = url.partition("://")
    path, question, query = rest.removeprefix("/").partition("?")
    if not scheme.startswith("sqlite") or path in ("", ":memory:") or path.startswith("file:"):
        return url
    if Path(path).is_absolute():
        return url
    return f"{scheme}:///{quote(str(_current_folder()))}/{path}{question}{query}"


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:
        raise ValueError(
            "is relative, and the current folder is gone or closed to this user; write its whole path"
        ) from None


def _bot(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_BOT_LABEL:
        raise ValueError(f"must be text of at most {MAX_BOT_LABEL} characters")
    return value


def _policy(value: object) -> str:
    if value not in FAILURE_POLICIES:
        raise ValueError(f"must be one of {', '.join(FAILURE_POLICIES)}")
    return str(value)


def _deadline(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_DEADLINE_MS:
        raise ValueError(f"must be a whole number from 1 to {MAX_DEADLINE_MS}")
    return value


def _spool(value: object) -> Path:
    name = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(name, str) or "\0" in name:
        raise ValueError("must be the path of a folder")
    folder = os.path.expanduser(name)  # noqa: PTH111 - Path's raises where there is no home
    if folder.startswith("~"):
        raise ValueError("starts with a home folder that is not known; write its whole path")
    return Path(folder) if os.path.isabs(folder) else _current_folder() / folder  # noqa: PTH117


def _number(text: str) -> object:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else text


@dataclass(frozen=True, slots=True)
class _Key:
    """How a key is checked, what messages call it, and what a variable's text means."""

    check: Callable[[object], object]
    called: str | None = None
    from_text: Callable[[str], object] = str


_KEYS = {
    "url": _Key(_url, called="the audit database"),
    "bot": _Key(_bot, called="the bot label"),
    "on_failure": _Key(_policy),
    "deadline_ms": _Key(_deadline, from_text=_number),
    "spool": _Key(_spool),
}
