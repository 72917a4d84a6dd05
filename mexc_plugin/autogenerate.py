"""For a bot that keeps tables of its own, with alembic, in the database that the record is in.

`alembic revision --autogenerate` proposes to drop what the bot's models do not know: the record.
Two lines in the bot's env.py keep it out of sight:

    from mexc_plugin.autogenerate import include_name
    context.configure(include_name=include_name, …)
"""

import re

from mexc_plugin.store.schema import tables, views

# Tables, partitions, triggers and functions are named like this, those of later versions too.
_PREFIX = re.compile(rf"({tables.AUDIT_TABLE}|{tables.HISTORY_TABLE})(_.*)?")
_NAMES = frozenset({*tables.metadata.tables, *views.VIEWS})
# What is part of a table: its table was asked about before.
_PARTS = frozenset({"schema", "column", "index", "unique_constraint", "foreign_key_constraint"})


def include_name(name: str | None, kind: str, _parents: object = None) -> bool:
    """alembic's hook of that name: False for what belongs to the record, True for all else.

    kind: alembic's `type_`. Extensions that compare views, functions and triggers have kinds of
    their own, and name the schema too (alembic_utils).
    """
    if name is None or kind in _PARTS:
        return True
    plain = name.rpartition(".")[2]
    return plain not in _NAMES and _PREFIX.fullmatch(plain) is None
