"""`audit watch`: one screen that keeps itself new, and calls for those who do not look."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import click

from mexc_plugin.audit import naive_utc
from mexc_plugin.cli.alerting.alarms import as_line
from mexc_plugin.cli.alerting.calling import Caller, Execute, Webhook
from mexc_plugin.cli.alerting.looks import Looker
from mexc_plugin.cli.alerting.sentry import Plan, Sentry, View
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import clock
from mexc_plugin.cli.output.terminal import Screen, emit, say
from mexc_plugin.review.text import visible

WEBHOOK_VARIABLE = "MEXC_PLUGIN_WEBHOOK"
# How long a key may wait, and a change its line.
TICK_S = 0.2


def _check_with(make: Callable[[str], Any]) -> Callable[..., Any]:
    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:  # noqa: ANN401
        try:
            return make(value) if value else None
        except ValueError as error:
            raise click.BadParameter(str(error), ctx=ctx, param=param) from None

    return check


@click.command()
@click.option(
    "--exec",
    "execute",
    metavar="COMMAND",
    callback=_check_with(Execute.of),
    help="Run it when something is wrong, with JSON about it on its standard input.",
)
@click.option(
    "--webhook",
    metavar="URL",
    envvar=WEBHOOK_VARIABLE,
    callback=_check_with(Webhook),
    help="Post the same to an http or https address. Others on this machine see it in the list of "
    f"processes; better: ${WEBHOOK_VARIABLE}.",
)
@click.option(
    "--unresolved-after",
    type=common.Length(),
    default="5m",
    show_default=True,
    help="Unresolved for longer is worth a call.",
)
@click.option(
    "--at-most-every",
    type=common.Length(),
    default="5m",
    show_default=True,
    help="One call in that time; what comes meanwhile is in the next.",
)
@click.option(
    "--every", type=common.Length(), default="2s", show_default=True, help="How often to look."
)
@click.option(
    "--screen/--lines",
    "wants_screen",
    default=None,
    help="A page that keeps itself new, or a line for each change. Default: the page on a terminal.",
)
@click.option("--once", is_flag=True, help="Print the page once, and end.")
@clock
@common.database
@common.spool
def watch(
    database: common.Chosen,
    execute: Execute | None,
    webhook: Webhook | None,
    unresolved_after: timedelta,
    at_most_every: timedelta,
    every: timedelta,
    wants_screen: bool | None,
    once: bool,
    utc: bool,
) -> None:
    """Watch the record: what is new, what fails, what is unresolved; and have somebody told.

    A call is made when a cancel failed, when one is unresolved for too long, when events wait in a
    spool or are lost, and when the database cannot be read. q or Ctrl-C ends it. It only reads, and
    is no part of any bot.
    """
    from mexc_plugin.cli.output import full_screen
    from mexc_plugin.store.connect import engine
    from mexc_plugin.store.connect.error_messages import name_of

    engine.parse(database.url)
    name = name_of(database.url)
    can = full_screen.is_possible()
    if once:
        screen = Screen.detect(utc=utc)
        _once(Looker(database, shortens=screen.width is not None), name, screen)
        return
    if wants_screen and not can:
        raise click.UsageError("--screen needs a terminal; leave it out for a line for each change")
    on_screen = can if wants_screen is None else wants_screen
    plan = Plan(every.total_seconds(), unresolved_after, at_most_every.total_seconds())
    calls = [replace(execute, is_quiet=on_screen) if execute else None, webhook]
    looker = Looker(database, shortens=on_screen)
    sentry = Sentry(looker, plan, [Caller(call) for call in calls if call], name)
    sentry.start()
    try:
        with full_screen.signals_end_it():
            if on_screen:
                _show_page(sentry, name, utc=utc)
            else:
                _print_lines(sentry, Screen(utc=utc))
    except full_screen.Ended:
        pass
    finally:
        sentry.stop()


def _once(looker: Looker, name: str, screen: Screen) -> None:
    from mexc_plugin.cli.output import board

    seen = looker.look()
    if seen.trouble is not None:
        raise seen.trouble
    view = View(glance=seen.glance, backlog=seen.backlog, short=seen.short)
    emit(board.draw(view, name, screen, naive_utc.now())[:-1])


def _show_page(sentry: Sentry, name: str, *, utc: bool) -> None:
    from mexc_plugin.cli.output import board
    from mexc_plugin.cli.output.full_screen import FullScreen

    with FullScreen() as page:
        while sentry.failure is None:
            size = shutil.get_terminal_size()
            screen = replace(Screen.detect(utc=utc), width=size.columns)
            page.show(board.draw(sentry.view, name, screen, naive_utc.now(), size.lines))
            if page.key(TICK_S) in ("q", "Q"):
                return
    raise sentry.failure


def _print_lines(sentry: Sentry, screen: Screen) -> None:
    """What happens to cancels goes to stdout, what happens to us to stderr."""
    import time

    while True:
        failure = sentry.failure
        while sentry.lines:
            line = sentry.lines.popleft()
            if isinstance(line, str):
                say(visible(line))
            else:
                emit([f"{screen.time(line['requested_at'])}  {as_line(line)}"])
        if failure is not None:
            raise failure
        time.sleep(TICK_S)
