"""`demo`: four cancels against a MEXC on loopback, over real HTTP, and the record of them."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.audit import naive_utc
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import ids_as_shown
from mexc_plugin.cli.output.terminal import Screen, emit, say
from mexc_plugin.config import database_url as checked
from mexc_plugin.review.text import visible

if TYPE_CHECKING:
    from mexc_plugin.sandbox import Sandbox

BOT = "demo"
SYMBOL = "LTC/BTC"
LINES = (
    "from mexc_plugin import mexc",
    'exchange = mexc({"apiKey": "…", "secret": "…",',
    '                 "options": {"audit": {"url": "audit.db", "bot": "my-bot"}}})',
)


@click.command()
@click.option(
    "--database-url",
    "--db",
    metavar="URL|FILE",
    help="Keep the record there. Default: a temporary database.",
)
@click.pass_context
def demo(ctx: click.Context, database_url: str | None) -> None:
    """See it work, in about ten seconds: a local MEXC, four cancels over HTTP, and their audit."""
    database_url = database_url or common.given_before(ctx)
    since = naive_utc.now()
    with _database(database_url) as url:
        say("Starting a MEXC on this machine; nothing leaves it …")
        _cancels(url)
        say("\nWhat the audit has on record:\n")
        emit(_record(url, since))
    say("\nOne import changes in a bot; options say where its record goes:\n")
    emit(LINES)
    if database_url:
        from mexc_plugin.store.connect.error_messages import option_of

        words = option_of(checked(database_url))
        say(f"\nThe record is kept; look at it with: mexc-plugin audit list {words}")


@contextlib.contextmanager
def _database(given: str | None) -> Iterator[str]:
    if given:
        yield checked(given)
        return
    with tempfile.TemporaryDirectory(prefix="mexc-plugin-demo-") as folder:
        yield f"sqlite:///{Path(folder, 'audit.db')}"


def _cancels(url: str) -> None:
    from mexc_plugin.exchange.sync import mexc
    from mexc_plugin.sandbox import Sandbox
    from mexc_plugin.store.write import recorders

    with Sandbox().serve() as sandbox:
        say(f"  serving at {sandbox.url}")
        # A slow disk must not take a row out of the story: the deadline is a bot's business.
        audit = {"options": {"audit": {"url": url, "bot": BOT, "deadline_ms": 2_500}}}
        exchange: Any = mexc(sandbox.ccxt_config() | audit)
        try:
            _story(sandbox, exchange)
        finally:
            exchange.session.close()
            recorders.close_all()


def _story(sandbox: "Sandbox", exchange: Any) -> None:  # noqa: ANN401 - one of ccxt's classes
    from mexc_plugin.sandbox import Fault, FaultKind

    def place_order() -> str:
        order = exchange.create_order(SYMBOL, "limit", "buy", 1, 0.002)
        return str(order["id"])

    plain, partly, lost = place_order(), place_order(), place_order()
    say(f"  three orders: {plain}, {partly}, {lost}")
    cancel = exchange.cancel_order
    _tell("cancelled", lambda: cancel(plain, SYMBOL))
    sandbox.fill(partly, "0.4")
    _tell("cancelled after 0.4 of 1 was filled", lambda: cancel(partly, SYMBOL))
    _tell("the first one cancelled again", lambda: cancel(plain, SYMBOL))
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    _tell("a cancel whose answer gets lost on the way", lambda: cancel(lost, SYMBOL))


def _tell(what: str, act: Callable[[], Any]) -> None:
    from ccxt.base.errors import BaseError

    try:
        order = act()
        result = f"status {order['status']}, filled {order['filled']}"
    except BaseError as error:
        result = type(error).__name__
    say(f"  {what}: the bot gets {visible(result)}")


def _record(url: str, since: datetime) -> list[str]:
    from mexc_plugin.cli.output.formats import RENDERERS
    from mexc_plugin.store.read import queries
    from mexc_plugin.store.schema import tables

    filters = queries.Filters(since=since, bots=(BOT,))
    screen = Screen.detect()
    with (
        queries.reading(url) as connection,
        ids_as_shown(url, short=screen.width is not None) as shown,
        contextlib.closing(queries.history(connection, filters)) as rows,
    ):
        return list(RENDERERS["table"](shown(rows), tables.HISTORY_COLUMNS, screen))
