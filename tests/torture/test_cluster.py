"""PostgreSQL with two synchronous standbys, whose nodes are killed, frozen, promoted and gone: nothing is lost."""

import contextlib
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.sealer import Sealer
from tests.cluster.fixtures import cluster as cluster
from tests.cluster.postgresql import USER, Cluster, Node, eventually
from tests.command_line import invoke

from . import frozen, ledger, load
from .processes import Child
from .scale import keep, scaled

PROCESSES, WRITERS = 2, scaled(2, 8)
PAUSE = 0.02
CROWDS, CROWD = scaled(1, 8), scaled(20, 125)


class Bots:
    """Writers in processes of their own, until they are told to end, and what they were told."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._ends = folder / "end"
        self._children = [
            Child(load.writers_until, url, WRITERS, self._ends, PAUSE) for _ in range(PROCESSES)
        ]
        eventually(lambda: ledger.events(url, "response") >= 20, "the bots record")

    def assert_nothing_lost(self, name: str) -> load.Load:
        """Everything that was acknowledged is there, once, and no cancel was held for longer than its budget."""
        time.sleep(1)  # back, where they have to come back
        self._ends.touch()
        found = load.merged([child.result(60) for child in self._children])
        ledger.replay(self._url)
        told = sum(found.places.values())
        stored = ledger.events(self._url, "request") + ledger.events(self._url, "response")
        doubled = ledger.doubled(self._url)
        keep(
            f"cluster_{name}",
            told=told,
            lost=told - stored,
            doubled=doubled,
            spooled=found.places.get("spool", 0),
            longest_ms=round(found.longest * 1000),
        )
        assert found.places.get(Place.LOST.value, 0) == 0
        assert ledger.spooled(self._url) == []
        assert (told - stored, doubled) == (0, 0)
        assert ledger.findings(self._url) == []
        assert found.longest * 1000 < frozen.DEADLINE_MS + frozen.TOLERANCE_MS
        return found


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    """A new record, and afterwards all three nodes as they have to be."""
    made = cluster.url(cluster.fresh())
    assert invoke(["db", "upgrade", "--database-url", made]).exit_code == 0
    yield made
    for node in cluster.standbys:
        if not node.is_running:
            cluster.take_in(node)
    cluster.wait_for_standbys()


def test_a_primary_that_is_killed_and_one_that_is_promoted_lose_and_double_nothing(
    cluster: Cluster, url: str, tmp_path: Path
) -> None:
    bots = Bots(url, tmp_path)
    for _ in range(scaled(1, 4)):
        time.sleep(scaled(0.3, 2))
        former = cluster.primary
        former.kill()
        cluster.promote(cluster.most_advanced())
        time.sleep(scaled(0.3, 2))
        cluster.take_in(former)
        cluster.wait_for_standbys()
    found = bots.assert_nothing_lost("killed")
    assert found.places["database"] > 20, "the bots never came back to the database"


def test_nodes_that_freeze_and_standbys_that_are_gone_lose_and_double_nothing(
    cluster: Cluster, url: str, tmp_path: Path
) -> None:
    bots = Bots(url, tmp_path)
    seconds = scaled(0.7, 10)
    one, other = cluster.standbys
    for nodes in ([one], [one, other], [cluster.primary]):
        with contextlib.ExitStack() as stack:
            for node in nodes:
                stack.enter_context(node.frozen())
            time.sleep(seconds)
    one.kill()
    time.sleep(seconds)
    other.kill()
    time.sleep(seconds)
    cluster.take_in(one)
    found = bots.assert_nothing_lost("frozen")
    assert found.places["spool"] > 0, "no bot met a fault"


def test_what_only_the_primary_has_does_not_count_as_stored(cluster: Cluster, url: str) -> None:
    name = url.rpartition("/")[2]
    database = Database(cluster.url(name, cluster.primary, *cluster.standbys), 500)
    database.open()
    sealing = Sealer(str(uuid.uuid4()), time.time_ns())
    events = [
        sealing.start(),
        *(sealing.seal(draft | {"occurred_ns": 1}) for draft in load.drafts(1)),
    ]
    with contextlib.ExitStack() as stack:
        for node in cluster.standbys:
            stack.enter_context(node.frozen())
        # Or what was sent to them lies in their sockets, and they may have it when they go on.
        cluster.primary.query("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
        eventually(
            lambda: not cluster.primary.query("SELECT pid FROM pg_stat_replication"), "senders end"
        )
        for insert in (database.insert, database.insert_missing):
            with pytest.raises(Exception, match="said nothing"):
                insert(events)
            database.close()
        seen = "SELECT count(*) FROM cancel_audit"
        assert cluster.primary.query(seen, name) == [(3,)], "the primary never had them"
        cluster.primary.kill()
    cluster.promote(cluster.most_advanced())
    cluster.wait_for_standbys(1)
    assert database.insert_missing(events) == 3
    database.close()
    assert ledger.findings(url) == []


@contextlib.contextmanager
def counting(node: Node) -> Iterator[Callable[[], int]]:
    """How many connections of ours a node has, asked through one of its own: a crowd leaves no time to make another."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mexc-plugin'"
    where = {"host": "127.0.0.1", "port": node.port, "user": USER, "dbname": "postgres"}
    with psycopg.connect(**where, autocommit=True) as connection:
        yield lambda: connection.execute(query).fetchone()[0]


def test_a_commit_that_is_given_up_leaves_no_process_at_the_server(
    cluster: Cluster, url: str
) -> None:
    near = cluster.url(url.rpartition("/")[2], cluster.primary, *cluster.standbys)
    database = Database(near, 500)
    database.open()
    start = Sealer(str(uuid.uuid4()), time.time_ns()).start()
    with contextlib.ExitStack() as stack:
        connected = stack.enter_context(counting(cluster.primary))
        for node in cluster.standbys:
            stack.enter_context(node.frozen())
        with pytest.raises(Exception, match="said nothing"):
            database.insert([start])
        eventually(lambda: connected() == 0, "its process ends", 20)
    database.close()


def test_however_many_writers_wait_for_a_standby_each_has_one_connection(
    cluster: Cluster, url: str, tmp_path: Path
) -> None:
    ends = tmp_path / "end"
    seconds = scaled(6, 60)
    near = cluster.url(url.rpartition("/")[2], cluster.primary, *cluster.standbys)
    children = [
        Child(load.crowd, near, CROWD, ends, scaled(500, 5_000), scaled(1.0, 10.0))
        for _ in range(CROWDS)
    ]
    total = CROWD * len(children)
    samples = []
    with contextlib.ExitStack() as stack:
        connected = stack.enter_context(counting(cluster.primary))
        what = "all writers are connected"
        eventually(lambda: connected() >= total, what, scaled(60, 600))
        for node in cluster.standbys:
            stack.enter_context(node.frozen())
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            samples.append(connected())
            time.sleep(0.05)
    ends.touch()
    found = load.merged([child.result(scaled(120, 600)) for child in children])
    ledger.replay(near)
    later = samples[len(samples) // 2 :]  # when all of them have given up at least once
    usual, most = statistics.mean(later), max(later)
    keep("cluster_crowd", writers=total, connections=round(usual), most=most)
    assert usual < 1.25 * total, samples
    assert most <= 2 * total, samples  # one that is made, while the one before is ended
    assert found.places["spool"] > 0
    stored = ledger.events(url, "request") + ledger.events(url, "response")
    assert stored == sum(found.places.values())
