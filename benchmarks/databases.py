"""The databases that are measured: a SQLite file, and the servers that the environment names."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mexc_plugin.store.write import recorders
from tests.databases.servers import MYSQL, POSTGRES, Servers

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """URLs by kind, each a fresh audit. A server that the environment does not name is left out.

    The server that the tests start themselves keeps its files in memory: it would look too fast.
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
        stack.callback(recorders.close_all)  # before their databases go
        yield urls
