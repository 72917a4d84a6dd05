"""Patroni with three nodes of PostgreSQL, etcd and haproxy on loopback: Debian's programs, and no service."""

import contextlib
import json
import os
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.servers import in_memory
from tests.torture import servers

from .postgresql import eventually

INSTALL = "apt-get install -y -qq --no-install-recommends patroni etcd-server haproxy postgresql"
PROGRAMS = ("patroni", "etcd", "haproxy")
NODES = ("n1", "n2", "n3")
NODE = """
scope: audit
name: {name}
restapi: {{listen: '127.0.0.1:{api}', connect_address: '127.0.0.1:{api}'}}
etcd3: {{host: '127.0.0.1:{etcd}'}}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    maximum_lag_on_failover: 1048576
    synchronous_mode: true
    postgresql: {{use_pg_rewind: true, parameters: {{max_connections: 100}}}}
  initdb: [{{encoding: UTF8}}, {{locale: C.UTF-8}}, no-sync]
  pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust', 'local all all trust']
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {folder}/{name}
  bin_dir: {programs}
  pgpass: {folder}/{name}.pass
  authentication:
    superuser: {{username: torture, password: x}}
    replication: {{username: replicator, password: x}}
    rewind: {{username: rewind, password: x}}
  parameters: {{unix_socket_directories: '{folder}'}}
"""
PROXY = """
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
listen primary
  bind 127.0.0.1:{own}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
"""


class Patroni:
    """The cluster. Who leads is Patroni's to say."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._ports = {name: servers.free_port() for name in NODES}
        self._apis = {name: servers.free_port() for name in NODES}
        self._user = servers.unprivileged_user()
        etcd, self._proxy = servers.free_port(), servers.free_port()
        peer = f"http://127.0.0.1:{servers.free_port()}"
        self._processes = {
            "etcd": servers.start(
                program("etcd"), "--data-dir", folder / "etcd", "--initial-cluster", f"default={peer}",
                "--listen-client-urls", f"http://127.0.0.1:{etcd}", "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, user=self._user,
            )
        }  # fmt: skip
        for name in NODES:
            settings = NODE.format(
                name=name, api=self._apis[name], port=self._ports[name], etcd=etcd, folder=folder, programs=programs
            )  # fmt: skip
            (folder / f"{name}.yml").write_text(settings)
            self.start(name)
        lines = (
            f"  server {name} 127.0.0.1:{self._ports[name]} check port {self._apis[name]}\n"
            for name in NODES
        )
        (folder / "proxy").write_text(PROXY.format(own=self._proxy) + "".join(lines))
        self._processes["proxy"] = servers.start(
            program("haproxy"), "-f", folder / "proxy", user=self._user
        )

    def start(self, name: str) -> None:
        """Start a node, for the first time or after it was killed."""
        if name in self._processes:
            self._processes[name].wait(30)
        self._processes[name] = servers.start(
            program("patroni"), self._folder / f"{name}.yml", user=self._user
        )

    def leader(self) -> str | None:
        """The node that says of itself that it leads; None while none does."""
        return next((name for name in NODES if self._answers(name, "primary")), None)

    def is_whole(self) -> bool:
        """Whether all nodes run, one of them as the leader and one as its synchronous standby."""
        roles = ("primary", "sync", "health")
        return all(any(self._answers(name, role) for name in NODES) for role in roles) and all(
            self._answers(name, "health") for name in NODES
        )

    def _answers(self, name: str, role: str) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._apis[name]}/{role}", timeout=2
            ) as answer:
                return bool(json.load(answer))
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def behind_proxy(self, database: str) -> str:
        return f"postgresql://torture@127.0.0.1:{self._proxy}/{database}"

    def of_all_hosts(self, database: str) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports.values())
        return f"postgresql://torture@{hosts}/{database}"

    def signal(self, name: str, number: signal.Signals) -> None:
        """To a node's Patroni and its PostgreSQL, which is no child of it."""
        pids = servers.tree(self._processes[name].pid)
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = (self._folder / name / "postmaster.pid").read_text().split()
            pids += servers.tree(int(words[0]))
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self) -> None:
        for name in NODES:
            self.signal(name, signal.SIGCONT)
            self.signal(name, signal.SIGKILL)
        for process in self._processes.values():
            process.kill()
            process.wait(30)


def program(name: str) -> str:
    """Skips where it is not installed."""
    found = shutil.which(name, path=servers.search_path())
    if found is None:
        pytest.skip(f"no {name} here; run: {INSTALL}")
    return found


@contextlib.contextmanager
def patroni() -> Iterator[Patroni]:
    """One that runs while the block does; skips where a part of it is not installed."""
    for name in PROGRAMS:
        program(name)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip(f"no PostgreSQL of Debian's here; run: {INSTALL}")
    with servers.own_folder(in_memory()) as folder:
        made = Patroni(folder, found[-1].parent)
        try:
            eventually(made.is_whole, "a whole cluster", 120)
            yield made
        finally:
            made.end()
