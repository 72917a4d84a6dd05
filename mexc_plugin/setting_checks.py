"""What each setting may be: a check returns the value, or raises ValueError with what follows its name.

folder: what a relative path is relative to; None is the current folder.
"""

import os
from pathlib import Path
from urllib.parse import quote

FAILURE_POLICIES = ("spool", "refuse")
MAX_BOT_LABEL = 64
# Half of the longest recvWindow that the venue takes.
MAX_DEADLINE_MS = 30_000

EXAMPLES = "write it like audit.db, sqlite:///audit.db or postgresql+psycopg://user@host/database"


def check_url(value: object, folder: Path | None = None) -> str:
    """An SQLAlchemy URL as it is, a path as the URL of a SQLite file; a relative path fixed now."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise ValueError("must be text: an SQLAlchemy URL, or the path of a SQLite file")  # noqa: TRY004 - becomes a ConfigError
    scheme, separator, _ = text.partition("://")
    if not separator:
        return _url_of_path(text, folder)
    if not scheme or not scheme.replace("+", "").replace("_", "").isalnum():
        raise ValueError(f"is not an SQLAlchemy URL; {EXAMPLES}")
    return _absolute_url(text, folder)


def _url_of_path(text: str, folder: Path | None) -> str:
    # The text stays out of the message: `user:password@host` is a URL that lacks its beginning.
    if ":" in text.partition("/")[0]:
        raise ValueError(
            f"is neither an SQLAlchemy URL nor a path; {EXAMPLES}, and ./ before a name with a colon"
        )
    _require_name(text)
    if not text.strip() or text.endswith("/"):
        raise ValueError(
            "names no file; write the whole path of the database, as /srv/bot/audit.db"
        )
    return f"sqlite:///{quote(str(_absolute(text, folder)))}"


def _absolute_url(url: str, folder: Path | None) -> str:
    """Fix a relative SQLite path now: a bot may change its folder later."""
    scheme, _, rest = url.partition("://")
    path, question, query = rest.removeprefix("/").partition("?")
    if not scheme.startswith("sqlite") or path in ("", ":memory:") or path.startswith("file:"):
        return url
    if Path(path).is_absolute():
        return url
    if path.startswith("~"):
        return f"{scheme}:///{quote(str(_absolute(path, folder)))}{question}{query}"
    return f"{scheme}:///{quote(str(folder or _current_folder()))}/{path}{question}{query}"


def check_bot(value: object, _folder: Path | None = None) -> str:
    """A label of a bot."""
    if not isinstance(value, str) or len(value) > MAX_BOT_LABEL:
        raise ValueError(f"must be text of at most {MAX_BOT_LABEL} characters")
    return value


def check_policy(value: object, _folder: Path | None = None) -> str:
    """What a broken database may do to a cancel."""
    if value not in FAILURE_POLICIES:
        raise ValueError(f"must be one of {', '.join(FAILURE_POLICIES)}")
    return str(value)


def check_deadline(value: object, _folder: Path | None = None) -> int:
    """Milliseconds."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_DEADLINE_MS:
        raise ValueError(f"must be a whole number from 1 to {MAX_DEADLINE_MS}")
    return value


def check_spool(value: object, folder: Path | None = None) -> Path:
    """A folder's absolute path."""
    return _path(value, folder, "a folder")


def check_key(value: object, folder: Path | None = None) -> Path:
    """The absolute path of a key's file, which is read when an exchange is constructed."""
    require_no_key(value)
    return _path(value, folder, "a private key's file")


def require_no_key(value: object) -> None:
    """Raise ValueError, which shows nothing of it, for a private key in the place of its file's name."""
    if isinstance(value, str | os.PathLike) and "PRIVATE+KEY+" in str(value):
        raise ValueError(
            "is a private key, and has to be the name of the file that holds it; whoever could see "
            "it here may have it now, so make a new one with: mexc-plugin audit keygen"
        )


def _path(value: object, folder: Path | None, of_what: str) -> Path:
    name = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(name, str) or "\0" in name:
        raise ValueError(f"must be the path of {of_what}")
    return _absolute(name, folder)


def _require_name(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError("holds a NUL or what is no Unicode; write it without")


def _absolute(name: str, folder: Path | None) -> Path:
    path = os.path.expanduser(name)  # noqa: PTH111 - Path's raises where there is no home
    if path.startswith("~"):
        raise ValueError("starts with a home folder that is not known; write its whole path")
    return Path(path) if os.path.isabs(path) else (folder or _current_folder()) / path  # noqa: PTH117


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:
        raise ValueError(
            "is relative, and the current folder is gone or closed to this user; write its whole path"
        ) from None
