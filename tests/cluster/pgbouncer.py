"""PgBouncer on loopback before a server: Debian's, with settings of its own and no service."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.torture import servers

INSTALL = "apt-get install -y -qq --no-install-recommends pgbouncer"
SETTINGS = """[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
"""


@contextlib.contextmanager
def pooled(url: str, mode: str, size: int) -> Iterator[str]:
    """The URL of the same database behind a pool of so many connections; skips where there is no PgBouncer."""
    program = shutil.which("pgbouncer", path=servers.search_path())
    if program is None:
        pytest.skip(f"no PgBouncer here; run: {INSTALL}")
    parts = urlsplit(url)
    port = servers.free_port()
    with servers.own_folder() as folder:
        (folder / "users").write_text(f'"{parts.username}" ""\n')
        settings = SETTINGS.format(
            host=parts.hostname, port=parts.port, own=port, folder=folder, mode=mode, size=size
        )
        (folder / "ini").write_text(settings)
        process = servers.start(program, folder / "ini", user=servers.unprivileged_user())
        near = url.replace(f":{parts.port}/", f":{port}/")
        try:
            until = time.monotonic() + 20
            while not _answers(near):
                assert process.poll() is None, "PgBouncer ended"
                assert time.monotonic() < until, "PgBouncer does not answer"
                time.sleep(0.05)
            yield near
        finally:
            process.terminate()
            process.wait(20)


def _answers(url: str) -> bool:
    try:
        connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def connect(url: str, **options: object) -> "psycopg.Connection[tuple[object, ...]]":
    """A connection of somebody else's: psycopg without anything of ours."""
    parts = urlsplit(url)
    return psycopg.connect(
        host=parts.hostname, port=parts.port, user=parts.username, dbname=parts.path[1:], **options
    )
