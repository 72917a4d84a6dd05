"""`audit list`: the attempts to cancel, a page at a time."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from mexc_plugin.cli.database.servers import reading
from mexc_plugin.cli.exit_codes import Exit
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import (
    clock,
    columns,
    count,
    full_ids,
    ids_as_shown,
    nothing_matches,
    pager,
)
from mexc_plugin.cli.options.filter_options import filters as filter_options
from mexc_plugin.cli.output.pager import emit_paged
from mexc_plugin.cli.output.progress import await_first
from mexc_plugin.cli.output.terminal import Screen, say
from mexc_plugin.review.showing import Sum, duration

if TYPE_CHECKING:
    from mexc_plugin.store.read.queries import Filters, Row

MOST_ROWS = 1_000_000_000


@click.command("list")
@filter_options
@columns
@click.option("--reverse", is_flag=True, help="Oldest first.")
@click.option(
    "--limit", type=click.IntRange(1, MOST_ROWS), default=50, show_default=True, help="Most rows."
)
@click.option("--all", "everything", is_flag=True, help="All rows, however many.")
@click.option(
    "--after", metavar="CURSOR", help="Continue where a page ended, as it said on stderr."
)
@click.option("--exit-code", is_flag=True, help="Exit 3 when a listed cancel is unresolved.")
@full_ids
@clock
@pager
@common.output()
@common.database
@click.pass_context
def list_(
    ctx: click.Context,
    database: common.Chosen,
    form: str,
    filters: "Filters",
    columns: list[str] | None,
    reverse: bool,
    limit: int,
    everything: bool,
    after: str | None,
    exit_code: bool,
    full_ids: bool,
    utc: bool,
    pager: bool,
) -> None:
    """List cancels, newest first.

    A filter that is given several times matches any of its values; different filters must all match.
    Times are 90s, 15m, 1h, 2d or 1w (ago), 14:03, today, a date or ISO time, and more; what names no
    zone is UTC, or this machine's with --local.
    """
    from mexc_plugin.cli.output.formats import renderer
    from mexc_plugin.store.read import page_token, queries

    if everything and ctx.get_parameter_source("limit") is not ParameterSource.DEFAULT:
        raise click.UsageError("--all and --limit exclude each other")
    most = None if everything else limit
    screen = Screen.detect(utc=utc)
    short = form == "table" and screen.width is not None and not full_ids
    with (
        reading(database.url) as connection,
        ids_as_shown(database.url, short=short) as shown,
    ):
        place = None if after is None else page_token.locate(connection, after)
        one_more = None if most is None else most + 1
        found = queries.history(connection, filters, one_more, after=place, oldest_first=reverse)
        with closing(found) as rows:
            page = Page(await_first(rows, "looking"), most)
            emit_paged(renderer(form, columns)(shown(page), screen), wanted=pager)
    if page.is_empty:
        say(nothing_matches(filters, utc=utc))
    elif form == "table":
        say(page.summary())
    if page.last_before_more is not None:
        say(f"there are more; for the next: --after {page_token.write(page.last_before_more)}")
    if exit_code and page.unresolved:
        say(f"{count(page.unresolved, 'cancel is', 'cancels are')} unresolved")
        raise click.exceptions.Exit(Exit.ATTENTION)


class Page:
    """Rows as they pass, no more than most of them; what they come to, kept in little memory."""

    def __init__(self, rows: Iterable["Row"], most: int | None) -> None:
        self._source = iter(rows)
        self._most = most
        self._sum = Sum()
        self.last_before_more: Row | None = None

    def __iter__(self) -> Iterator["Row"]:
        row = None
        for row in itertools.islice(self._source, self._most):
            self._sum.add(row)
            yield row
        if next(self._source, None) is not None:
            self.last_before_more = row

    @property
    def unresolved(self) -> int:
        """How many may have been executed, or not."""
        return self._sum.unresolved

    @property
    def is_empty(self) -> bool:
        """Whether no row passed."""
        return not self._sum.rows

    def summary(self) -> str:
        """One line: rows, failed, unresolved, and the latency of half and of nearly all."""
        words = [count(self._sum.rows, "attempt", "attempts")]
        words += [f"{self._sum.failed:,} failed", f"{self._sum.unresolved:,} unresolved"]
        latencies = {percent: self._sum.percentile(percent) for percent in (50, 99)}
        words += [f"p{p} {duration(value)}" for p, value in latencies.items() if value is not None]
        return ", ".join(words)
