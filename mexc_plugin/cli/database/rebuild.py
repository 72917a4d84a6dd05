"""`db rebuild`: make the history of attempts again from the events."""

import sys

import click

from mexc_plugin.cli.database.servers import opening
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.common import Chosen
from mexc_plugin.cli.output.terminal import emit, say
from mexc_plugin.review.text import visible


@click.command()
@click.option(
    "--after",
    metavar="CANCEL_ID",
    default="",
    help="Go on behind this cancel, where a run before was ended.",
)
@common.database
def rebuild(database: Chosen, after: str) -> None:
    """Make every row of `cancel_history` again that is not as its events say.

    The events are the record, and stay as they are. Bots record meanwhile. Needs the rights of the
    tables' owner. A run that is ended says how to go on.
    """
    from mexc_plugin.store.read import queries
    from mexc_plugin.store.schema import history_rows

    # What is not there is not made here.
    with queries.reading(database.url):
        done = after
    shown = sys.stderr.isatty()

    def tell(cancel_id: str, changed: int) -> None:
        nonlocal done
        done = cancel_id or done
        if shown:
            click.echo(f"\r{done}: {changed:,} rows made again …", err=True, nl=False)

    def note(key: tuple[str, int], what: str) -> None:
        if shown:
            click.echo("\r\x1b[K", err=True, nl=False)
        emit([visible(f"cancel {key[0]} attempt {key[1]}: the row {what}")])

    with opening(database.url, read_only=False) as engine, engine.connect() as connection:
        queries.require_current(connection, database.url)
        connection.rollback()
        try:
            changed = history_rows.rebuild(connection, after, tell, note)
        except BaseException:
            if done:
                say(f"\ngo on with: mexc-plugin db rebuild --after {done}")
            raise
        finally:
            if shown:
                click.echo("\r\x1b[K", err=True, nl=False)
    emit([f"{changed:,} {'row' if changed == 1 else 'rows'} made again"])
