"""MariaDB Galera with three nodes: who makes the record there, and that nodes that die or freeze lose nothing."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.schema import migration_locks
from mexc_plugin.store.write.writer import Writer
from tests.cluster.galera import Galera, galera
from tests.cluster.postgresql import eventually
from tests.command_line import invoke

from . import frozen, ledger, load
from .processes import Child, together
from .scale import LONG, keep

three_nodes = pytest.mark.skipif(not LONG, reason="three nodes take long to start: make torture")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Galera]:
    with galera(3 if LONG else 1) as running:
        yield running


@pytest.fixture
def name(cluster: Galera) -> str:
    """A new, empty database."""
    found = f"audit_{time.time_ns()}"
    cluster.nodes[0].query(f"CREATE DATABASE {found}")
    return found


def test_no_bot_makes_the_record_and_its_log_says_who_does(
    cluster: Galera, name: str, caplog
) -> None:
    writer = Writer(cluster.nodes[0].url(name))
    writer.prepare()
    draft = load.drafts(1)[0] | {"occurred_ns": time.time_ns()}
    assert writer.commit(draft, 20) is Place.SPOOL
    writer.close()
    assert "no bot makes the record on a Galera cluster; run: mexc-plugin db upgrade" in caplog.text
    assert cluster.nodes[0].query("SHOW TABLES", name) == []


def is_fine(url: str) -> bool:
    return invoke(["db", "check", "--database-url", url]).exit_code == 0


def upgrade(url: str) -> tuple[int, str]:
    result = invoke(["db", "upgrade", "--database-url", url])
    return result.exit_code, result.output


@three_nodes
def test_upgrades_on_all_nodes_at_once_make_one_record(cluster: Galera, name: str) -> None:
    runs = 12
    for run in range(runs):
        fresh = f"{name}_{run}"
        cluster.nodes[0].query(f"CREATE DATABASE {fresh}")
        for node in cluster.nodes:
            eventually(
                lambda n=node, f=fresh: n.query(f"SHOW DATABASES LIKE '{f}'"), "the database"
            )
        urls = [(node.url(fresh),) for node in cluster.nodes]
        found = together(upgrade, urls, 120)
        assert min(found)[0] == 0, found
        assert all(code == 0 or "another program is migrating" in said for code, said in found), (
            found
        )
        for node in cluster.nodes:
            assert len(node.query("SELECT * FROM cancel_audit_version", fresh)) == 1
            # What is made on one node comes to the others a moment later.
            eventually(lambda n=node, f=fresh: is_fine(n.url(f)), f"{node.name} has all of it", 20)
    keep("galera_upgrades", runs=runs, faults=0)


def test_an_upgrade_that_was_killed_says_what_to_take_away(cluster: Galera, name: str) -> None:
    node = cluster.nodes[0]
    table = migration_locks.LOCK_TABLE
    node.query(f"CREATE TABLE {table} (n INT PRIMARY KEY) COMMENT 'elsewhere, process 7'", name)
    code, said = upgrade(cluster.nodes[-1].url(name))
    assert code == 1
    assert f"(elsewhere, process 7); if that was ended, run there: DROP TABLE {table}" in said
    node.query(f"DROP TABLE {table}", name)
    assert upgrade(cluster.nodes[-1].url(name))[0] == 0


@three_nodes
def test_nodes_that_die_freeze_and_come_back_lose_and_double_nothing(
    cluster: Galera, name: str, tmp_path: Path
) -> None:
    urls = [node.url(name) for node in cluster.nodes]
    assert upgrade(urls[0])[0] == 0
    ends = tmp_path / "end"
    bots = [Child(load.writers_until, url, 4, ends, 0.1) for url in urls]
    time.sleep(3)
    for node in cluster.nodes[:2]:
        node.kill()
        time.sleep(5)
        cluster.start(node)
        node.signal(signal.SIGSTOP)
        time.sleep(5)
        node.signal(signal.SIGCONT)
        time.sleep(3)
    time.sleep(5)
    ends.touch()
    found = load.merged([bot.result(120) for bot in bots])
    for url in urls:
        ledger.replay(url)
    told = sum(found.places.values())
    stored = ledger.events(urls[2], "request") + ledger.events(urls[2], "response")
    keep(
        "cluster_galera",
        told=told,
        lost=told - stored,
        doubled=ledger.doubled(urls[2]),
        spooled=found.places.get("spool", 0),
        longest_ms=round(found.longest * 1000),
    )
    assert found.places.get("lost", 0) == 0
    assert (told - stored, ledger.doubled(urls[2])) == (0, 0)
    assert ledger.findings(urls[2]) == []
    assert found.longest * 1000 < frozen.DEADLINE_MS + frozen.TOLERANCE_MS
