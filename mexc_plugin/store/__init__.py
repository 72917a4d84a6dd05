"""Where events are kept: the only room that imports SQLAlchemy and alembic."""

# First: without it nothing here works, and it says so in words.
from mexc_plugin import posix  # noqa: F401
