"""Patroni's cluster: the leader is killed, then the new one frozen and thawed; nothing is lost, nothing twice."""

import signal
import time
from pathlib import Path

import pytest

from tests.cluster.patroni import Patroni, patroni
from tests.cluster.pgbouncer import connect
from tests.cluster.postgresql import eventually
from tests.command_line import invoke

from . import frozen, ledger, load
from .processes import Child
from .scale import LONG, keep

pytestmark = pytest.mark.skipif(not LONG, reason="it takes its time to fail over: make torture")


def test_a_leader_that_is_killed_and_one_that_is_frozen_lose_and_double_nothing(
    tmp_path: Path,
) -> None:
    with patroni() as cluster:
        urls = made(cluster)
        ends = tmp_path / "end"
        bots = [Child(load.writers_until, url, 4, ends, 0.1) for url in urls]
        time.sleep(5)
        first = leader(cluster)
        cluster.signal(first, signal.SIGKILL)
        began = time.monotonic()
        eventually(lambda: cluster.leader() not in (None, first), "another leader", 120)
        seconds = time.monotonic() - began
        cluster.start(first)
        eventually(cluster.is_whole, "the first one is back", 120)
        second = leader(cluster)
        cluster.signal(second, signal.SIGSTOP)
        time.sleep(30)
        cluster.signal(second, signal.SIGCONT)
        eventually(cluster.is_whole, "the second one is back", 120)
        time.sleep(5)
        ends.touch()
        found = load.merged([bot.result(120) for bot in bots])
        eventually(cluster.is_whole, "a whole cluster", 120)
        for url in urls:
            ledger.replay(url)
        told = sum(found.places.values())
        stored = ledger.events(urls[0], "request") + ledger.events(urls[0], "response")
        doubled = ledger.doubled(urls[0])
        keep(
            "cluster_patroni",
            told=told,
            lost=told - stored,
            doubled=doubled,
            spooled=found.places.get("spool", 0),
            longest_ms=round(found.longest * 1000),
            failover_s=round(seconds),
        )
        assert found.places.get("lost", 0) == 0
        assert (told - stored, doubled) == (0, 0)
        assert ledger.findings(urls[0]) == []
        assert found.longest * 1000 < frozen.DEADLINE_MS + frozen.TOLERANCE_MS
        assert invoke(["db", "check", "--database-url", urls[1]]).exit_code == 0


def made(cluster: Patroni) -> list[str]:
    """A new record, as bots reach it through the proxy, and by the names of all nodes."""
    with connect(cluster.behind_proxy("postgres"), autocommit=True) as owner:
        owner.execute("CREATE DATABASE audit")
    urls = [cluster.behind_proxy("audit"), cluster.of_all_hosts("audit")]
    assert invoke(["db", "upgrade", "--database-url", urls[1]]).exit_code == 0
    return urls


def leader(cluster: Patroni) -> str:
    found = cluster.leader()
    assert found is not None
    return found
