"""`audit tail`: the newest attempts, and with -f those that come, as they come."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.cli.database.servers import reading
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import clock, columns, full_ids, nothing_matches
from mexc_plugin.cli.options.filter_options import filters as filter_options
from mexc_plugin.cli.output.progress import await_first
from mexc_plugin.cli.output.table import TABLE, Layout, stack, wrap
from mexc_plugin.cli.output.terminal import Screen, align, cells, emit, say, total_width
from mexc_plugin.review.text import visible

if TYPE_CHECKING:
    from mexc_plugin.store.read.queries import Filters, Row

MOST_ROWS = 100_000
EVERY_S = 0.5
RETRY_S = 1.0
# How long ago something was is wrong as soon as the line has stood for a while.
COLUMNS = tuple(column for column in TABLE if column.name != "ago")


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what is recorded from now on.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, MOST_ROWS),
    default=10,
    show_default=True,
    help="So many of the newest first.",
)
@filter_options
@columns
@full_ids
@clock
@common.output("table", "jsonl")
@common.database
def tail(
    follow: bool,
    lines: int,
    filters: "Filters",
    columns: list[str] | None,
    full_ids: bool,
    utc: bool,
    form: str,
    database: common.Chosen,
) -> None:
    """Show the newest attempts, oldest of them first; with -f follow what comes, until Ctrl-C.

    An attempt is shown when it is asked for, and again when its answer comes or a reconciliation
    says more. What a spool kept back is shown when it is replayed, with the time that it has.
    """
    from mexc_plugin.errors import StoreError, StoreTooNew

    screen = Screen.detect(utc=utc)
    show = _renderer(form, columns, screen)
    short = form == "table" and screen.width is not None and not full_ids
    watch = Watch(database.url, filters, lines, follow=follow, short=short)
    while True:
        try:
            with closing(watch.looks()) as looks:
                for rows in looks:
                    emit(show(rows))
                    if lines and not rows and not follow:
                        say(nothing_matches(filters, utc=utc))
        except StoreError as error:
            if not watch.began or isinstance(error, StoreTooNew):
                raise
            watch.report_loss(error)
            time.sleep(RETRY_S)
        else:
            return


class Watch:
    """What was shown of a database, over all connections to it."""

    def __init__(
        self, url: str, filters: "Filters", lines: int, *, follow: bool, short: bool = False
    ) -> None:
        self._url = url
        self._filters = filters
        self._lines = lines
        self._follow = follow
        self._short = short
        self._follower: Any = None
        self._is_lost = False

    @property
    def began(self) -> bool:
        """Whether the database was there once: until then, an error is the user's to see."""
        return self._follower is not None

    def looks(self) -> Generator[list["Row"], None, None]:
        """The rows of each look, as long as the connection lives. Raises StoreError."""
        from mexc_plugin.store.read.follow import Follower

        with reading(self._url) as connection:
            if not self.began:
                follower = Follower(connection) if self._follow else None
                yield self._shorten_ids(connection, self._newest(connection))
                self._follower = follower
            while self._follow:
                changed = self._follower.read_changed(connection, self._filters)
                rows = self._shorten_ids(connection, changed)
                connection.rollback()  # the next look is to see what is new
                self._report_return()
                if rows:
                    yield rows
                time.sleep(EVERY_S)

    def report_loss(self, error: Exception) -> None:
        """Say once what is wrong, until it is well again."""
        if not self._is_lost:
            say(f"{visible(str(error))}; waiting for it")
        self._is_lost = True

    def _report_return(self) -> None:
        if self._is_lost:
            say("the database is back")
        self._is_lost = False

    def _shorten_ids(self, connection: Any, rows: list["Row"]) -> list["Row"]:  # noqa: ANN401 - SQLAlchemy's
        """The rows with the ids that they are shown with."""
        from mexc_plugin.store.read import short_ids

        if not self._short:
            return rows
        least = short_ids.FOLLOWED if self._follow else short_ids.LEAST
        return list(short_ids.shorten(connection, rows, least))

    def _newest(self, connection: Any) -> list["Row"]:  # noqa: ANN401 - SQLAlchemy's
        from mexc_plugin.store.read import queries

        with closing(queries.history(connection, self._filters, self._lines)) as rows:
            return list(await_first(rows, "looking"))[::-1]


def _renderer(
    form: str, columns: list[str] | None, screen: Screen
) -> Callable[[Iterable["Row"]], Iterator[str]]:
    from mexc_plugin.cli.output.formats import as_jsonl
    from mexc_plugin.store.schema.tables import HISTORY_COLUMNS

    if form == "jsonl":
        return lambda rows: as_jsonl(rows, columns or HISTORY_COLUMNS, screen)
    if columns:
        return Picked(columns, screen).of
    return Lines(screen).of


class Picked:
    """Columns that were picked, without an end: under a heading, which comes anew where rows outgrow it."""

    def __init__(self, columns: list[str], screen: Screen) -> None:
        self._columns = columns
        self._headings = [
            f"{name} ({screen.zone})" if name.endswith("_at") else name for name in columns
        ]
        self._screen = screen
        self._widths: list[int] = []

    def of(self, rows: Iterable["Row"]) -> Iterator[str]:
        """The next lines."""
        lines = [self._texts(row) for row in rows]
        columns = list(zip(self._headings, *lines, strict=True)) if lines else []
        widths = [max(map(cells, column)) for column in columns]
        if any(width > had for width, had in zip_longest(widths, self._widths, fillvalue=0)):
            self._widths = [max(pair) for pair in zip_longest(widths, self._widths, fillvalue=0)]
            for line in self._laid_out(self._headings):
                yield self._screen.style(line, bold=True)
        for texts in lines:
            yield from self._laid_out(texts)

    def _texts(self, row: "Row") -> list[str]:
        values = (row[name] for name in self._columns)
        return ["-" if value is None else visible(self._screen.text(value)) for value in values]

    def _laid_out(self, texts: list[str]) -> Iterator[str]:
        """One line; where the terminal is too narrow for it, several that are not aligned."""
        most = self._screen.width
        if most is not None and total_width(self._widths) > most:
            yield from wrap(texts, most)
            return
        yield align(texts, self._widths)


class Lines:
    """The table of `audit list`, without an end: laid out anew, with a heading, where rows outgrow it."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._layout: Layout | None = None

    def of(self, rows: Iterable["Row"]) -> Iterator[str]:
        """The next lines."""
        rest = list(rows)
        while rest:
            line = self._layout.line(rest[0], self._screen) if self._layout else None
            if line is None:
                line = yield from self._lay_out(rest)
            if line is None:
                yield from stack(rest[0], self._screen)
            else:
                yield line
            del rest[0]

    def _lay_out(self, rows: list["Row"]) -> Generator[str, None, str | None]:
        self._layout = Layout.of(rows, self._screen, COLUMNS, more=True)
        if self._layout is None:
            self._layout = Layout.of(rows[:1], self._screen, COLUMNS, more=True)
        if self._layout is None:
            return None
        yield self._screen.style(self._layout.heading(self._screen), bold=True)
        return self._layout.line(rows[0], self._screen)
