"""`alembic check` on a new database: the models and the migrations say the same."""

import tempfile

from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = engine.create(f"sqlite:///{folder}/check.db")
        migrate.upgrade(database)
        migrate.check(database)
        database.dispose()


if __name__ == "__main__":
    main()
