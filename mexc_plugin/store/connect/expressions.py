"""The few expressions that every database says in words of its own."""

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


def _arguments(element: Any, compiler: SQLCompiler, options: dict[str, Any]) -> list[str]:  # noqa: ANN401
    return [compiler.process(clause, **options) for clause in element.clauses]
