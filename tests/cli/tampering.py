"""Changes to a record that its guards would refuse."""

import sqlite3
from contextlib import closing
from pathlib import Path

from mexc_plugin.store.schema.triggers import list_guards


def tamper(path: Path, *statements: str) -> None:
    """Run the statements with the guards taken down, and put the guards up again."""
    with closing(sqlite3.connect(path)) as connection, connection:
        guards = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, definition in guards:
            connection.execute(definition)


def remove_guard(path: Path, name: str) -> None:
    assert name in dict(list_guards("sqlite"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"DROP TRIGGER {name}")
