"""Options that commands share, and the values that they stand for."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from mexc_plugin import settings_file
from mexc_plugin.audit import naive_utc
from mexc_plugin.cli.options.display import zone_of
from mexc_plugin.config import SPOOL_VARIABLE, URL_VARIABLE, database_url, find, spool_folder
from mexc_plugin.review import times

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_SPOOL = "mexc_plugin.spool"
_DATABASE = "mexc_plugin.database"
_FORMATS = "mexc_plugin.formats"
TARGET_VARIABLE = "MEXC_PLUGIN_SHIP_TO"
FORMATS = ("table", "json", "jsonl", "csv")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The database that a command uses, and who chose it: option, environment, file or default.

    source: the variable's name, or the file's path; spool: the folder that is named for events that
    wait for it, None where it is the usual one.
    """

    url: str = field(repr=False)
    by: str
    spool: Path | None = None
    source: str | None = None

    @property
    def reason(self) -> str:
        """Who chose it, in words."""
        if self.by == "environment":
            return f"given by the environment variable {self.source}"
        given = {"option": "given by --db", "default": "the default"}
        return given.get(self.by, f"given by {self.source}")


def database(command: Decorated) -> Decorated:
    """Add `--database-url`, `--db` and `--config`; the command is called with `database`, a Chosen."""
    return _config(_make_option("database", callback=_choose)(command))


def before_the_command(command: Decorated) -> Decorated:
    """Add the same to a group, for the commands below it that say nothing themselves."""

    def keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.meta[_DATABASE] = _require_words(ctx, param, value)

    return _config(_make_option("_before", callback=keep, expose_value=False)(command))


def given_before(ctx: click.Context) -> str | None:
    """The database that was named before the command, None if none was."""
    found: str | None = ctx.meta.get(_DATABASE)
    return found


def _make_option(name: str, **more: Any) -> Callable[[Decorated], Decorated]:  # noqa: ANN401 - click's own
    return click.option(
        "--database-url",
        "--db",
        name,
        metavar="URL|FILE",
        help=f"The audit database: an SQLAlchemy URL, or a SQLite file. Default: ${URL_VARIABLE}, "
        f"else what {settings_file.NAME} says, else a SQLite file of this user.",
        **more,
    )


def _config(command: Decorated) -> Decorated:
    return click.option(
        "--config",
        metavar="FILE",
        expose_value=False,
        is_eager=True,
        callback=_name_settings_file,
        help=f"The settings file. Default: ${settings_file.VARIABLE}, else {settings_file.NAME} in "
        "the user's config folder.",
    )(command)


def _name_settings_file(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Have this program and what it starts read that file: exchanges look into the environment."""
    if value is None:
        return
    path = os.path.abspath(os.path.expanduser(_require_words(ctx, param, value)))  # noqa: PTH100, PTH111
    before = os.environ.get(settings_file.VARIABLE)
    os.environ[settings_file.VARIABLE] = path

    @ctx.find_root().call_on_close
    def restore() -> None:
        if before is None:
            os.environ.pop(settings_file.VARIABLE, None)
        else:
            os.environ[settings_file.VARIABLE] = before


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


def ship_to(command: Decorated) -> Decorated:
    """Add `--ship-to`: the command is called with `target`, the URL of what this record is shipped to, or None."""

    def settle(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
        from mexc_plugin.store.connect import engine

        if value is None or not value.strip():
            return None
        url = database_url(value)
        engine.validate(url)
        return url

    return click.option(
        "--ship-to",
        "target",
        metavar="URL|FILE",
        envvar=TARGET_VARIABLE,
        callback=settle,
        help="The central database that `audit ship` copies to: say how far it is. "
        f"Default: ${TARGET_VARIABLE}.",
    )(command)


def output(*formats: str, piped: str = "jsonl") -> Callable[[Decorated], Decorated]:
    """Add `--format`, `--json`, `--csv`; the command is called with `form`, one of the formats."""

    def settle(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
        return named_format(ctx, param, value) or ("table" if sys.stdout.isatty() else piped)

    elsewhere = "" if piped == "table" else f" on a terminal, {piped} elsewhere"
    words = f"How to print. Default: table{elsewhere}."
    return format_option(formats or FORMATS, settle, words)


def format_option(
    formats: Sequence[str], settle: Callable[..., str | None], words: str
) -> Callable[[Decorated], Decorated]:
    """`--format` with `--json` and `--csv` beside it. settle: a callback, which asks `named_format`."""

    def add(command: Decorated) -> Decorated:
        named = click.option(
            "--format", "form", type=click.Choice(formats), callback=settle, help=words
        )
        return named(_short_for("json", formats)(_short_for("csv", formats)(command)))

    return add


def _short_for(name: str, formats: Sequence[str]) -> Callable[[Decorated], Decorated]:
    """`--json` or `--csv`. Where only lines of JSON are printed, `--json` is those."""
    meant = "jsonl" if name == "json" and "json" not in formats else name
    is_there = meant in formats

    def keep(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        if value and not is_there:
            raise click.UsageError(
                f"{ctx.command_path} prints no {name}; there are {', '.join(formats)}", ctx
            )
        if value:
            ctx.meta[_FORMATS] = (*ctx.meta.get(_FORMATS, ()), meant)

    return click.option(
        f"--{name}",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        hidden=not is_there,
        callback=keep,
        help=f"The same as --format {meant}.",
    )


def named_format(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The format that was asked for in either way, None where none was."""
    asked = {*ctx.meta.get(_FORMATS, ()), *([value] if value else [])}
    if len(asked) > 1:
        raise click.BadParameter(
            f"is asked to be {' and '.join(sorted(asked))}; give one of them", ctx=ctx, param=param
        )
    return next(iter(asked), None)


class Parsed(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A value that is read out of words. What is wrong with them is said by the ValueError of `parse`."""

    name = "time"

    def parse(self, text: str, ctx: click.Context | None) -> object:
        raise NotImplementedError

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        try:
            return self.parse(value, ctx) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(Parsed):
    """A time on the command line, read in the zone that is shown; the command gets naive UTC."""

    def parse(self, text: str, ctx: click.Context | None) -> datetime:
        return times.moment(text, _now(ctx), zone_of(ctx))


class Length(Parsed):
    """A length of time on the command line, at least a second; the command gets a timedelta."""

    def parse(self, text: str, _ctx: click.Context | None) -> timedelta:
        return timedelta(seconds=max(1, times.length_s(text)))


def _now(ctx: click.Context | None) -> datetime:
    # One clock for one command line: `--since 1h --until now` is an hour, to the microsecond.
    now = naive_utc.now()
    if ctx is None:
        return now
    kept: datetime = ctx.meta.setdefault("mexc_plugin.now", now)
    return kept


def _choose(ctx: click.Context, param: click.Parameter, value: str | None) -> Chosen:
    explicit = given_before(ctx) if value is None else _require_words(ctx, param, value)
    found = find("url", explicit)
    return Chosen(str(found.value), found.by, spool_folder(ctx.meta.get(_SPOOL)), found.source)


def _require_words(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("is empty; leave it out to use the default", ctx=ctx, param=param)
    return value
