"""Values that a shell completes: names of questions, columns, bots, ids of cancels.

They come from the database that the words so far name, the newest first. A shell waits for them, so
they are given up after a moment, and what is wrong with a database is nothing to say here.
"""

import contextlib
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

Completed = list[CompletionItem]

MOST = 50
PATIENCE_S = 0.5
# A bot that cancelled nothing in so many of the newest requests is not offered.
NEWEST = 2_000


def complete_columns(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Completed:
    """The last of the names that commas part; those before stay."""
    from mexc_plugin.store.schema.tables import HISTORY_COLUMNS

    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in HISTORY_COLUMNS
        if name.startswith(last) and name not in given
    ]


def complete_questions(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Completed:
    from mexc_plugin.store.read import questions

    return [
        CompletionItem(question.name, help=question.title)
        for question in questions.catalogue().values()
        if question.name.startswith(incomplete)
    ]


def complete_bots(ctx: click.Context, _param: click.Parameter, incomplete: str) -> Completed:
    from mexc_plugin.store.read import short_ids

    found = _ask(ctx, lambda connection: short_ids.newest_bots(connection, NEWEST))
    return [CompletionItem(bot) for bot in found if bot.startswith(incomplete)]


def complete_cancels(ctx: click.Context, _param: click.Parameter, incomplete: str) -> Completed:
    from mexc_plugin.store.read import short_ids

    found = _ask(ctx, lambda connection: short_ids.newest_ids(connection, incomplete, MOST))
    return [CompletionItem(cancel_id) for cancel_id in found]


def _ask(ctx: click.Context, question: "Callable[[Connection], list[str]]") -> list[str]:
    from mexc_plugin.store.connect import query_timeout
    from mexc_plugin.store.read import queries

    with (
        contextlib.suppress(Exception),
        queries.reading(ctx.params["database"].url) as connection,
        query_timeout.stopped_after(connection, PATIENCE_S),
    ):
        return question(connection)
    return []
