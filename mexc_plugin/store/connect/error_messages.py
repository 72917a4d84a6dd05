"""SQLAlchemy's errors as one sentence that says what to do, and never shows a password."""

import contextlib
import os
import re
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from mexc_plugin.errors import StoreError
from mexc_plugin.store.connect import engine

# The first pattern that is found in the driver's message decides. {name} is the database.
SENTENCES = (
    (
        r"is locked|lock wait timeout|lock timeout|deadlock",
        "the audit database {name} is locked by another program; try again when that is done",
    ),
    (
        r"not a database|file is encrypted",
        "the audit database {name} is not a SQLite database; check --database-url",
    ),
    (
        r"malformed|disk image",
        "the audit database {name} is damaged; restore it from a backup, or save what can be read with: sqlite3 … .recover",
    ),
    (
        r"unable to open database file",
        "the audit database {name} cannot be opened; check that the file and its folder are yours to read",
    ),
    (
        r"readonly database|read-only",
        "the audit database {name} cannot be written; check the file's owner and mode",
    ),
    (
        r"disk is full|no space left",
        "the audit database {name} has no room left on its disk; make some",
    ),
    (
        (
            r"no such (table|column)|(relation|column|table|view) .*(does not|doesn't) exist"
            r"|unknown column|table .* doesn't exist"
        ),
        "the audit database {name} lacks a part of the audit; run: mexc-plugin db upgrade --database-url URL",
    ),
    (
        r"database .* does not exist|unknown database",
        "there is no database {name} on that server; create it there, or check --database-url",
    ),
    (
        (
            r"password authentication failed|access denied for user|no password supplied"
            r"|role .* does not exist|no pg_hba\.conf entry"
        ),
        "the server refused the login to {name}; check user and password in the URL",
    ),
    (
        r"log_bin_trust_function_creators",
        "the server of {name} lets this user create no triggers; use a user with SUPER, or set log_bin_trust_function_creators = 1 there",
    ),
    (
        r"permission denied|command denied",
        "this user may not do that in {name}; grant it, or use another user in the URL",
    ),
    (
        (
            r"connection refused|can't connect|could not connect|connection failed|timed? ?out"
            r"|lost connection|server closed the connection|resolve|name or service not known"
            r"|getaddrinfo|gone away|network is unreachable"
        ),
        "the database server of {name} cannot be reached; check that it runs, and its host and port",
    ),
)


def name_of(url: str) -> str:
    """How to name a database to people; passwords are hidden in the query part too."""
    return engine.describe(url)


@contextlib.contextmanager
def explained(url: str) -> Iterator[None]:
    """Raise SQLAlchemy's errors as StoreError."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(sentence(error, url)) from None


def sentence(error: SQLAlchemyError, url: str) -> str:
    """What is wrong and what to do, in one line."""
    original = str(getattr(error, "orig", None) or error)
    name = name_of(url)
    if words := _about_the_folder(original, url):
        return words
    for pattern, words in SENTENCES:
        if re.search(pattern, original, re.IGNORECASE | re.DOTALL):
            return words.format(name=name)
    return f"the audit database {name} failed: {_first_line(original, url)}"


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
