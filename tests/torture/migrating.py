"""Records that are made beside another migration in the same process: what runs in a child.

alembic keeps the migration that runs in `alembic.context` and `alembic.op`, one for the whole process.
A second one in another thread took the first one's connection: neither was made, tables landed in the
other's database, and two threads inside one connection of sqlite3 ended the process.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import command

from mexc_plugin.audit.recorder import Place
from mexc_plugin.autogenerate import include_name
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate, triggers
from mexc_plugin.store.write import recorders
from tests.store.schema.bots_alembic import TABLES, BotsAlembic

from .load import drafts
from .processes import Child

Faults = list[str]


def runs(
    count: int, function: Callable[..., Faults], arguments: Callable[[], tuple[Any, ...]]
) -> Faults:
    """So many processes, one after the other; the first fault of each, and how the others ended."""
    found: Faults = []
    for _ in range(count):
        try:
            found += Child(function, *arguments()).result(120)[:1]
        except AssertionError as error:
            found.append(str(error))
    return found


def two_new_records(one: str, other: str) -> Faults:
    """Each made by a thread of its own, at the same moment, as by two exchanges."""
    faults = _at_once(lambda: _record(one), lambda: _record(other))
    return faults + [fault for url in (one, other) for fault in _faults_of(url)]


def beside_the_bots_own(url: str, bot: BotsAlembic, bot_url: str) -> Faults:
    """A new record, and `alembic upgrade head` of the bot in another thread."""
    # As in a bot that has used its database: while one thread makes its first engine of MariaDB,
    # SQLAlchemy fails in every other that makes its first one then, whoever they are.
    sa.create_engine(bot_url)
    faults = _at_once(lambda: _record(url), lambda: command.upgrade(bot.config(bot_url), "head"))
    return faults + _faults_of(url) + _faults_of_bot(bot_url)


def _at_once(*works: Callable[[], None]) -> Faults:
    faults: Faults = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            faults.append(f"{type(error).__name__}: {error}".splitlines()[0])

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return faults + ["a thread hangs"] * sum(thread.is_alive() for thread in threads)


def _record(url: str) -> None:
    writer = recorders.recorder_for(url)
    writer.prepare()
    for draft in drafts(1):
        place = writer.commit(draft | {"occurred_ns": time.time_ns()}, 30)
        if place is not Place.DATABASE:
            raise RuntimeError(f"an event went to the {place.value}")
    writer.close()


def _faults_of(url: str) -> Faults:
    made = engine.create(url)
    with made.connect() as connection:
        state = migrate.state(connection)
        if state is not migrate.State.CURRENT:
            return [f"the record is {state.value}"]
        faults = triggers.missing(connection)
        foreign = [name for name in _tables(connection) if include_name(name, "table")]
        events = connection.scalar(sa.text("SELECT COUNT(*) FROM cancel_audit"))
    made.dispose()
    faults += [f"{name} is in the record" for name in foreign]
    return faults + ([] if events == 4 else [f"{events} events of 4"])


def _faults_of_bot(url: str) -> Faults:
    made = sa.create_engine(url)
    with made.connect() as connection:
        there = set(_tables(connection))
    made.dispose()
    wanted = TABLES | {"alembic_version"}
    return [f"{name} is in the bot's database" for name in sorted(there - wanted)] + [
        f"{name} is missing in the bot's database" for name in sorted(wanted - there)
    ]


def _tables(connection: sa.Connection) -> Iterator[str]:
    yield from sa.inspect(connection).get_table_names()
