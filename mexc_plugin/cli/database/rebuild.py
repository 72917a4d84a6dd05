"""`db rebuild`: make the history of attempts again from the events."""

import click

from mexc_plugin.cli.database.servers import opening
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import count
from mexc_plugin.cli.output.progress import line
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
def rebuild(database: common.Chosen, after: str) -> None:
    """Make every row of `cancel_history` again that is not as its events say.

    The events are the record, and stay as they are. Bots record meanwhile. Needs the rights of the
    tables' owner. A run that is ended says how to go on.
    """
    from mexc_plugin.store.read import queries
    from mexc_plugin.store.schema import history_rows

    # What is not there is not made here.
    with queries.reading(database.url):
        done = after

    def tell(cancel_id: str, changed: int) -> None:
        nonlocal done
        done = cancel_id or done
        if shown:
            shown.write(f"{done}: {changed:,} rows made again …")

    def note(key: tuple[str, int], what: str) -> None:
        emit([visible(f"cancel {key[0]} attempt {key[1]}: the row {what}")])

    with (
        opening(database.url, read_only=False) as engine,
        engine.connect() as connection,
        line("rebuilding") as shown,
    ):
        queries.require_current(connection, database.url)
        connection.rollback()
        try:
            changed = history_rows.rebuild(connection, after, tell, note)
        except BaseException:
            if done:
                say(f"\ngo on with: mexc-plugin db rebuild --after {done}")
            raise
    emit([f"{count(changed, 'row', 'rows')} made again"])
