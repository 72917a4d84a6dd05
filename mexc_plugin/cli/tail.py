"""`audit tail`: the newest attempts, and with -f those that come, as they come."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.cli import options
from mexc_plugin.cli.display import clock, columns
from mexc_plugin.cli.filters import filters as filter_options
from mexc_plugin.cli.options import Chosen
from mexc_plugin.cli.terminal import Screen, emit, say
from mexc_plugin.review.text import visible

if TYPE_CHECKING:
    from mexc_plugin.store.queries import Filters, Row

MOST_ROWS = 100_000
EVERY_S = 0.5
RETRY_S = 1.0


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
@clock
@options.output("table", "jsonl")
@options.database
def tail(
    follow: bool,
    lines: int,
    filters: "Filters",
    columns: list[str] | None,
    utc: bool,
    form: str,
    database: Chosen,
) -> None:
    """Show the newest attempts, oldest of them first; with -f follow what comes, until Ctrl-C.

    An attempt is shown when it is asked for, and again when its answer comes or a reconciliation
    says more. What a spool kept back is shown when it is replayed, with the time that it has.
    """
    from mexc_plugin.errors import StoreError, StoreTooNew

    show = _renderer(form, columns, Screen.detect(utc=utc))
    watch = Watch(database.url, filters, lines, follow=follow)
    while True:
        try:
            with closing(watch.looks()) as looks:
                for rows in looks:
                    emit(show(rows))
        except StoreError as error:
            if not watch.began or isinstance(error, StoreTooNew):
                raise
            watch.lost(error)
            time.sleep(RETRY_S)
        else:
            return


class Watch:
    """What was shown of a database, over all connections to it."""

    def __init__(self, url: str, filters: "Filters", lines: int, *, follow: bool) -> None:
        self._url = url
        self._filters = filters
        self._lines = lines
        self._follow = follow
        self._follower: Any = None
        self._is_lost = False

    @property
    def began(self) -> bool:
        """Whether the database was there once: until then, an error is the user's to see."""
        return self._follower is not None

    def looks(self) -> Generator[list["Row"], None, None]:
        """The rows of each look, as long as the connection lives. Raises StoreError."""
        from mexc_plugin.store import queries
        from mexc_plugin.store.following import Follower

        with queries.reading(self._url) as connection:
            if not self.began:
                follower = Follower(connection) if self._follow else None
                yield self._newest(connection)
                self._follower = follower
            while self._follow:
                rows = self._follower.changed(connection, self._filters)
                connection.rollback()  # the next look is to see what is new
                self._found()
                if rows:
                    yield rows
                time.sleep(EVERY_S)

    def lost(self, error: Exception) -> None:
        """Say once what is wrong, until it is well again."""
        if not self._is_lost:
            say(f"{visible(str(error))}; waiting for it")
        self._is_lost = True

    def _found(self) -> None:
        if self._is_lost:
            say("the database is back")
        self._is_lost = False

    def _newest(self, connection: Any) -> list["Row"]:  # noqa: ANN401 - SQLAlchemy's
        from mexc_plugin.store import queries

        with closing(queries.history(connection, self._filters, self._lines)) as rows:
            return list(rows)[::-1]


def _renderer(
    form: str, columns: list[str] | None, screen: Screen
) -> Callable[[Iterable["Row"]], Iterator[str]]:
    from mexc_plugin.cli.render import as_jsonl
    from mexc_plugin.store.schema import HISTORY_COLUMNS

    if form == "jsonl":
        return lambda rows: as_jsonl(rows, columns or HISTORY_COLUMNS, screen)
    if columns:
        return lambda rows: (_picked(row, columns, screen) for row in rows)
    return lambda rows: (_line(row, screen) for row in rows)


def _picked(row: "Row", columns: list[str], screen: Screen) -> str:
    values = (row[name] for name in columns)
    return "  ".join("-" if value is None else visible(screen.text(value)) for value in values)


def _line(row: "Row", screen: Screen) -> str:
    """One line, whatever the width: what is known of the attempt now."""
    final, first = str(row["final_outcome"]), str(row["outcome"])
    outcome = final if final == first else f"{final} (was {first})"
    order = row["order_id"] or row["client_order_id"]
    latency = row["latency_us"]
    moment = screen.time(row["requested_at"])
    parts = [
        moment,
        screen.outcome(visible(outcome), final),
        None if latency is None else f"{latency / 1000:.1f} ms",
        *(row[name] for name in ("symbol", "bot")),
        order and f"order {order}",
        f"cancel {row['cancel_id']}" + (f" try {row['attempt']}" if row["attempt"] != 1 else ""),
        *(row[name] for name in ("venue_code", "venue_message")),
    ]
    head, coloured, *rest = parts
    shown = [visible(str(part)) for part in rest if part is not None and part != ""]
    return "  ".join([str(head), str(coloured), *shown])
