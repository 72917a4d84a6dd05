"""The few expressions that every database says in words of its own."""

import re
import string
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

DAY, HOUR, SECOND = 10, 13, 19


class _Text(FunctionElement[str]):
    """The same in three ways: as SQLite says it, as PostgreSQL does, as MySQL and MariaDB do."""

    type = sa.String()
    inherit_cache = True
    name = "text"


class _Condition(FunctionElement[bool]):
    """As `_Text`, true or false."""

    type = sa.Boolean()
    inherit_cache = True
    name = "condition"


_PLACES = {"sqlite": 0, "postgresql": 1, "mysql": 2, "mariadb": 2}


@compiles(_Text)
@compiles(_Condition)
def _say(element: Any, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    # Of the others nothing is compiled: a parameter that is not used must not be there.
    return compiler.process([*element.clauses][_PLACES[compiler.dialect.name]], **options)


def clock_text(time: ColumnElement[datetime], length: int) -> ColumnElement[str]:
    """A time's first characters, as `YYYY-MM-DD HH:MM:SS`; length: at most 19."""
    # Written out: with a parameter PostgreSQL takes the expression for another in GROUP BY.
    number = sa.literal_column(str(int(length)), sa.Integer())
    form = sa.literal_column("'YYYY-MM-DD HH24:MI:SS'", sa.String())
    return _Text(
        func.substr(time, sa.literal_column("1"), number),  # SQLite keeps times as that very text
        func.left(func.to_char(time, form), number),
        func.left(sa.cast(time, sa.CHAR), number),
    )


def joined_numbers(numbers: ColumnElement[int]) -> ColumnElement[str]:
    """All numbers of a group as one text, with commas between. Not on MySQL, which cuts it."""
    joined = func.group_concat(numbers)
    by_commas = func.string_agg(sa.cast(numbers, sa.Text), sa.literal_column("','"))
    return _Text(joined, by_commas, joined)


def containing(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether a column has the text in it, letter by letter: no character stands for others.

    Capitals of ASCII are those letters; all other letters are themselves, on every database alike.
    """
    small = text.translate(_SMALL)
    # On MySQL LOWER changes letters beyond ASCII, too, and the column says which are the same.
    exact = func.convert(column.op("USING")(sa.literal_column("utf8mb4"))).collate("utf8mb4_bin")
    return _Condition(
        func.instr(func.lower(column), small) > 0,
        func.strpos(func.lower(column.collate("C")), small) > 0,
        exact.regexp_match(_either_case(text)),
    )


_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _either_case(text: str) -> str:
    """A regular expression for the text, each ASCII letter small or as a capital."""
    return "".join(
        f"[{char.lower()}{char.upper()}]" if char in string.ascii_letters else re.escape(char)
        for char in text
    )
