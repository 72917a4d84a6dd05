"""The text that names a place in the list, for the next page.

It names an attempt of the database, which is never removed: so it holds however the database grows,
in every copy of it, and in no other database.
"""

import base64
import contextlib
import hashlib

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.errors import ConfigError
from mexc_plugin.store.connect.rows import Row
from mexc_plugin.store.read.ordering import Position
from mexc_plugin.store.schema.tables import cancel_history

VERSION = b"1"
_CHECK = 6
_MOST_ATTEMPTS = 2**31


def write(row: Row) -> str:
    """The place of a row of `cancel_history`."""
    body = f"{row['attempt']} {row['cancel_id']}".encode()
    text = base64.urlsafe_b64encode(_check(body) + body)
    return (VERSION + text.rstrip(b"=")).decode()


def locate(connection: Connection, text: str) -> Position:
    """The place that `written` named. Raises ConfigError for any other text, and elsewhere."""
    attempt, cancel_id = _read(text)
    view = cancel_history.c
    query = sa.select(view.requested_at).where(view.cancel_id == cancel_id, view.attempt == attempt)
    requested_at = connection.scalar(query.limit(1))
    if requested_at is None:
        raise ConfigError("the cursor is of another database: its cancel is not on record in this")
    return Position(requested_at, cancel_id, attempt)


def _read(text: str) -> tuple[int, str]:
    raw = text.strip().encode("ascii", "replace")
    with contextlib.suppress(ValueError):  # that of Base64, too
        data = base64.b64decode(raw[1:] + b"=" * (-len(raw[1:]) % 4), b"-_", validate=True)
        check, body = data[:_CHECK], data[_CHECK:]
        if raw[:1] == VERSION and check == _check(body):
            attempt, cancel_id = body.decode().split(" ", 1)
            # Whoever makes one up can know how; no database is asked for what none holds.
            if -_MOST_ATTEMPTS <= int(attempt) < _MOST_ATTEMPTS and "\0" not in cancel_id:
                return int(attempt), cancel_id
    raise ConfigError(
        "this is no cursor of audit list, or not all of it; "
        "take the one that the page before said, whole"
    )


def _check(body: bytes) -> bytes:
    return hashlib.sha256(VERSION + body).digest()[:_CHECK]
