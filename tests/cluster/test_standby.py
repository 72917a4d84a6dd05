"""Reading on a hot standby: everything that reads says what the primary would, and how old it may be."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate
from tests.command_line import invoke
from tests.shipping import records

from .postgresql import Cluster, eventually

SAID = re.compile(r"this server is a standby: its newest commit is [0-9.]+ s old; (.+)\n")
PROGRAM = (sys.executable, "-m", "mexc_plugin", "audit")
ASLEEP = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


class Record:
    """A record on the cluster, as its primary and its first standby show it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.name = cluster.fresh()
        self.standby = cluster.standbys[0]
        self.events = records.made(300)
        made = engine.create(self.primary_url)
        migrate.upgrade(made)
        made.dispose()
        records.store(self.primary_url, self.events[:290])
        cluster.wait_until_replayed(self.standby)

    @property
    def primary_url(self) -> str:
        return f"postgresql://torture@{self.cluster.primary.host}/{self.name}"

    @property
    def url(self) -> str:
        return f"postgresql://torture@{self.standby.host}/{self.name}"

    def on_standby(self, *arguments: str) -> Any:
        return invoke(["audit", *arguments, "--db", self.url])

    def on_primary(self, *arguments: str) -> Any:
        return invoke(["audit", *arguments, "--db", self.primary_url])


@pytest.fixture(scope="module")
def record(cluster: Cluster) -> Iterator[Record]:
    return Record(cluster)


def test_what_reads_says_the_same_on_a_standby_and_how_old_it_is(record: Record) -> None:
    cancel_id = next(e.document["cancel_id"] for e in record.events if "cancel_id" in e.document)
    for arguments in (
        ["list"],
        ["list", "--outcome", "canceled", "--symbol", "BTC/USDT"],
        ["show", cancel_id],
        ["stats"],
        ["stats", "--by", "day"],
        ["sql", "already-filled"],
        ["sql", "SELECT count(*) FROM cancel_audit"],
        ["export", "-o", "-"],
        ["tail"],
        ["verify", "--jobs", "2"],
    ):
        there, here = record.on_standby(*arguments), record.on_primary(*arguments)
        while "not in it yet" in there.stderr:  # the primary writes a few bytes by itself
            record.cluster.wait_until_replayed(record.standby)
            there = record.on_standby(*arguments)
        assert there.exit_code == here.exit_code == 0, (arguments, there.stderr)
        assert sorted(there.stdout.splitlines()) == sorted(here.stdout.splitlines()), arguments
        said = SAID.search(there.stderr)
        assert said, (arguments, there.stderr)
        assert said[1] == "it shows all that it received"
        assert "standby" not in here.stderr


def test_a_report_is_made_from_a_standby_and_its_page_is_served(
    record: Record, tmp_path: Path
) -> None:
    made = record.on_standby("report", "-o", str(tmp_path / "report.html"))
    assert made.exit_code == 0, made.stderr
    assert SAID.search(made.stderr)
    command = [*PROGRAM, "serve", "--port", "0", "--db", record.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stderr is not None
            assert SAID.fullmatch(serving.stderr.readline())
            (url,) = re.findall(r"http://\S+(?=;)", serving.stderr.readline())
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert answer.status == 200
        finally:
            serving.terminate()


def test_what_a_standby_received_and_does_not_show_is_said(record: Record) -> None:
    record.standby.query("SELECT pg_wal_replay_pause()")
    try:
        records.store(record.primary_url, record.events[290:])
        said: list[str] = []

        def is_behind() -> bool:
            shown = record.on_standby(
                "sql", "SELECT count(*) AS n FROM cancel_audit", "--format", "json"
            )
            assert json.loads(shown.stdout) == [{"n": 290}]
            said.append(SAID.search(shown.stderr)[1])
            return (
                re.fullmatch(r"[0-9,]+ bytes that it received are not in it yet", said[-1])
                is not None
            )

        eventually(is_behind, "it says what waits")
    finally:
        record.standby.query("SELECT pg_wal_replay_resume()")
    record.cluster.wait_until_replayed(record.standby)
    lag = record.on_standby("ship", "--to", record.primary_url, "--status")
    assert lag.stdout == "behind: 0 events of 0 writers\n"


def test_a_query_that_the_standby_has_to_end_is_a_line_that_says_why(record: Record) -> None:
    with (record.standby.data / "postgresql.conf").open("a") as file:
        file.write("max_standby_streaming_delay = 50ms\n")
    record.standby.query("SELECT pg_reload_conf()")
    record.cluster.primary.query("CREATE TABLE theirs AS SELECT 1 AS n", record.name)
    record.cluster.wait_until_replayed(record.standby)
    command = [*PROGRAM, "sql", "SELECT pg_sleep(60) FROM theirs", "--db", record.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as asking:
        try:
            eventually(lambda: record.standby.query(ASLEEP), "the query runs")
            record.cluster.primary.query("DROP TABLE theirs", record.name)
            _, stderr = asking.communicate(timeout=30)
        finally:
            asking.kill()
    assert asking.returncode == 1, stderr
    assert "ended a long query, to go on with what its primary sends" in stderr


def test_nobody_ships_to_a_standby(record: Record, tmp_path: Path) -> None:
    here = records.source(tmp_path / "here.db", records.made(5, seed=9))
    result = invoke(["audit", "ship", "--db", here.url, "--to", record.url])
    assert result.exit_code == 1
    assert "takes no writes now; if it is a standby, name the primary" in result.stderr
