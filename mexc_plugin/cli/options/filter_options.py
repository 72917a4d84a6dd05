"""The filters that `audit list` and its like share, as options; what they mean, as `Filters`."""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.completing import complete_bots
from mexc_plugin.review import query_string, times

if TYPE_CHECKING:
    from mexc_plugin.store.read.queries import Filters

MOST_VALUES = 1_000


class Duration(common.Parsed):
    """A length of time on the command line; the command gets microseconds."""

    name = "duration"

    def parse(self, text: str, _ctx: click.Context | None) -> int:
        return times.duration_us(text)


def _plain(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what no database holds or takes."""
    if len(values) > MOST_VALUES:
        raise click.BadParameter(f"give at most {MOST_VALUES:,}", ctx=ctx, param=param)
    for value in values:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise click.BadParameter("is no Unicode", ctx=ctx, param=param) from None
        if "\0" in value:
            raise click.BadParameter("holds a NUL", ctx=ctx, param=param)
    return values


def _texts(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what would be found everywhere, and what is longer than any database looks for."""
    if len(values) > query_string.MOST_SEARCHES:
        words = f"give at most {query_string.MOST_SEARCHES}"
        raise click.BadParameter(words, ctx=ctx, param=param)
    for value in values:
        if not value.strip():
            raise click.BadParameter("is empty; leave it out to see all", ctx=ctx, param=param)
        if len(value) > query_string.LONGEST_VALUE:
            words = f"is longer than {query_string.LONGEST_VALUE} characters"
            raise click.BadParameter(words, ctx=ctx, param=param)
    return _plain(ctx, param, values)


def storable(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The same for one value: a callback for arguments and options."""
    return None if value is None else _plain(ctx, param, (value,))[0]


def _several(option: str, name: str, words: str, **more: Any) -> Callable[..., Any]:  # noqa: ANN401
    return click.option(option, name, multiple=True, help=words, **{"callback": _plain, **more})


_OPTIONS = {
    "since": click.option(
        "--since", type=common.Moment(), help="Only what was asked from then on."
    ),
    "until": click.option("--until", type=common.Moment(), help="Only what was asked before then."),
    "symbols": _several("--symbol", "symbols", "As LTC/BTC or LTCBTC."),
    "order_ids": _several("--order-id", "order_ids", "The venue's id of the order."),
    "client_order_ids": _several("--client-order-id", "client_order_ids", "Your id of the order."),
    "accounts": _several("--account", "accounts", "Fingerprint of the API key."),
    "bots": _several("--bot", "bots", "Label of the bot.", shell_complete=complete_bots),
    "outcomes": click.option(
        "--outcome",
        "outcomes",
        multiple=True,
        type=click.Choice(query_string.OUTCOMES),
        help="The final outcome, or a group of them.",
    ),
    "codes": _several("--code", "codes", "The venue's code, as -2011."),
    "searches": _several(
        "--search",
        "searches",
        "A text in the venue's message or in an id. It reads every cancel of the window: "
        "name one with --since.",
        callback=_texts,
    ),
    "latency_over_us": click.option(
        "--latency-over",
        "latency_over_us",
        type=Duration(),
        help="Only what took longer: 500ms, 2s, 800us.",
    ),
}


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the filters; the command is called with `filters`, a Filters."""

    @functools.wraps(command)
    def filtered(*args: Any, **given: Any) -> Any:  # noqa: ANN401 - click's
        wanted = read_filters(**{name: given.pop(name) for name in _OPTIONS})
        return command(*args, filters=wanted, **given)

    for option in reversed(_OPTIONS.values()):
        filtered = option(filtered)
    return filtered


def read_filters(
    since: datetime | None,
    until: datetime | None,
    symbols: tuple[str, ...],
    outcomes: tuple[str, ...],
    **others: Any,  # noqa: ANN401
) -> "Filters":
    """The filters, groups of outcomes taken apart. Raises UsageError for what nothing can match."""
    from mexc_plugin.store.read.queries import Filters

    if since is not None and until is not None and until < since:
        raise click.UsageError("--until is before --since: nothing can match")
    return Filters(
        since=since,
        until=until,
        symbols=tuple(query_string.spellings(symbols)),
        outcomes=tuple(sorted(query_string.meant_outcomes(outcomes))),
        **others,
    )
