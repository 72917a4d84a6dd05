"""The least that an account of a database server needs: to record, or only to read."""

import sqlalchemy as sa
from sqlalchemy.engine import URL

from mexc_plugin.errors import ConfigError
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import tables, views

# bot: records, replays its spool, reconciles; auditor: lists, verifies, exports, takes checkpoints.
_EVENTS = (tables.AUDIT_TABLE, tables.ORDERS_TABLE)
_CHECKPOINTS = (tables.CHECKPOINT_TABLE,)
# By role, what it may do with which tables.
ROLES = {
    "bot": ((("SELECT", "INSERT"), _EVENTS), (("SELECT",), _CHECKPOINTS)),
    "auditor": ((("SELECT",), _EVENTS), (("SELECT", "INSERT"), _CHECKPOINTS)),
}
# The history is written by triggers, with the rights of whoever made them: nobody needs more than to read.
READ = (tables.HISTORY_TABLE, *views.VIEWS, tables.VERSION_TABLE)


def statements(url: str, role: str, account: str) -> list[str]:
    """The GRANTs for an account, in the server's SQL. Touches no server.

    account: a role on PostgreSQL; a user, or user@host, on MySQL and MariaDB.
    Raises ConfigError for SQLite, which has no accounts, and for a URL that names no database.
    """
    parsed = engine.parse(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        raise ConfigError("SQLite has no accounts: the file's owner and mode say who may write it")
    if not parsed.database:
        raise ConfigError("the URL names no database; add it: …@host/database")
    return (_postgresql if backend == "postgresql" else _mysql)(parsed, role, account)


def _postgresql(parsed: URL, role: str, account: str) -> list[str]:
    quote = parsed.get_dialect()().identifier_preparer.quote
    to = quote(account)
    return [
        f"GRANT CONNECT ON DATABASE {quote(str(parsed.database))} TO {to};",
        f"GRANT USAGE ON SCHEMA public TO {to};",
        *(
            f"GRANT {', '.join(privileges)} ON {', '.join(names)} TO {to};"
            for privileges, names in ROLES[role]
        ),
        f"GRANT SELECT ON {', '.join(READ)} TO {to};",
    ]


def _mysql(parsed: URL, role: str, account: str) -> list[str]:
    quote = parsed.get_dialect()().identifier_preparer.quote_identifier
    user, _, host = account.rpartition("@") if "@" in account else (account, "", "%")
    to = f"{_literal(user)}@{_literal(host)}"
    database = quote(str(parsed.database))
    # Whoever verifies compares the views' definitions, which SELECT alone does not show there.
    views_too = ("SELECT", "SHOW VIEW") if role == "auditor" else ("SELECT",)
    wanted = [(privileges, name) for privileges, names in ROLES[role] for name in names]
    wanted += [(views_too, name) for name in (*views.VIEWS, views.GUARDS_VIEW)]
    wanted += [(("SELECT",), name) for name in (tables.HISTORY_TABLE, tables.VERSION_TABLE)]
    return [
        f"GRANT {', '.join(privileges)} ON {database}.{quote(name)} TO {to};"
        for privileges, name in wanted
    ]


def _literal(text: str) -> str:
    return str(sa.literal(text).compile(compile_kwargs={"literal_binds": True}))
