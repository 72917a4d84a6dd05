"""`alembic check` on a new database: the models and the migrations say the same."""

import tempfile

from mexc_plugin.store import engine, migrate


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = engine.create(f"sqlite:///{folder}/check.db")
        migrate.upgrade(database)
        migrate.check(database)
        database.dispose()


if __name__ == "__main__":
    main()
