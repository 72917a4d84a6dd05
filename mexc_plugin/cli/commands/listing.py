"""`audit list`: the attempts to cancel, a page at a time."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from mexc_plugin.audit.outcome import FAILED, UNRESOLVED
from mexc_plugin.cli.database.servers import reading
from mexc_plugin.cli.errors import Exit
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.common import Chosen
from mexc_plugin.cli.options.display import (
    clock,
    columns,
    count,
    full_ids,
    ids_as_shown,
    nothing_matches,
    pager,
)
from mexc_plugin.cli.options.filters import filters as filter_options
from mexc_plugin.cli.output.pager import emit_paged
from mexc_plugin.cli.output.progress import awaited
from mexc_plugin.cli.output.terminal import Screen, say
from mexc_plugin.review.showing import duration

if TYPE_CHECKING:
    from mexc_plugin.store.read.queries import Filters, Row

MOST_ROWS = 1_000_000_000
_DIGITS = 3


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
    database: Chosen,
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
        place = None if after is None else page_token.found(connection, after)
        one_more = None if most is None else most + 1
        found = queries.history(connection, filters, one_more, after=place, oldest_first=reverse)
        with closing(found) as rows:
            page = Page(awaited(rows, "looking"), most)
            emit_paged(renderer(form, columns)(shown(page), screen), wanted=pager)
    if page.is_empty:
        say(nothing_matches(filters, utc=utc))
    elif form == "table":
        say(page.summary())
    if page.last_before_more is not None:
        say(f"there are more; for the next: --after {page_token.written(page.last_before_more)}")
    if exit_code and page.unresolved:
        say(f"{count(page.unresolved, 'cancel is', 'cancels are')} unresolved")
        raise click.exceptions.Exit(Exit.ATTENTION)


class Page:
    """Rows as they pass, no more than most of them; what they come to, kept in little memory."""

    def __init__(self, rows: Iterable["Row"], most: int | None) -> None:
        self._source = iter(rows)
        self._most = most
        self._rows = 0
        self._failed = 0
        self._latencies: Counter[int] = Counter()
        self.unresolved = 0
        self.last_before_more: Row | None = None

    def __iter__(self) -> Iterator["Row"]:
        row = None
        for row in itertools.islice(self._source, self._most):
            self._rows += 1
            self._failed += row["final_outcome"] in FAILED
            self.unresolved += row["final_outcome"] in UNRESOLVED
            if row["latency_us"] is not None:
                self._latencies[_rounded(row["latency_us"])] += 1
            yield row
        if next(self._source, None) is not None:
            self.last_before_more = row

    @property
    def is_empty(self) -> bool:
        """Whether no row passed."""
        return not self._rows

    def summary(self) -> str:
        """One line: rows, failed, unresolved, and the latency of half and of nearly all."""
        words = [count(self._rows, "attempt", "attempts")]
        words += [f"{self._failed:,} failed", f"{self.unresolved:,} unresolved"]
        for percent in (50, 99):
            if self._latencies:
                words.append(f"p{percent} {duration(percentile(self._latencies, percent))}")
        return ", ".join(words)


def _rounded(microseconds: int) -> int:
    """To three digits, as it is shown: a listing of any length has few such values."""
    return round(microseconds, min(0, _DIGITS - len(str(abs(microseconds)))))


def percentile(values: "Counter[int]", percent: int) -> int:
    """The nearest rank of values that were counted; at least one was."""
    rank = -(-values.total() * percent // 100)
    ordered = sorted(values)
    ranks = itertools.accumulate(values[value] for value in ordered)
    return next(value for value, last in zip(ordered, ranks, strict=True) if rank <= last)
