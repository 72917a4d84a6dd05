"""Column types that each database names its own way.

By compilation and not as variants: those are made of the dialects' own classes, and importing all
dialects takes longer than reading a page of the record.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles


class LongText(sa.Text):
    """Text of any length."""


class Timestamp(sa.DateTime):
    """A time to the microsecond, without a zone."""


@compiles(LongText, "mysql", "mariadb")
def _long_text(*_: Any, **__: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    return "LONGTEXT"


@compiles(Timestamp, "mysql", "mariadb")
def _datetime(*_: Any, **__: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    return "DATETIME(6)"


@compiles(Timestamp, "postgresql")
def _timestamp(*_: Any, **__: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    return "TIMESTAMP(6) WITHOUT TIME ZONE"
