"""`db grants` and `db partitions`: what only database servers have."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.cli.exit_codes import Misuse
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import count
from mexc_plugin.cli.output.terminal import emit, say

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from mexc_plugin.store.read.standby import Standby

MOST_MONTHS = 120


@contextlib.contextmanager
def opening(
    url: str, *, read_only: bool = True, answer_ms: int | None = None
) -> Iterator["Engine"]:
    """An engine for that database, whose errors are lines for people. answer_ms: as `create`."""
    from mexc_plugin.store.connect import engine as engines
    from mexc_plugin.store.connect.error_messages import explaining

    patience = engines.ANSWER_TIMEOUT_MS if answer_ms is None else answer_ms
    engine = engines.create(url, read_only=read_only, answer_ms=patience)
    try:
        with explaining(url):
            yield engine
    finally:
        engine.dispose()


def say_unchecked(url: str) -> None:
    """Say which views could not be compared, for want of a right to see what they select."""
    from mexc_plugin.store.schema import views

    with opening(url) as engine, engine.connect() as connection:
        unseen = views.find_unchecked(connection)
    if unseen:
        say(
            f"not compared, for want of the right SHOW VIEW: {', '.join(unseen)}; "
            "grants for an auditor: mexc-plugin db grants --role auditor"
        )


def say_what_waits(database: common.Chosen, are: str) -> None:
    """Name the events that wait in files. are: what they are meanwhile to whoever reads the database."""
    from mexc_plugin.store.write.spool import spool_folder

    waiting = spool_folder.files(database.url, database.spool)
    if waiting:
        files = count(len(waiting), "spool file waits", "spool files wait")
        say(f"{files}, whose events {are} until: mexc-plugin audit recover")


@contextlib.contextmanager
def reading(url: str) -> Iterator["Connection"]:
    """As `queries.reading`; where the server is a standby, it is said how old what it shows may be."""
    from mexc_plugin.store.read import queries, standby

    with queries.reading(url) as connection:
        found = standby.look(connection)
        connection.rollback()
        if found is not None:
            say(_in_words(found))
        yield connection


def _in_words(found: "Standby") -> str:
    age = "of unknown age" if found.age_s is None else f"{max(0.0, found.age_s):.1f} s old"
    if found.waiting is None:
        rest = "what it received is not known"
    elif found.waiting:
        rest = f"{found.waiting:,} bytes that it received are not in it yet"
    else:
        rest = "it shows all that it received"
    return f"this server is a standby: its newest commit is {age}; {rest}"


@click.command()
@click.option(
    "--role",
    type=click.Choice(["bot", "auditor"]),
    required=True,
    help="bot: may record; auditor: may only read.",
)
@click.option(
    "--to",
    "account",
    metavar="ACCOUNT",
    help="The account: a role on PostgreSQL, user or user@host on MySQL. Default: the role's name.",
)
@common.database
def grants(database: common.Chosen, role: str, account: str | None) -> None:
    """Print the least-privilege GRANTs for a bot's or an auditor's account.

    Touches no server: the owner of the tables runs them, after `db upgrade`.
    """
    from mexc_plugin.store.schema import grants as granting

    if account is not None and not account.strip("@ "):
        raise Misuse("--to names no account")
    emit(granting.statements(database.url, role, account or role))


def by(default: str) -> Callable[[Any], Any]:
    """The option that says how long a partition is, as the argument `period`."""
    return click.option(
        "--by",
        "period",
        type=click.Choice(["day", "week", "month"]),
        help=f"How long a partition is, in UTC, weeks from Monday. Default: {default}.",
    )


@click.command()
@by("as the newest")
@click.option(
    "--months",
    type=click.IntRange(0, MOST_MONTHS),
    help="How many months after this one have partitions afterwards. "
    "Default: 12, by week 3, by day 1.",
)
@common.database
def partitions(database: common.Chosen, period: str | None, months: int | None) -> None:
    """Make the partitions of the time to come, and list all. PostgreSQL, partitioned, only.

    With --by those of another length that begin later and are empty are made anew.
    Names go to stdout, with their bounds; what was made is said on stderr.
    """
    from mexc_plugin.store.read import queries
    from mexc_plugin.store.schema import partitions as parts

    with opening(database.url, read_only=False) as engine, engine.begin() as connection:
        queries.require_current(connection, database.url)
        made = parts.make_ahead(connection, months, period)
        found = parts.existing(connection)
    emit(f"{partition.name}  {partition.bounds}" for partition in found)
    say(f"made: {', '.join(made)}" if made else "made: none, all are there")
