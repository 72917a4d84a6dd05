"""Bots on several machines, a shipper on each, and one central server: all of it killed and frozen meanwhile."""

import contextlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from mexc_plugin.sandbox import Sandbox
from tests.cluster.postgresql import USER, Node, eventually
from tests.store.audits import TABLES, Audit, ServerAudit
from tests.store.servers import in_memory

from . import ledger, servers
from .processes import Child
from .shippers import follow
from .victims import paced

DATABASE = "central"
PAUSE = 0.02
# Each of these happens so often.
FREEZES = SERVER_KILLS = 3


@dataclass(frozen=True)
class Figures:
    """What was done, and how what the target holds differs from the union of the sources."""

    bots: int
    shippers: int
    cancels: int
    kills: int
    server_kills: int
    freezes: int
    events: int
    missing: int
    doubled: int
    different: int
    longest_ms: float
    findings: list[str]


@contextlib.contextmanager
def central() -> Iterator[Node]:
    """A server of our own with an empty database."""
    programs, user = servers.wheel_programs(), servers.unprivileged_user()
    with servers.own_folder(in_memory()) as folder:
        node = Node("central", folder / "data", programs)
        servers.run(programs / "initdb", "-D", node.data, "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", user=user)  # fmt: skip
        try:
            node.start()
            node.query(f"CREATE DATABASE {DATABASE}")
            yield node
        finally:
            node.thaw()
            node.kill()


def url_of(node: Node) -> str:
    return f"postgresql://{USER}@{node.host}/{DATABASE}"


class Shippers:
    """One for each source, begun again when it was killed."""

    def __init__(self, sources: list[Audit], target: str, log: Path) -> None:
        self._commands = [(source.url, target, str(log)) for source in sources]
        self._running = [Child(follow, *command) for command in self._commands]
        self.kills = 0

    def kill_one(self, rng: random.Random) -> None:
        number = rng.randrange(len(self._commands))
        self._running[number].kill()
        self.kills += 1
        self._running[number] = Child(follow, *self._commands[number])

    def end(self) -> None:
        for shipper in self._running:
            shipper.kill()


def run(folder: Path, sandbox: Sandbox, bots: int, machines: int, cancels: int, kills: int, seed: int) -> Figures:  # fmt: skip
    """Bots cancel at a steady pace while the shippers are killed so often, and the server now and then."""
    rng = random.Random(seed)
    sources = [Audit(folder / f"machine_{number}.db") for number in range(machines)]
    log = folder / "log"
    with central() as node:
        shippers = Shippers(sources, url_of(node), log)
        try:
            children = [
                _bot(sandbox, sources[number % machines], cancels) for number in range(bots)
            ]
            troubles = sorted(rng.sample(range(kills), FREEZES + SERVER_KILLS))
            for number in range(kills):
                time.sleep(rng.uniform(0.0, 0.4))
                shippers.kill_one(rng)
                if number in troubles:
                    _trouble(node, is_kill=troubles.index(number) % 2 == 0)
            longest = max(_longest(child.result(cancels * 2 + 120)) for child in children)
            for source in sources:
                ledger.replay(source.url)
            expected = sum(map(_count, sources))
            target = _target(node)
            eventually(lambda: _count(target) >= expected, "all of it arrives", 180)
        except BaseException as error:
            error.add_note(log.read_text()[-2_000:])
            raise
        finally:
            shippers.end()
        missing, different = _compare(sources, target)
        findings = [finding.message for finding in ledger.findings(url_of(node))]
        figures = Figures(
            bots, machines, bots * cancels, shippers.kills, SERVER_KILLS, FREEZES,
            expected, missing, _count(target) - expected + missing, different, longest, findings,
        )  # fmt: skip
        target.close()
    return figures


def _bot(sandbox: Sandbox, source: Audit, cancels: int) -> Child:
    orders = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(cancels)]
    config = {**sandbox.ccxt_config(), "options": {"audit": {"url": source.url}}}
    return Child(paced, "sync", config, orders, PAUSE)


def _trouble(node: Node, *, is_kill: bool) -> None:
    if is_kill:
        node.kill()
        time.sleep(1)
        node.start()
    else:
        with node.frozen():
            time.sleep(3)


def _longest(result: dict[str, list[tuple[float, float]]]) -> float:
    return round(max(took for _, took in result["taken"]) * 1000, 1)


def _target(node: Node) -> ServerAudit:
    where = {"host": "127.0.0.1", "port": node.port, "user": USER, "dbname": DATABASE}
    connect = partial(psycopg.connect, **where, autocommit=True, row_factory=dict_row)
    return ServerAudit(DATABASE, url_of(node), connect, ())


def _count(audit: Audit) -> int:
    """0 also for a target that nobody has come to make yet."""
    with contextlib.suppress(psycopg.errors.UndefinedTable):
        return int(audit.query("SELECT count(*) AS n FROM cancel_audit")[0]["n"])
    return 0


def _compare(sources: list[Audit], target: Audit) -> tuple[int, int]:
    """Rows of the sources that the target lacks, and rows that either has otherwise; history included."""
    missing = different = 0
    for table in (*TABLES, "cancel_history"):
        sql = f"SELECT * FROM {table}"
        there = _keyed(table, target.query(sql))
        here = _keyed(table, [row for source in sources for row in source.query(sql)])
        missing += len(here.keys() - there.keys())
        different += len(there.keys() - here.keys())
        different += sum(here[key] != there[key] for key in here.keys() & there.keys())
    return missing, different


def _keyed(table: str, rows: list[dict[str, object]]) -> dict[tuple[object, ...], object]:
    names = {"cancel_history": ("cancel_id", "attempt"), "cancel_audit": ("writer_id", "seq")}
    key = names.get(table, ("writer_id", "seq", "position"))
    return {tuple(row[name] for name in key): row for row in rows}
