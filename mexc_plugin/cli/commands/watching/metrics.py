"""`audit metrics`: the state of the record for Prometheus, printed or as a file that node_exporter picks up."""

from pathlib import Path

import click

from mexc_plugin.audit import naive_utc
from mexc_plugin.cli.options import common
from mexc_plugin.cli.output.terminal import emit

# node_exporter is another user's, and what is in there is counts and times.
READABLE = 0o644
# A monitor asks again: it is better told that the record cannot be read.
PATIENCE_S = 30.0


@click.command()
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="-",
    help="A file that is replaced when the figures are complete, for node_exporter's textfile "
    "collector: its name ends in .prom. Default: stdout.",
)
@common.ship_to
@common.database
@common.spool
def metrics(database: common.Chosen, target: str | None, output: str) -> None:
    """Print the state of the record for Prometheus: outcomes, latency, unresolved, spool, losses.

    It costs what the attempts of today cost, however large the record is. Where the record cannot be
    read, the figures say so, and the exit code is 1.
    """
    from mexc_plugin import posix
    from mexc_plugin.cli.exporting import partial_file
    from mexc_plugin.errors import MexcPluginError
    from mexc_plugin.review.exposition import expose
    from mexc_plugin.shipping import lag
    from mexc_plugin.store.connect.query_timeout import stopped_after
    from mexc_plugin.store.read import queries
    from mexc_plugin.store.read.statistics import gauges
    from mexc_plugin.store.write.spool import backlog

    found, trouble = None, None
    waiting = backlog.measure(database.url, database.spool)
    shipped = lag.look(database.url, target) if target else None
    try:
        with (
            queries.reading(database.url) as connection,
            stopped_after(connection, PATIENCE_S),
        ):
            found = gauges.read(connection, naive_utc.now())
    except MexcPluginError as error:
        trouble = error
    text = expose(found, waiting, shipped)
    if output == "-":
        emit(text.splitlines())
    else:
        path = Path(output)
        partial_file.require_name(path, force=True)
        with partial_file.naming_file(path):
            posix.replace(path, text, READABLE)
    if trouble is not None:
        raise trouble
