"""alembic's environment: the program hands in a connection; from a shell the usual URL is used."""

from alembic import context
from sqlalchemy import Connection

from mexc_plugin.config import database_url
from mexc_plugin.store import engine, schema


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=schema.metadata,
        version_table=schema.VERSION_TABLE,
        include_name=lambda name, kind, _: kind != "table" or name in schema.metadata.tables,
        # MySQL commits each statement of DDL: there, a revision's number is committed right after it.
        transaction_per_migration=connection.dialect.name in ("mysql", "mariadb"),
    )
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    with engine.create(database_url()).connect() as own:
        run(own)
