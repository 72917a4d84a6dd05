"""Options that commands share, and the values that they stand for."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from mexc_plugin.config import SPOOL_VARIABLE, URL_VARIABLE, database_url, spool_folder
from mexc_plugin.review import moments

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_SPOOL = "mexc_plugin.spool"
FORMATS = ("table", "json", "jsonl", "csv")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The database that a command uses, and who chose it: option, environment or default.

    spool: the folder that is named for events that wait for it, None where it is the usual one.
    """

    url: str = field(repr=False)
    by: str
    spool: Path | None = None


def database(command: Decorated) -> Decorated:
    """Add `--database-url`; the command is called with `database`, a Chosen."""
    return click.option(
        "--database-url",
        "database",
        metavar="URL",
        callback=_choose,
        help=f"The audit database, as an SQLAlchemy URL. Default: ${URL_VARIABLE}, "
        "else a SQLite file of this user.",
    )(command)


def spool(command: Decorated) -> Decorated:
    """Add `--spool` to a command that has `database`, for what waits outside of the database."""

    def keep(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        ctx.meta[_SPOOL] = value

    return click.option(
        "--spool",
        metavar="FOLDER",
        expose_value=False,
        is_eager=True,
        callback=keep,
        help="The folder that the bots name for events that wait for the database. "
        f"Default: ${SPOOL_VARIABLE}. The usual place is always looked at.",
    )(command)


def output(
    *formats: str, piped: str = "jsonl", terminal: str = "table"
) -> Callable[[Decorated], Decorated]:
    """Add `--format`; the command is called with `form`, one of the formats."""

    def settle(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str:
        return value or (terminal if sys.stdout.isatty() else piped)

    return click.option(
        "--format",
        "form",
        type=click.Choice(formats or FORMATS),
        callback=settle,
        help=f"How to print. Default: {terminal} on a terminal, {piped} elsewhere.",
    )


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A time on the command line; the command gets naive UTC."""

    name = "time"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return moments.moment(str(value), _now(ctx))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _now(ctx: click.Context | None) -> datetime:
    # One clock for one command line: `--since 1h --until now` is an hour, to the microsecond.
    now = datetime.now(UTC).replace(tzinfo=None)
    if ctx is None:
        return now
    kept: datetime = ctx.meta.setdefault("mexc_plugin.now", now)
    return kept


def _choose(ctx: click.Context, param: click.Parameter, value: str | None) -> Chosen:
    if value is not None and not value.strip():
        raise click.BadParameter(
            "is empty; leave it out to use the default database", ctx=ctx, param=param
        )
    if value is not None:
        by = "option"
    else:
        by = "environment" if os.environ.get(URL_VARIABLE) else "default"
    return Chosen(database_url(value), by, spool_folder(ctx.meta.get(_SPOOL)))
