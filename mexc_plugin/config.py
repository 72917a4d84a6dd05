"""Settings of the audit: explicit beats environment beats default. Imports nothing heavy."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mexc_plugin.errors import ConfigError

URL_VARIABLE = "MEXC_PLUGIN_DATABASE_URL"
BOT_VARIABLE = "MEXC_PLUGIN_BOT"
FAILURE_POLICIES = ("spool", "refuse")
MAX_BOT_LABEL = 64
MAX_DEADLINE_MS = 60_000


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """What ``options["audit"]`` means, resolved. Hashable and picklable: it stands for a recorder.

    url: an SQLAlchemy URL; it may carry a password, so it never appears in a repr or a message.
    bot: a label for the bot, stored with each event, or None.
    on_failure: "spool" (a broken database never stops a cancel) or "refuse" (nothing unrecorded is sent).
    deadline_ms: how long, in milliseconds, a broken database may delay one event.
    """

    url: str = field(repr=False)
    bot: str | None = None
    on_failure: str = "spool"
    deadline_ms: int = 250


# What install(audit=…) sets for exchanges built later.
DEFAULTS: dict[str, Any] = {}

OPTION_KEYS = tuple(item.name for item in fields(AuditSettings))


def default_database_path() -> Path:
    """The embedded database of this user: ``audit.db`` in the platform's data folder."""
    from platformdirs import user_data_path

    return user_data_path("mexc-plugin", appauthor=False) / "audit.db"


def default_database_url() -> str:
    """The default path as an SQLAlchemy URL."""
    return f"sqlite:///{quote(str(default_database_path()))}"


def database_url(explicit: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Choose the database: explicit, else ``MEXC_PLUGIN_DATABASE_URL``, else the user's own file.

    Raises ConfigError when what was given is not a URL.
    """
    environ = os.environ if environ is None else environ
    url = explicit or environ.get(URL_VARIABLE) or default_database_url()
    scheme, separator, _ = url.partition("://")
    if not separator or not scheme or not scheme.replace("+", "").replace("_", "").isalnum():
        raise ConfigError(
            "the audit database is not an SQLAlchemy URL; "
            "write it like sqlite:///audit.db or postgresql+psycopg://user@host/database"
        )
    return _absolute(url)


def _absolute(url: str) -> str:
    """Fix a relative SQLite path now: a bot may change its folder later."""
    scheme, _, rest = url.partition("://")
    path, question, query = rest.removeprefix("/").partition("?")
    if not scheme.startswith("sqlite") or path in ("", ":memory:") or path.startswith("file:"):
        return url
    if Path(path).is_absolute():
        return url
    return f"{scheme}:///{quote(str(Path.cwd()))}/{path}{question}{query}"


def resolve(
    options: object = None,
    environ: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> AuditSettings:
    """Turn ``options["audit"]`` (a mapping or None) into settings.

    defaults: what ``install(audit=…)`` set; options beat it, and it beats the environment.
    Raises ConfigError for an unknown key or a value that cannot be meant.
    """
    environ = os.environ if environ is None else environ
    given = {**(defaults or {}), **_as_mapping(options)}
    unknown = sorted(str(key) for key in given if key not in OPTION_KEYS)
    if unknown:
        raise ConfigError(
            f'options["audit"] has no {", ".join(map(repr, unknown))}; '
            f"it takes {', '.join(OPTION_KEYS)}"
        )
    url = given.get("url")
    if url is not None and not isinstance(url, str):
        raise ConfigError('options["audit"]["url"] must be text: an SQLAlchemy URL')
    settings = AuditSettings(
        url=database_url(url, environ), bot=_bot(given.get("bot"), environ.get(BOT_VARIABLE))
    )
    return replace(
        settings,
        on_failure=_policy(given.get("on_failure", settings.on_failure)),
        deadline_ms=_deadline(given.get("deadline_ms", settings.deadline_ms)),
    )


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


def _bot(given: object, from_environment: str | None) -> str | None:
    label = from_environment if given is None else given
    if not label:
        return None
    if not isinstance(label, str) or len(label) > MAX_BOT_LABEL:
        raise ConfigError(f"the bot label must be text of at most {MAX_BOT_LABEL} characters")
    return label


def _policy(value: object) -> str:
    if value not in FAILURE_POLICIES:
        raise ConfigError(f"on_failure must be one of {', '.join(FAILURE_POLICIES)}")
    return str(value)


def _deadline(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_DEADLINE_MS:
        raise ConfigError(f"deadline_ms must be a whole number from 1 to {MAX_DEADLINE_MS}")
    return value
