"""`db`: prepare the audit database, and say how it stands."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mexc_plugin import distributions
from mexc_plugin.cli.database.rebuild import rebuild
from mexc_plugin.cli.database.servers import by, grants, opening, partitions, say_unchecked
from mexc_plugin.cli.exit_codes import Alarm, Exit, Misuse, in_words
from mexc_plugin.cli.options import common
from mexc_plugin.cli.output.progress import progress
from mexc_plugin.cli.output.terminal import emit, say
from mexc_plugin.config import URL_VARIABLE

if TYPE_CHECKING:
    from sqlalchemy import Engine

REMEDIES = {
    "EMPTY": "prepare it with: mexc-plugin db upgrade --db DATABASE",
    "INTERRUPTED": "run: mexc-plugin db upgrade --db DATABASE",
    "FOREIGN": "if the audit belongs there, run: mexc-plugin db upgrade --db DATABASE",
    "OUTDATED": "run: mexc-plugin db upgrade --db DATABASE",
    "TOO_NEW": "run: {upgrade}",
}

NEIGHBOUR = (
    "this database's own alembic (alembic revision --autogenerate) now proposes to drop the record, "
    "until its env.py has the two lines of docs/databases.md: include_name=include_name, "
    "from mexc_plugin.autogenerate"
)

# Making an index on years of cancels may take long, and a server says nothing meanwhile.
A_DAY_MS = 86_400_000


@click.group()
@common.before_the_command
def db() -> None:
    """Prepare the audit database, and see how it stands."""


db.add_command(grants)
db.add_command(partitions)
db.add_command(rebuild)


@db.command()
@click.option(
    "--partitioned",
    is_flag=True,
    help="Make the audit's table partitioned. PostgreSQL only, and only when it is made.",
)
@by("month")
@common.database
def upgrade(database: common.Chosen, partitioned: bool, period: str | None) -> None:
    """Bring the database to this program's schema; make it if it is a new SQLite file.

    Also prepares a database that holds other tables: it touches none of them.
    """
    from mexc_plugin.store.connect.error_messages import name_of
    from mexc_plugin.store.schema import migrate

    if period and not partitioned:
        raise Misuse(
            "--by goes with --partitioned; what is partitioned already: db partitions --by"
        )
    with opening(database.url, read_only=False, answer_ms=A_DAY_MS) as engine:
        before = _revision(engine)
        with progress("filling the history") as tell:
            migrate.upgrade(
                engine,
                partitioned=partitioned,
                by=period,
                tell=lambda n, all_: tell(n, n / all_),
            )
        after = _revision(engine)
        is_shared = migrate.is_beside_alembic(engine)
    change = f"already at {after}" if before == after else f"{before or 'none'} → {after}"
    emit([f"{name_of(database.url)}: {change}"])
    if is_shared and before is None:
        say(NEIGHBOUR)


@db.command()
@common.database
def current(database: common.Chosen) -> None:
    """Print the database's revision, and how it stands to this program."""
    from mexc_plugin.store.schema import migrate, tables

    with opening(database.url) as engine, engine.connect() as connection:
        revision, state = tables.revision(connection), migrate.state(connection)
    emit([f"{revision or 'none'}: {state.value}"])


@db.command()
@click.option(
    "--restore",
    is_flag=True,
    help="First make guards and views again that are missing or changed, as the tables' owner.",
)
@common.database
def check(database: common.Chosen, restore: bool) -> None:
    """Check schema, guards and the server's durability; exit 3 with what to do if not fine.

    Guards are also tried: what they have to refuse, on rows of the check's own, which it takes back.
    """
    from mexc_plugin.errors import StoreMissing
    from mexc_plugin.store.connect.error_messages import name_of

    if restore:
        _restore(database.url)
    try:
        faults = list(_faults(database.url))
        say_unchecked(database.url)
    except StoreMissing as error:
        raise Alarm(in_words(error)) from None
    if faults:
        emit(faults)
        raise click.exceptions.Exit(Exit.ATTENTION)
    emit([f"{name_of(database.url)}: schema current, guards stand"])


@db.command()
@common.database
def path(database: common.Chosen) -> None:
    """Print which database commands and bots use here; why goes to stderr."""
    from mexc_plugin.store.connect.engine import sqlite_path
    from mexc_plugin.store.connect.error_messages import name_of

    file = sqlite_path(database.url)
    emit([str(file.absolute()) if file else name_of(database.url)])
    there = ", not there yet" if file and not file.exists() else ""
    other = f"; to use another one, give --db or set {URL_VARIABLE}"
    say(database.reason + there + (other if database.by == "default" else ""))


def _restore(url: str) -> None:
    from mexc_plugin.store.read import queries
    from mexc_plugin.store.schema import restoring

    with queries.reading(url):
        pass  # what is not there is not made here
    with opening(url, read_only=False) as engine, engine.begin() as connection:
        restored = restoring.restore(connection)
    emit([f"restored: {name}" for name in restored])
    if any(name.endswith("_kept") for name in restored):
        say("the history lacks what came in meanwhile; make it again with: mexc-plugin db rebuild")
    if restored:
        say("what was changed meanwhile: mexc-plugin audit verify")


def _faults(url: str) -> Iterator[str]:
    from mexc_plugin.store.connect import durability
    from mexc_plugin.store.schema import migrate, partitions, restoring, tables
    from mexc_plugin.store.verify import guard_trials, record

    with opening(url) as engine, engine.connect() as connection:
        state = migrate.state(connection)
        if state is not migrate.State.CURRENT:
            remedy = REMEDIES[state.name].format(upgrade=distributions.upgrade_command())
            yield f"schema: {state.value}; {remedy}"
            return
        if not tables.is_there(connection, tables.AUDIT_TABLE):
            yield f"table {tables.AUDIT_TABLE} is missing; restore it from a backup"
            return
        guards = record.check_guards(connection)
        for finding in guards:
            yield f"{finding.message}; restore it with: {restoring.COMMAND}, then: audit verify"
        if shortage := partitions.shortage(connection):
            yield shortage
        yield from durability.doubts_where_bots_write(url, connection)
    if not guards:
        trials = guard_trials.try_guards(url)
        for reason in trials.untried:
            say(f"not tried: {reason}")
        yield from trials.faults


def _revision(engine: "Engine") -> str | None:
    from mexc_plugin.store.schema import tables

    with engine.connect() as connection:
        return tables.revision(connection)
