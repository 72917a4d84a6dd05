"""The databases that are measured: a SQLite file, and servers, those of the environment or of our own."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write import recorders
from tests.store.servers import MYSQL, POSTGRES, Servers
from tests.torture import servers as own

OWN = {"postgresql": own.postgresql, "mariadb": own.mariadb}
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """URLs by kind, each a fresh audit. A server that the environment does not name is started; MariaDB is left out
    where it is not installed.

    Not that of the tests, which keeps its files in memory: it would look too fast.
    """
    servers = Servers()
    with ExitStack() as stack:
        stack.callback(servers.close)
        urls = {"sqlite": f"sqlite:///{folder}/audit.db"}
        for kind, variable in (("postgresql", POSTGRES), ("mariadb", MYSQL)):
            if os.environ.get(variable):
                server = servers.of(kind)
                audit = server.fresh(migrated=True)
                stack.callback(server.drop, audit.name)
                stack.callback(audit.close)
                urls[kind] = audit.url
            elif kind != "mariadb" or shutil.which("mariadbd", path=own.search_path()):
                urls[kind] = stack.enter_context(OWN[kind]()).fresh()
                made = engines.create(urls[kind])
                migrate.upgrade(made)
                made.dispose()
        stack.callback(recorders.close_all)  # before their databases go
        yield urls
