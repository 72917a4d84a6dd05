"""alembic's environment, for its own command in a shell: `alembic -c pyproject.toml upgrade head`.

The program does not come by here; see `mexc_plugin/store/schema/tables/migrate.py`.
"""

from alembic import context
from alembic.operations import Operations

from mexc_plugin.config import database_url
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate

with engine.create(database_url()).connect() as connection:
    context.configure(connection=connection, **migrate.options(connection))
    with context.begin_transaction():
        context.run_migrations(op=Operations(context.get_context()))
