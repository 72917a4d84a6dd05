"""`run` and `doctor`: a bot with the adapter in front of it, and whether all stands well."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mexc_plugin.cli.exit_codes import Exit, Problem
from mexc_plugin.cli.options import common
from mexc_plugin.cli.output.terminal import Screen, emit
from mexc_plugin.review.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mexc_plugin.hosting.checks import Finding

VENUE = "https://api.mexc.com"
COMMAND = {"allow_interspersed_args": False}


class Handover(BaseException):
    """This process goes on as another program: start it once everything of ours has ended."""

    def __init__(self, start: Callable[[], None]) -> None:
        super().__init__()
        self.start = start


class NotStarted(Problem):
    """One line on stderr, and the exit code that a shell would give."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance


@click.command(context_settings=COMMAND, short_help="Run an unmodified bot, its cancels on record.")
@click.option(
    "--audit-url",
    "--database-url",
    "--db",
    "audit_url",
    metavar="URL|FILE",
    help="The database to record in, for this run.",
)
@click.option("--bot", metavar="LABEL", help="The label to record.")
@click.option(
    "--in-process",
    is_flag=True,
    help="Run a Python script, or -m MODULE, in this process: for python -E, -I and -S.",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.pass_context
def run(
    ctx: click.Context,
    audit_url: str | None,
    bot: str | None,
    in_process: bool,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND, an unmodified bot, so that its cancels on MEXC are on record.

    ccxt's mexc becomes the audited class in COMMAND and in every Python below it, when ccxt is
    imported there. If that fails, the program ends before it can cancel anything.

    \b
    mexc-plugin run --bot grid-7 -- freqtrade trade --config config.json
    mexc-plugin run --in-process -- bot.py --its-option
    """
    from mexc_plugin.hosting import starting

    environ = starting.environment(os.environ, audit_url or common.given_before(ctx), bot)
    try:
        if in_process:
            program = starting.InProcess(command)
            raise Handover(lambda: program.start(environ))
        starting.check(command, environ)
        starting.replace_process(command, environ)
    except starting.CannotStart as error:
        raise NotStarted(str(error), error.exit_code) from None


@click.command(context_settings=COMMAND)
@click.option(
    "--base-url",
    metavar="URL",
    default=VENUE,
    show_default=True,
    help="Whom to ask for the time, and about the key: the venue, or a sandbox.",
)
@common.ship_to
@common.spool
@common.database
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def doctor(
    database: common.Chosen, target: str | None, base_url: str, command: tuple[str, ...]
) -> None:
    """Say how the adapter, the database and the clock stand: ok, attention, or a note to read.

    Exit 3 when one needs attention.

    With MEXC_API_KEY and MEXC_API_SECRET set, also what the venue says that the key may do, and how
    long it lives.

    With COMMAND: whether the adapter would get into it, as `mexc-plugin run -- COMMAND` starts it.
    """
    if not base_url.startswith(("http://", "https://")):
        raise click.BadParameter("write it like http://127.0.0.1:8080", param_hint="'--base-url'")
    screen = Screen.detect()
    alarms = 0
    for finding in _findings(database, target, base_url, command):
        alarms += finding.needs_attention
        emit([_line(finding, screen)])
    if alarms:
        raise click.exceptions.Exit(Exit.ATTENTION)


def _findings(
    database: common.Chosen, target: str | None, base_url: str, command: tuple[str, ...]
) -> "Iterator[Finding]":
    from mexc_plugin.cli.options import exchange_options
    from mexc_plugin.hosting import api_key, checks
    from mexc_plugin.shipping import lag

    yield from checks.settings(os.environ, database.url, database.spool)
    yield from checks.adapter(command, os.environ)
    yield from checks.database(database.url, database.reason)
    yield from checks.spool(database.url, database.spool)
    yield from lag.findings(database.url, target)
    yield from checks.clock(base_url)
    yield from api_key.check(
        base_url, os.environ, exchange_options.KEY_VARIABLE, exchange_options.SECRET_VARIABLE
    )


def _line(finding: "Finding", screen: Screen) -> str:
    if finding.needs_attention:
        word = screen.style("attention", "red")
    else:
        word = f"{'note':<9}" if finding.is_note else screen.style(f"{'ok':<9}", "green")
    return f"{word}  {visible(finding.text)}"
