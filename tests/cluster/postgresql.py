"""A cluster of PostgreSQL: three nodes, each of which can be killed, frozen, promoted and taken in again."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.store.servers import in_memory
from tests.torture import servers

if TYPE_CHECKING:
    import subprocess

USER = "torture"
NAMES = ("p1", "p2", "p3")
SETTINGS = """
wal_level = replica
wal_keep_size = 512MB
max_connections = {connections}
shared_buffers = 64MB
synchronous_standby_names = '{synchronous}'
wal_receiver_timeout = 5s
wal_retrieve_retry_interval = 200ms
"""
SYNCHRONOUS = "ANY 1 (p1, p2, p3)"


class Node:
    """One server, running or not. Its name is that under which a primary knows it."""

    def __init__(self, name: str, data: Path, programs: Path) -> None:
        self.name = name
        self.data = data
        self.port = servers.free_port()
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def query(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Rows of one statement, committed by itself."""
        where = {"host": "127.0.0.1", "port": self.port, "user": USER, "dbname": database}
        with psycopg.connect(**where, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        eventually(self.answers, f"{self.name} answers")

    def launch(self) -> None:
        self._process = servers.start(
            self._programs / "postgres", "-D", self.data, "-p", self.port, "-k", self.data.parent,
            "-h", "127.0.0.1", "-c", f"cluster_name={self.name}",
            user=servers.unprivileged_user(),
        )  # fmt: skip

    def answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended"
        try:
            return bool(self.query("SELECT 1"))
        except psycopg.OperationalError:
            return False

    def kill(self) -> None:
        """SIGKILL for all its processes at once: as when its machine loses power, but for its disk."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)

    def freeze(self) -> None:
        """SIGSTOP: its connections stay, and nothing comes from them."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def follow(self, primary: "Node") -> None:
        """Be a standby of that node; a node that runs changes over at once."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"primary_conninfo = 'host=127.0.0.1 port={primary.port} user={USER}'\n")
        if self.is_running:
            self.query("SELECT pg_reload_conf()")

    def become_standby(self) -> None:
        """Before it is started: a file says what it is."""
        signal_file = self.data / "standby.signal"
        signal_file.touch()
        _give(signal_file)

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended; it may be frozen."""
        return self._process is not None and self._process.poll() is None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.is_running:
            return
        for pid in servers.tree(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class Cluster:
    """p1 is the primary at first; p2 and p3 are standbys, one of which has to have a commit before it counts."""

    def __init__(self, folder: Path, connections: int) -> None:
        self._programs = servers.wheel_programs()
        self._databases = 0
        self.nodes = [Node(name, folder / name, self._programs) for name in NAMES]
        self.primary = self.nodes[0]
        user = servers.unprivileged_user()
        options = ("-U", USER, "--auth=trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
        servers.run(self._programs / "initdb", "-D", self.primary.data, *options, user=user)
        with (self.primary.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(connections=connections, synchronous=SYNCHRONOUS))
        for standby in self.standbys:
            # Nothing has run yet: a copy of the files is a backup.
            servers.run("cp", "-a", self.primary.data, standby.data, user=user)
            standby.become_standby()
            standby.follow(self.primary)
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            eventually(node.answers, f"{node.name} answers")
        self.wait_for_standbys()

    @property
    def standbys(self) -> list[Node]:
        return [node for node in self.nodes if node is not self.primary]

    def url(self, database: str = "postgres", *nodes: Node) -> str:
        """The URL of a database: of these nodes, else of all of them, the standbys first."""
        hosts = nodes or (*self.standbys, self.primary)
        return f"postgresql://{USER}@{','.join(node.host for node in hosts)}/{database}"

    def fresh(self) -> str:
        """The name of a new, empty database."""
        self._databases += 1
        name = f"audit_{self._databases}"
        self.primary.query(f"CREATE DATABASE {name}")
        return name

    def wait_for_standbys(self, count: int = 2) -> None:
        """Until so many stream from the primary."""
        sql = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        eventually(lambda: self.primary.query(sql)[0][0] >= count, f"{count} standbys stream")

    def wait_until_replayed(self, *nodes: Node) -> None:
        """Until those show all that the primary has written by now."""
        (position,) = self.primary.query("SELECT pg_current_wal_lsn()")[0]
        sql = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
        for node in nodes or self.standbys:
            eventually(lambda node=node: node.query(sql)[0][0], f"{node.name} has replayed")

    def promote(self, node: Node) -> None:
        """Make a standby the primary, and have the others that run follow it."""
        user = servers.unprivileged_user()
        servers.run(self._programs / "pg_ctl", "promote", "-D", node.data, "-w", user=user)
        former, self.primary = self.primary, node
        for other in self.standbys:
            if other is not former:
                other.follow(node)

    def most_advanced(self) -> Node:
        """The standby that has received most: the one to promote, as Patroni does."""
        sql = "SELECT pg_last_wal_receive_lsn() - '0/0'"
        return max(self.standbys, key=lambda node: node.query(sql)[0][0])

    def take_in(self, node: Node) -> None:
        """Have a node that is down begin again as a standby, with a copy of the primary's files."""
        node.kill()
        shutil.rmtree(node.data)
        where = ("-h", "127.0.0.1", "-p", self.primary.port, "-U", USER)
        servers.run(
            self._programs / "pg_basebackup", *where, "-D", node.data, "-X", "stream", "-c", "fast", "-N",
            user=servers.unprivileged_user(),
        )  # fmt: skip
        node.become_standby()
        node.follow(self.primary)
        node.start()


@contextlib.contextmanager
def cluster(connections: int = 120) -> Iterator[Cluster]:
    """One that runs while the block does. Raises AssertionError where the wheel is missing."""
    with servers.own_folder(in_memory()) as folder:
        made: list[Cluster] = []
        try:
            made.append(Cluster(folder, connections))
            yield made[0]
        finally:
            for node in made[0].nodes if made else ():
                node.thaw()
                node.kill()


def eventually(is_so: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for something. Raises AssertionError when it does not come."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"it never came: {what}"
        time.sleep(0.03)


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, servers.unprivileged_user())
