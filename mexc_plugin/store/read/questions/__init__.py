"""The questions that auditors ask, each a file of SQL beside this one, and how they are run.

A file starts with comments: its title, a line of nothing, what it shows, and its parameters as
`:name type = default - meaning`. `NAME.sql` is for every database; `NAME.DIALECT.sql`, where there is
one, is for that database instead. Values are bound, never written into the SQL.
"""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.errors import ConfigError
from mexc_plugin.store.read import queries

_PARAMETER = re.compile(
    r":(?P<name>\w+) (?P<type>text|time|number)(?P<default> =(?: \S+)?)? - (?P<meaning>.+)"
)
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.String(),
    "time": sa.DateTime(),
    "number": sa.BigInteger(),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a question asks for. type: text, time or number; default: None where it must be given."""

    name: str
    type: str
    default: str | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question. sql: by dialect, `""` for every other one; text: the files as they are."""

    name: str
    title: str
    about: str
    parameters: tuple[Parameter, ...]
    sql: Mapping[str, str]
    text: Mapping[str, str]

    def sql_for(self, dialect: str) -> str:
        """The SQL for a database, without the comments."""
        return self.sql.get(dialect, self.sql[""])


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns in their order, and the rows, read as they are iterated."""

    columns: tuple[str, ...]
    rows: queries.Rows


@cache
def catalogue() -> Mapping[str, Question]:
    """Every question, by name."""
    texts: dict[str, dict[str, str]] = {}
    for file in files(__name__).iterdir():
        name, dot, ending = file.name.partition(".")
        if dot and file.name.endswith(".sql"):
            dialect = ending.removesuffix("sql").rstrip(".")
            texts.setdefault(name, {})[dialect] = file.read_text(encoding="utf-8")
    return {name: read(name, texts[name]) for name in sorted(texts)}


def find(name: str) -> Question:
    """The question of that name. Raises ConfigError, which names those that are like it."""
    known = catalogue()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? See" if near else "see"
    raise ConfigError(f"there is no question {name!r}; {hint}: mexc-plugin audit sql --list")


def read(name: str, texts: Mapping[str, str]) -> Question:
    """A question out of its files, by dialect."""
    title, about, parameters = _header(texts[""])
    sql = {dialect: _without_comments(text) for dialect, text in texts.items()}
    return Question(name, title, about, parameters, sql, dict(texts))


def ask(connection: Connection, question: Question, values: Mapping[str, Any]) -> Answer:
    """Run a question. values: by name, for every parameter: text, naive UTC datetime, or int."""
    dialect = connection.dialect.name
    if dialect == "sqlite":
        bring_decimal_sum(connection)
    query = sa.text(question.sql_for(dialect)).bindparams(
        *(sa.bindparam(p.name, values[p.name], _TYPES[p.type]) for p in question.parameters)
    )
    result = connection.execution_options(yield_per=queries.BATCH).execute(query)
    columns = tuple(result.keys())

    def rows() -> queries.Rows:
        with result:
            yield from read_rows(columns, result, dialect)

    return Answer(columns, rows())


def read_rows(
    columns: Sequence[str], found: Iterable[Iterable[object]], dialect: str
) -> queries.Rows:
    """Rows by the names of their columns, alike for every database."""
    times = [name for name in columns if name.endswith("_at")] if dialect == "sqlite" else []
    for values in found:
        row = dict(zip(columns, map(_alike, values), strict=True))
        for name in times:
            row[name] = _as_time(row[name])
        yield row


def _header(text: str) -> tuple[str, str, tuple[Parameter, ...]]:
    lines = [line[2:].strip() for line in text.splitlines() if line.startswith("--")]
    title, *rest = lines
    parameters = tuple(
        Parameter(match["name"], match["type"], _default(match["default"]), match["meaning"])
        for line in rest
        if (match := _PARAMETER.fullmatch(line))
    )
    about = " ".join(line for line in rest if line and not _PARAMETER.fullmatch(line))
    return title, about, parameters


def _default(given: str | None) -> str | None:
    return None if given is None else given.removeprefix(" =").strip()


def _without_comments(text: str) -> str:
    kept = (line for line in text.splitlines() if not line.startswith("--"))
    return "\n".join(kept).strip()


def _alike(value: object) -> object:
    """The value as every database gives it: days, decimals, bytes and what is no finite number as text."""
    convert = _CONVERTED.get(type(value))
    return value if convert is None else convert(value)


def _as_time(value: object) -> object:
    """SQLite keeps times as text: what somebody made of it is shown as it is."""
    try:
        return datetime.fromisoformat(str(value)) if value else value
    except ValueError:
        return value


def _decimal_text(value: Decimal) -> str:
    """All digits, without an exponent, and without zeros that mean nothing."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


_NUMBER = re.compile("-?[0-9]+([.][0-9]+)?")
_CUT = 64
# More digits than a row's 64 characters and any number of rows can need; more would be an error.
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])


_CONVERTED: Mapping[type, Callable[[Any], object]] = {
    Decimal: _decimal_text,
    date: date.isoformat,
    bytes: bytes.hex,
    float: lambda value: value if math.isfinite(value) else _decimal_text(Decimal(value)),
    list: lambda values: [_alike(value) for value in values],
    memoryview: lambda value: value.tobytes().hex(),
}


class _DecimalSum:
    """SQLite's shell has an exact sum of this name; Python's SQLite has none.

    What the other databases' views take for no number is left out.
    """

    def __init__(self) -> None:
        self._sum: Decimal | None = None

    def step(self, value: object) -> None:
        if isinstance(value, str) and len(value) < _CUT and _NUMBER.fullmatch(value):
            self._sum = _EXACT.add(self._sum or Decimal(0), Decimal(value))

    def finalize(self) -> str | None:
        return None if self._sum is None else _decimal_text(self._sum)


def bring_decimal_sum(connection: Connection) -> None:
    """Give a connection to SQLite the exact sum that the other databases have."""
    driver: Any = connection.connection.driver_connection
    driver.create_aggregate("decimal_sum", 1, _DecimalSum)
