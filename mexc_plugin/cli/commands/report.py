"""`audit report`: one page about the record, to send to somebody or to print."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mexc_plugin.audit import naive_utc
from mexc_plugin.cli.database.servers import reading
from mexc_plugin.cli.exit_codes import Misuse
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.filter_options import filters as filter_options
from mexc_plugin.cli.output.progress import waiting
from mexc_plugin.cli.output.terminal import emit, say

if TYPE_CHECKING:
    from mexc_plugin.store.read.queries import Filters

STDOUT = "-"
ENDINGS = (".html", ".htm")
TITLE = "Cancels on record"


@click.command()
@click.option("-o", "--output", required=True, metavar="FILE", help="The page; - is stdout.")
@click.option("--title", default=TITLE, show_default=True, help="What the page is called.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@filter_options
@common.database
def report(
    filters: "Filters", output: str, title: str, force: bool, database: common.Chosen
) -> None:
    """Write one self-contained HTML page: charts, figures, and the rows behind them.

    It opens offline, in light and dark, on a phone and on paper. Filters are those of `audit list`.
    FILE appears when it is complete. It needs the extra `report`.
    """
    from mexc_plugin.review import report as room

    if output != STDOUT and not output.lower().endswith(ENDINGS):
        raise Misuse(f"{output!r} is no name for a page; end it with {' or '.join(ENDINGS)}")
    room.require()
    if output == STDOUT:
        emit(_page(database.url, filters, title).split("\n"))
        return
    _write(Path(output), database.url, filters, title, force=force)


def _write(path: Path, url: str, filters: "Filters", title: str, *, force: bool) -> None:
    from mexc_plugin.cli.exporting.partial_file import Part, naming_file

    with naming_file(path):
        part = Part(path, force=force)
        try:
            part.begin()
            part.write(_page(url, filters, title).encode())
            size = part.publish()
        except BaseException:
            part.abandon()
            raise
    say(f"{path}: {size:,} bytes")


def _page(url: str, filters: "Filters", title: str) -> str:
    from mexc_plugin.review.report import facts, page
    from mexc_plugin.review.text import visible
    from mexc_plugin.store.connect import engine
    from mexc_plugin.store.read.statistics import counts

    now = naive_utc.now()
    # The page goes to others: they need the file's name, not the folders of this machine.
    path = engine.sqlite_path(url)
    source = path.name if path else engine.describe(url)
    with reading(url) as connection:
        counts.steady(connection)
        with waiting("counting"):
            found = facts.gather(connection, filters, now)
        connection.rollback()  # drawing takes long; but values that no column holds are found by it, too
        with waiting("drawing"):
            return page.render(
                found, title=visible(title), asked=in_words(filters), source=source, made=now
            )


def in_words(filters: "Filters") -> str:
    """The filters as a sentence."""
    from mexc_plugin.review.text import visible

    parts = [
        f"{name} {' or '.join(visible(value) for value in values)}"
        for name, values in (
            ("symbol", filters.symbols),
            ("order", filters.order_ids),
            ("client order", filters.client_order_ids),
            ("account", filters.accounts),
            ("bot", filters.bots),
            ("outcome", filters.outcomes),
            ("code", filters.codes),
            ("text", filters.searches),
        )
        if values
    ]
    if filters.since is not None:
        parts.append(f"from {filters.since:%Y-%m-%d %H:%M:%S} UTC")
    if filters.until is not None:
        parts.append(f"before {filters.until:%Y-%m-%d %H:%M:%S} UTC")
    if filters.latency_over_us is not None:
        parts.append(f"slower than {filters.latency_over_us / 1000:g} ms")
    return f"Only {', '.join(parts)}." if parts else "The whole record."
