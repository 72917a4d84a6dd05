"""The few expressions that every database says in words of its own."""

import re
import string
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

DAY, HOUR, SECOND = 10, 13, 19


class _ClockText(FunctionElement[str]):
    type = sa.String()
    inherit_cache = True
    name = "clock_text"


def clock_text(time: ColumnElement[datetime], length: int) -> ColumnElement[str]:
    """A time's first characters, as `YYYY-MM-DD HH:MM:SS`; length: at most 19."""
    # Written out: with a parameter PostgreSQL takes the expression for another in GROUP BY.
    return _ClockText(time, sa.literal_column(str(int(length))))


@compiles(_ClockText)
def _substr(element: Any, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    time, length = _arguments(element, compiler, options)
    return f"substr({time}, 1, {length})"  # SQLite keeps times as that very text


@compiles(_ClockText, "postgresql")
def _to_char(element: Any, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    time, length = _arguments(element, compiler, options)
    return f"left(to_char({time}, 'YYYY-MM-DD HH24:MI:SS'), {length})"


@compiles(_ClockText, "mysql", "mariadb")
def _cast(element: Any, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    time, length = _arguments(element, compiler, options)
    return f"left(cast({time} AS char), {length})"


class joined_numbers(FunctionElement[str]):  # noqa: N801 - a function's name in SQL
    """All numbers of a group as one text, with commas between. Not on MySQL, which cuts it."""

    type = sa.String()
    inherit_cache = True
    name = "joined_numbers"


@compiles(joined_numbers)
def _group_concat(element: Any, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    (number,) = _arguments(element, compiler, options)
    return f"group_concat({number})"


@compiles(joined_numbers, "postgresql")
def _string_agg(element: Any, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    (number,) = _arguments(element, compiler, options)
    return f"string_agg(CAST({number} AS text), ',')"


class _Containing(FunctionElement[bool]):
    type = sa.Boolean()
    inherit_cache = True
    name = "containing"


def containing(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether a column has the text in it, letter by letter: no character stands for others.

    Capitals of ASCII are those letters; all other letters are themselves, on every database alike.
    """
    return _Containing(column, sa.literal(text.translate(_SMALL)), sa.literal(_either_case(text)))


@compiles(_Containing)
def _instr(element: Any, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    column, small = _arguments(element, compiler, options, 0, 1)
    return f"instr(lower({column}), {small}) > 0"


@compiles(_Containing, "postgresql")
def _strpos(element: Any, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    column, small = _arguments(element, compiler, options, 0, 1)
    return f'strpos(lower({column} COLLATE "C"), {small}) > 0'


@compiles(_Containing, "mysql", "mariadb")
def _regexp(element: Any, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    # There LOWER changes letters beyond ASCII, too, and the column says which are the same.
    column, pattern = _arguments(element, compiler, options, 0, 2)
    return f"CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin REGEXP {pattern}"


_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _either_case(text: str) -> str:
    """A regular expression for the text, each ASCII letter small or as a capital."""
    return "".join(
        f"[{char.lower()}{char.upper()}]" if char in string.ascii_letters else re.escape(char)
        for char in text
    )


def _arguments(
    element: Any,  # noqa: ANN401 - SQLAlchemy's
    compiler: SQLCompiler,
    options: dict[str, Any],
    *which: int,
) -> list[str]:
    """The arguments as SQL, or only some of them: a parameter that is not used must not be there."""
    clauses = list(element.clauses)
    chosen = [clauses[index] for index in which] if which else clauses
    return [compiler.process(clause, **options) for clause in chosen]
