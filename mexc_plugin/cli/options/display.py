"""How attempts are shown, as options that commands share: zone, columns, ids, pager.

The zone is settled before any time is read: what names no zone is read in the zone that is shown.
"""

import contextlib
import functools
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.cli.options.completing import complete_columns
from mexc_plugin.review import times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mexc_plugin.store.read.queries import Filters, Row

_LOCAL = "mexc_plugin.local"


def clock(command: Any) -> Any:  # noqa: ANN401 - click's
    """Add `--utc/--local`; the command is called with `utc`."""

    def keep(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
        ctx.meta[_LOCAL] = not value
        return value

    return click.option(
        "--utc/--local",
        "utc",
        default=True,
        is_eager=True,
        callback=keep,
        help="The zone of times in tables, and of those that you write without a zone. "
        "Other formats are always UTC.",
    )(command)


def zone_of(ctx: click.Context | None) -> tzinfo | None:
    """The zone that a command shows: UTC, or None for this machine's."""
    return None if ctx is not None and ctx.meta.get(_LOCAL) else UTC


def _columns(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """Names of columns, each once; what is unknown is refused with the names that there are."""
    if value is None:
        return None
    from mexc_plugin.store.schema.tables import HISTORY_COLUMNS

    names = list(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    unknown = [name for name in names if name not in HISTORY_COLUMNS]
    if unknown or not names:
        what = f"there is no column {unknown[0]!r}" if unknown else "names no column"
        raise click.BadParameter(
            f"{what}; there are {', '.join(HISTORY_COLUMNS)}", ctx=ctx, param=param
        )
    return names


# Each is a decorator; the command is called with `columns`, a list of names or None, `full_ids`, `pager`.
columns = click.option(
    "--columns",
    metavar="A,B,C",
    callback=_columns,
    shell_complete=complete_columns,
    help="Only these columns, in this order.",
)
full_ids = click.option(
    "--full-ids",
    is_flag=True,
    help="Ids of cancels as they are, also on a terminal, where the shortest that is unique does.",
)
pager = click.option(
    "--pager/--no-pager",
    default=True,
    help="On a terminal, read what is longer than it with $MEXC_PLUGIN_PAGER or $PAGER.",
)


@contextlib.contextmanager
def ids_as_shown(url: str, *, short: bool) -> "Iterator[Callable[[Iterable[Row]], Iterator[Row]]]":
    """What gives rows the ids that they are shown with."""
    if not short:
        yield iter
        return
    from mexc_plugin.store.read import queries, short_ids

    # The rows may still be streamed over theirs.
    with queries.reading(url) as connection:
        yield functools.partial(short_ids.shorten, connection)


def nothing_matches(filters: "Filters", *, utc: bool = True) -> str:
    """What is said of an empty answer: the window in both zones, the one that is shown first."""
    zones = (UTC, None) if utc else (None, UTC)
    window = times.window(filters.since, filters.until, zones)
    return f"no cancel on record matches {window}".strip()


def count(number: int, one: str, several: str) -> str:
    """A number of things."""
    return f"{number:,} {one if number == 1 else several}"
