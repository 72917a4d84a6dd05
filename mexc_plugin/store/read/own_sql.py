"""A statement of the user's own: one, which only reads, within a time limit.

The session only reads already (`queries.reading`). What is refused here is what that does not stop,
and what would be a surprise: several statements, of which the first could end the transaction, files
that a server writes, locks. It guards against mistakes; rights are what guards against people.
"""

import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mexc_plugin.errors import ConfigError
from mexc_plugin.store.connect import query_timeout
from mexc_plugin.store.connect.error_messages import kind_of
from mexc_plugin.store.read import queries
from mexc_plugin.store.read.questions import Answer, bring_decimal_sum, read_rows

STARTS = ("select", "with", "values", "table", "explain", "show", "describe", "desc")
# PostgreSQL has cursors, which hold few rows in memory, for no others.
_STREAMED = STARTS[:4]

_QUOTED = re.compile(
    r"""--[^\n]*|/\*.*?\*/|[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`"""
    r"""|\$(\w*)\$.*?\$\1\$""",
    re.DOTALL,
)
_SURPRISES = (
    (re.compile(r"\binto\s+(outfile|dumpfile|@)", re.IGNORECASE), "INTO writes"),
    (re.compile(r"\bfor\s+(no\s+key\s+)?(update|share)\b", re.IGNORECASE), "FOR UPDATE locks"),
    (re.compile(r"\block\s+in\s+share\s+mode\b", re.IGNORECASE), "LOCK IN SHARE MODE locks"),
)
# MySQL and MariaDB run what stands in such a comment.
_RUN_COMMENT = re.compile(r"/\*M?!")


def ask(connection: Connection, text: str, seconds: float) -> Answer:
    """Run the statement. seconds: how long the database may need for its first rows, and for each more.

    Raises ConfigError for what is no single statement that reads, and for what the database does not
    understand; TooLong.
    """
    statement, start = _check(text)
    if connection.dialect.name == "sqlite":
        bring_decimal_sum(connection)
    query_timeout.limit_server(connection, seconds)
    options: dict[str, Any] = {"no_parameters": True}
    if start in _STREAMED:
        options["yield_per"] = queries.BATCH
    with _explaining(seconds), query_timeout.stopped_after(connection, seconds):
        result = connection.exec_driver_sql(statement, execution_options=options)
        columns = _distinct(tuple(result.keys()))

    def rows() -> queries.Rows:
        with result:
            while True:
                with _explaining(seconds), query_timeout.stopped_after(connection, seconds):
                    batch = result.fetchmany(queries.BATCH)
                if not batch:
                    return
                yield from read_rows(columns, batch, connection.dialect.name)

    return Answer(columns, rows())


def _check(text: str) -> tuple[str, str]:
    """The statement without its last semicolon, and the word that it starts with."""
    code = _QUOTED.sub(lambda match: " " if match[0][:2] in ("--", "/*") else "''", text)
    bare = code.strip().rstrip(";").rstrip()
    if not bare:
        raise ConfigError("there is no SQL to run; write it like: SELECT * FROM cancel_history")
    if ";" in bare:
        raise ConfigError("that is more than one statement; audit sql runs one")
    start = bare.lstrip("( \n\t").split(None, 1)[0].lower() if bare.strip("( \n\t") else ""
    start = re.match(r"\w*", start)[0]  # type: ignore[index]  # it matches anything
    if start not in STARTS:
        raise ConfigError(f"audit sql only reads; begin with one of {', '.join(STARTS).upper()}")
    for pattern, words in _SURPRISES:
        if pattern.search(bare):
            raise ConfigError(f"audit sql only reads, and {words}; leave it out")
    if _RUN_COMMENT.search(text):
        raise ConfigError("audit sql takes no /*! comments, which servers run; leave them out")
    return text.strip().rstrip(";").rstrip() if text.strip().endswith(";") else text, start


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, the second of the same name with a number: none is lost."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        found.append(name if name not in found else next(n for n in numbered if n not in found))
    return tuple(found)


@contextlib.contextmanager
def _explaining(seconds: float) -> Iterator[None]:
    """What the database complains of, as an error in the user's statement."""
    try:
        yield
    except query_timeout.TooLong:
        raise query_timeout.TooLong(
            f"that took more than {seconds:g} s; ask for less, or allow more with --timeout"
        ) from None
    except SQLAlchemyError as error:
        about_the_database = isinstance(error, DBAPIError) and error.connection_invalidated
        if about_the_database or kind_of(error) in ("locked", "ended"):
            raise
        original = getattr(error, "orig", None) or error
        words = str(original.args[-1] if original.args else original)
        line = next(iter(words.strip().splitlines()), "no reason given")
        raise ConfigError(f"the database does not take that: {line}") from None
