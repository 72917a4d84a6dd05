"""MariaDB Galera with up to three nodes on loopback: Debian's, with settings and folders of their own."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from tests.store.servers import in_memory
from tests.torture import servers

from .postgresql import eventually

if TYPE_CHECKING:
    import subprocess

INSTALL = "apt-get install -y -qq --no-install-recommends galera-4 rsync socat mariadb-server"
LIBRARIES = (Path("/usr/lib/galera/libgalera_smm.so"), Path("/usr/lib64/galera-4/libgalera_smm.so"))


class Node:
    """One node. ports: of its own four, for clients, the group, and two kinds of state transfer."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.port, self.group, self.increments, self.states = (
            servers.free_port() for _ in range(4)
        )
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{database}?ssl_disabled=true"

    def query(self, sql: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Rows of one statement, committed by itself."""
        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True,
            connect_timeout=5, read_timeout=30, ssl_disabled=True,
        )  # fmt: skip
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def start(self, peers: str, library: Path, *, is_first: bool) -> None:
        """Start it, and wait until it is in the cluster."""
        data, user = self.folder / self.name, servers.unprivileged_user()
        account = [f"--user={user}"] if user else []
        if not data.exists():
            install = servers.program("mariadb-install-db")
            options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
            servers.run(install, "--no-defaults", f"--datadir={data}", *options, *account)
        provider = (
            f"base_port={self.group};gmcast.listen_addr=tcp://127.0.0.1:{self.group};"
            f"ist.recv_addr=127.0.0.1:{self.increments};gcache.size=64M"
        )
        self._process = servers.start(
            servers.program("mariadbd"), "--no-defaults", *account, f"--datadir={data}", f"--port={self.port}",
            "--bind-address=127.0.0.1", f"--socket={data}/s", f"--pid-file={data}/pid", "--skip-name-resolve",
            "--binlog_format=ROW", "--innodb_autoinc_lock_mode=2", "--wsrep_on=ON", f"--wsrep_provider={library}",
            f"--wsrep_cluster_address=gcomm://{peers}", "--wsrep_cluster_name=audit", f"--wsrep_node_name={self.name}",
            f"--wsrep_node_address=127.0.0.1:{self.group}", "--wsrep_sst_method=rsync",
            f"--wsrep_sst_receive_address=127.0.0.1:{self.states}", f"--wsrep_provider_options={provider}",
            *["--wsrep-new-cluster"] * is_first,
        )  # fmt: skip
        eventually(self.is_synced, f"{self.name} is in the cluster", 120)

    def is_synced(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended"
        try:
            found = self.query("SHOW STATUS LIKE 'wsrep_local_state_comment'")
        except pymysql.Error:
            return False
        return found[0][1] == "Synced"

    def signal(self, number: signal.Signals) -> None:
        """To all its processes."""
        if self._process is not None and self._process.poll() is None:
            for pid in servers.tree(self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)


class Galera:
    """Nodes, all of which take what is written."""

    def __init__(self, folder: Path, library: Path, count: int) -> None:
        self._library = library
        self.nodes = [Node(name, folder) for name in ("n1", "n2", "n3")[:count]]

    def start(self, node: Node, *, is_first: bool = False) -> None:
        peers = ",".join(f"127.0.0.1:{each.group}" for each in self.nodes)
        node.start(peers, self._library, is_first=is_first)


@contextlib.contextmanager
def galera(count: int) -> Iterator[Galera]:
    """One that runs while the block does; skips where a part of it is not installed."""
    library = next((path for path in LIBRARIES if path.exists()), None)
    missing = [
        name for name in ("rsync", "mariadbd") if not shutil.which(name, path=servers.search_path())
    ]
    if library is None or missing:
        pytest.skip(f"no Galera here; run: {INSTALL}")
    with servers.own_folder(in_memory()) as folder:
        made = Galera(folder, library, count)
        try:
            for node in made.nodes:
                made.start(node, is_first=node is made.nodes[0])
            yield made
        finally:
            for node in made.nodes:
                node.signal(signal.SIGCONT)
                node.kill()
