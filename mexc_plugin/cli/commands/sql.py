"""`audit sql`: the questions that auditors ask, as SQL that is shown and run; or SQL of one's own."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.cli.database.servers import reading
from mexc_plugin.cli.exit_codes import Misuse
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.completing import complete_questions
from mexc_plugin.cli.output.terminal import Screen, emit, say

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mexc_plugin.store.read.questions import Answer, Parameter, Question

TITLES = ("name", "title")
LISTED = (*TITLES, "parameters")
MOST_NUMBER = 2**63 - 1
# What is no name is SQL, or a hyphen alone.
NAME = r"[\w-]*\w[\w-]*"


@click.command()
@click.argument(
    "name",
    required=False,
    metavar="[NAME | SQL | -]",
    shell_complete=complete_questions,
)
@click.option(
    "--param",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the question; may be repeated.",
)
@click.option("--list", "listing", is_flag=True, help="List the questions and their parameters.")
@click.option("--show", is_flag=True, help="Print the SQL instead of running it.")
@click.option(
    "--timeout",
    type=click.IntRange(1, 86_400),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long your own SQL may make you wait.",
)
@common.output()
@common.database
@click.pass_context
def sql(
    ctx: click.Context,
    name: str | None,
    given: tuple[str, ...],
    listing: bool,
    show: bool,
    timeout: int,
    database: common.Chosen,
    form: str,
) -> None:
    """Answer a question that auditors ask, or your own SQL; without either, list the questions.

    SQL is one statement that only reads: SELECT symbol, COUNT(*) FROM cancel_history GROUP BY symbol.
    With - it comes from standard input.

    Times are UTC, written as in `audit list`: 1h or 2d (ago), 14:03, today, a date or ISO time, or now.
    """
    from mexc_plugin.store.read import own_sql, questions

    if name is None or listing:
        if name is not None or given or show:
            raise Misuse(
                "--list lists all questions: it goes with no name, no --param and no --show"
            )
        columns = TITLES if form == "table" else LISTED
        emit(_render(form, map(_describe, questions.catalogue().values()), columns))
        if form == "table":
            say("what one asks for, and its SQL: mexc-plugin audit sql NAME --show")
        return
    if not re.fullmatch(NAME, name):
        if given or show:
            raise Misuse("--param and --show are for questions; write values into your own SQL")
        statement = _statement(name)
        _answer(lambda connection: own_sql.ask(connection, statement, timeout), database.url, form)
        return
    question = questions.find(name)
    if show:
        from mexc_plugin.store.connect.engine import parse

        dialect = parse(database.url).get_backend_name()
        emit(question.text.get(dialect, question.text[""]).splitlines())
        return
    values = _values(ctx, question, given)
    _answer(lambda connection: questions.ask(connection, question, values), database.url, form)


def _answer(ask: "Callable[[Connection], Answer]", url: str, form: str) -> None:
    with reading(url) as connection:
        answer = ask(connection)
        counted = _Counted(answer.rows)
        with closing(answer.rows):
            emit(_render(form, counted, answer.columns))
    if not counted.rows:
        say("no rows")


def _statement(given: str) -> str:
    """The SQL, from standard input where it is a hyphen. Raises Misuse."""
    if given == "-":
        try:
            given = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError:
            raise Misuse("what comes from standard input is no UTF-8") from None
    try:
        given.encode()
    except UnicodeEncodeError:
        raise Misuse("the SQL is no Unicode") from None
    if "\0" in given:
        raise Misuse("the SQL holds a NUL")
    return given


class _Counted:
    """Rows, counted as they pass."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = rows
        self.rows = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            self.rows += 1
            yield row


def _render(form: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    from mexc_plugin.cli.output.formats import RENDERERS
    from mexc_plugin.cli.output.grid import as_grid

    render = as_grid if form == "table" else RENDERERS[form]
    return render(rows, columns, Screen.detect())


def _describe(question: "Question") -> dict[str, str]:
    parameters = (
        parameter.name if parameter.default is None else f"{parameter.name}={parameter.default}"
        for parameter in question.parameters
    )
    return {"name": question.name, "title": question.title, "parameters": " ".join(parameters)}


def _values(ctx: click.Context, question: "Question", given: tuple[str, ...]) -> dict[str, Any]:
    """A value of its type for every parameter. Raises Misuse, which says what it takes."""
    texts = dict(_pair(question, pair) for pair in given)
    if len(texts) < len(given):
        raise Misuse("a parameter is given twice")
    return {
        p.name: _value(ctx, question, p, texts.get(p.name, p.default)) for p in question.parameters
    }


def _pair(question: "Question", pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    known = [parameter.name for parameter in question.parameters]
    if not equals or name not in known:
        takes = f"takes {', '.join(known)}" if known else "takes no parameters"
        raise Misuse(f"--param {pair!r}: {question.name} {takes}; write --param NAME=VALUE")
    return name, value


def _value(
    ctx: click.Context, question: "Question", parameter: "Parameter", text: str | None
) -> object:
    if text is None:
        raise Misuse(f"{question.name} needs --param {parameter.name}=…, {parameter.meaning}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Misuse(f"--param {parameter.name}: is no Unicode") from None
    if "\0" in text:
        raise Misuse(f"--param {parameter.name}: holds a NUL")
    if parameter.type == "time":
        return _moment(ctx, parameter.name, text)
    return _number(parameter.name, text) if parameter.type == "number" else text


def _moment(ctx: click.Context, name: str, text: str) -> object:
    try:
        return common.Moment().convert(text, None, ctx)
    except click.BadParameter as error:
        raise Misuse(f"--param {name}: {error.message}") from None


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MOST_NUMBER):
        raise Misuse(f"--param {name}: {text!r} is not a whole number from 0 up")
    return int(text)
