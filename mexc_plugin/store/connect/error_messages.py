"""SQLAlchemy's errors as one sentence that says what to do, and never shows a password."""

import contextlib
import os
import re
import shlex
import sqlite3
from collections.abc import Iterator
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from mexc_plugin.errors import MexcPluginError, StoreError
from mexc_plugin.store.connect import engine

# By kind, what is wrong and what to do. {name} is the database, {option} how to name it, {line} what the driver says.
SENTENCES = {
    "locked": "the audit database {name} is locked by another program; try again when that is done",
    "no database file": "the audit database {name} is not a SQLite database; check --db",
    "damaged": "the audit database {name} is damaged; restore it from a backup, or save what can be read with: sqlite3 … .recover",
    "not opened": "the audit database {name} cannot be opened; check that the file and its folder are yours to read",
    "not written": "the audit database {name} cannot be written; check the file's owner and mode",
    "read-only": "the server of {name} takes no writes now; if it is a standby, name the primary: host1:5432,host2:5432 finds it",
    "ended": "the server of {name} ended a long query, to go on with what its primary sends; ask for less, or raise max_standby_streaming_delay there",
    "full": "the audit database {name} has no room left on its disk; make some",
    "incomplete": "the audit database {name} lacks a part of the audit; run: mexc-plugin db upgrade {option}",
    "no such database": "there is no database {name} on that server; create it there, or check --db",
    "login": "the server refused the login to {name}; check user and password in the URL",
    "refused": "the server refused the connection to {name}; check user, password and database in the URL: {line}",
    "no triggers": "the server of {name} lets this user create no triggers; use a user with SUPER, or set log_bin_trust_function_creators = 1 there",
    "forbidden": "this user may not do that in {name}; grant it, or use another user in the URL",
    "busy": "the server of {name} takes no more connections; close some, or raise its max_connections",
    "unreachable": "the database server of {name} cannot be reached; check that it runs, and its host and port",
}
# Codes and not words: a server speaks the language that it was set to.
_SQLITE = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_NOTADB: "no database file",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_CANTOPEN: "not opened",
    sqlite3.SQLITE_READONLY: "not written",
    sqlite3.SQLITE_FULL: "full",
}
# PostgreSQL's, the longest prefix counts. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
_SQLSTATES = {
    "55P03": "locked",
    "40P01": "locked",
    "40001": "ended",  # who only reads meets it on a standby alone
    "25006": "read-only",
    "53100": "full",
    "42P01": "incomplete",
    "42703": "incomplete",
    "3D000": "no such database",
    "28": "login",
    "42501": "forbidden",
    "53300": "busy",
    "08": "unreachable",
    "57P": "unreachable",
}
# MySQL's and MariaDB's. Source: https://mariadb.com/kb/en/mariadb-error-code-reference/
_ERRNOS = {
    **dict.fromkeys((1205, 1213, 3572), "locked"),
    **dict.fromkeys((1290, 1792, 1836), "read-only"),
    **dict.fromkeys((1021, 1114), "full"),
    **dict.fromkeys((1054, 1146), "incomplete"),
    1049: "no such database",
    **dict.fromkeys((1045, 1698), "login"),
    1419: "no triggers",
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), "forbidden"),
    1040: "busy",
    **dict.fromkeys((1053, 2002, 2003, 2005, 2006, 2013), "unreachable"),
}
# What has no code: SQLite's many errors of one number, and a connection that libpq did not get. The first counts.
_WORDS = (
    (r"no such (table|column)", "incomplete"),
    (r"session is (not )?read-only", "read-only"),
    (r"database \".*\" does not exist", "no such database"),
    (
        r"password authentication failed|no password supplied|role .* does not exist|no pg_hba\.conf entry",
        "login",
    ),
    (r"FATAL: ", "refused"),
    (
        (
            r"connection refused|could not connect|connection failed|timed? ?out|lost connection"
            r"|server closed the connection|resolve|name or service not known|getaddrinfo|is unreachable"
        ),
        "unreachable",
    ),
)


def name_of(url: str) -> str:
    """How to name a database to people; passwords are hidden in the query part too."""
    return engine.describe(url)


def option_of(url: str) -> str:
    """`--db` with the database, as a shell takes it. A server's URL may hold a password: it is not shown."""
    path = engine.sqlite_path(url)
    return f"--db {shlex.quote(str(path))}" if path else "--db DATABASE"


@contextlib.contextmanager
def explaining(url: str) -> Iterator[None]:
    """Raise SQLAlchemy's errors as StoreError."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(sentence(error, url)) from None


def sentence(error: SQLAlchemyError, url: str) -> str:
    """What is wrong and what to do, in one line."""
    original = str(getattr(error, "orig", None) or error)
    name, line = name_of(url), _first_line(original, url)
    if words := _about_the_folder(original, url):
        return words
    kind = kind_of(error)
    if kind is None:
        return f"the audit database {name} failed: {line}"
    return SENTENCES[kind].format(name=name, option=option_of(url), line=line)


def summarize(error: BaseException) -> str:
    """What it is, in one line that holds no password and no statement."""
    if isinstance(error, MexcPluginError):
        return str(error)
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines() or [""]
    return engine.mask(f"{type(original).__name__}: {lines[0]}")[:300]


def kind_of(error: SQLAlchemyError) -> str | None:
    """Which of `SENTENCES` is about it, by the driver's code; None for anything else."""
    original: Any = getattr(error, "orig", None) or error
    number = next(iter(original.args), None)
    if isinstance(number, int):
        return _ERRNOS.get(number)
    if state := getattr(original, "sqlstate", None):
        return next((_SQLSTATES[state[:n]] for n in (5, 3, 2) if state[:n] in _SQLSTATES), None)
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _SQLITE:
        return _SQLITE[code & 0xFF]
    words = str(original)
    return next(
        (kind for pattern, kind in _WORDS if re.search(pattern, words, re.IGNORECASE | re.DOTALL)),
        None,
    )


def _about_the_folder(original: str, url: str) -> str | None:
    """SQLite names the file where it is the folder that it may not write."""
    path = engine.sqlite_path(url)
    if path is None or not re.search("unable to open database file|readonly database", original):
        return None
    if os.access(path.parent, os.W_OK) or not os.path.exists(f"{path}-wal"):  # noqa: PTH110
        return None
    return (
        f"the audit database {path} holds events in {path}-wal, which only who may write the folder "
        f"{path.parent} can bring in; look as the user of the bot, or copy both files to a folder of yours"
    )


def _first_line(message: str, url: str) -> str:
    line = next(iter(message.strip().splitlines()), "no reason given")
    password = engine.parse(url).password
    if password:
        line = line.replace(str(password), "***")
    return engine.mask(line)
