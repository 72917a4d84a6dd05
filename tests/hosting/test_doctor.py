"""`mexc-plugin doctor`: one line a thing, exit 3 when one of them needs attention."""

import contextlib
import os
import re
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mexc_plugin.audit import chain, events
from mexc_plugin.cli import program as command_line
from mexc_plugin.hosting import checks, clocks
from mexc_plugin.hosting.checks import Finding
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write.spool.spool_file import Spool

from .conftest import LEAN, program

pytestmark = LEAN


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "audit.db"
    engine = engines.create(f"sqlite:///{path}")
    migrate.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def database(url: str) -> tuple[list[str], list[str]]:
    """What is fine, and what needs attention."""
    found = list(checks.database(url, "given"))
    return (
        [f.text for f in found if not f.needs_attention],
        [f.text for f in found if f.needs_attention],
    )


@contextlib.contextmanager
def changed(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path)
    yield connection
    connection.commit()
    connection.close()


def test_all_is_well_below_run_with_a_prepared_database(sandbox: Sandbox, url: str) -> None:
    done = program(
        "doctor", "--base-url", sandbox.url, "--database-url", url, "--", sys.executable, "bot.py"
    )
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert {line[:11] for line in lines} == {"ok         "}
    assert [line.split()[1] for line in lines] == [
        "versions:", "ccxt.mexc", "ccxt.async_support.mexc", "ccxt.pro.mexc",
        "database:", "guards:", "file", "spool:", "clock:",
    ]  # fmt: skip
    assert "ccxt.pro.mexc is the audited class, mexc_plugin.exchange.pro.mexc" in done.stdout


def test_without_a_command_ccxt_s_own_classes_are_named_and_never_called_ok(
    sandbox: Sandbox, url: str
) -> None:
    done = program("doctor", "--base-url", sandbox.url, "--database-url", url)
    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("note ")]
    assert "which is not audited" in line
    assert "ccxt.mexc, ccxt.async_support.mexc, ccxt.pro.mexc;" in line


def test_a_python_that_shuts_the_adapter_out_needs_attention(sandbox: Sandbox, url: str) -> None:
    done = program(
        *("doctor", "--base-url", sandbox.url, "--database-url", url),
        *("--", sys.executable, "-I", "bot.py"),
    )
    assert done.returncode == 3
    assert re.search(r"^attention  .*-I does not let the adapter in; use --in-process", done.stdout)
    assert "ok         ccxt" not in done.stdout


@pytest.mark.parametrize("command", [["sh", "start.sh"], ["no-such-bot"]])
def test_a_command_whose_python_cannot_be_seen_needs_attention(command: list[str]) -> None:
    (finding,) = checks.adapter(command, os.environ)
    assert finding.needs_attention
    assert finding.text.startswith(f"{command[0]}: ")


def test_an_adapter_that_cannot_be_installed_is_reported(tmp_path: Path) -> None:
    (tmp_path / "ccxt.py").write_text("binance = 1")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    (finding,) = checks.adapter([sys.executable], environ)
    assert finding.needs_attention
    assert "the adapter cannot be installed" in finding.text


def test_a_clock_that_is_ahead_needs_attention() -> None:
    with Sandbox(clock=lambda: 1_000).serve() as sandbox:
        (finding,) = checks.clock(sandbox.url)
        assert finding.needs_attention
        assert f"ahead of {sandbox.url}" in finding.text


def test_the_offset_is_small_for_a_clock_that_is_right(sandbox: Sandbox) -> None:
    offset, uncertainty = clocks.offset_ms(sandbox.url + "/")
    assert abs(offset) <= uncertainty + 5


def test_a_venue_out_of_reach_needs_attention_and_says_so(url: str) -> None:
    (finding,) = checks.clock("http://127.0.0.1:9")
    assert finding.needs_attention
    assert "http://127.0.0.1:9 cannot be reached" in finding.text


def test_an_answer_that_is_no_time_needs_attention(sandbox: Sandbox) -> None:
    (finding,) = checks.clock(sandbox.url + "/sandbox/?")
    assert finding.needs_attention
    assert "not a time" in finding.text


def test_a_database_that_is_not_there_yet_is_fine_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    fine, alarms = database(f"sqlite:///{path}")
    assert (len(fine), alarms) == (1, [])
    assert not path.exists()


def test_a_folder_that_is_not_there_needs_attention(tmp_path: Path) -> None:
    _, (alarm,) = database(f"sqlite:///{tmp_path}/no/audit.db")
    assert "does not exist" in alarm


def test_a_healthy_database_is_fine_and_stays_as_it_is(path: Path, url: str) -> None:
    before = path.read_bytes()
    fine, alarms = database(url)
    assert (len(fine), alarms) == (3, [])
    assert path.read_bytes() == before


def test_a_missing_trigger_needs_attention(path: Path, url: str) -> None:
    with changed(path) as connection:
        (name, *_), *_ = connection.execute("SELECT name FROM sqlite_master WHERE type='trigger'")
        connection.execute(f"DROP TRIGGER {name}")
    _, (alarm,) = database(url)
    assert name in alarm


def test_a_file_that_others_may_read_needs_attention(path: Path, url: str) -> None:
    path.chmod(0o644)
    _, (alarm,) = database(url)
    assert f"{path} has mode 0644" in alarm
    assert "chmod 600" in alarm


def test_a_database_of_other_people_needs_attention_and_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with changed(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    _, (alarm,) = database(f"sqlite:///{path}")
    assert "other tables" in alarm
    assert path.read_bytes() == before


def test_a_locked_database_needs_attention(
    path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "PATIENCE_MS", 100)
    with changed(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        _, (alarm,) = database(url)
    assert "locked" in alarm


def test_waiting_spool_files_need_attention(url: str) -> None:
    folder = url.removeprefix("sqlite:///").rpartition("/")[0]
    assert list(checks.spool(url)) == [Finding(f"spool: nothing waits; {folder} can be written")]
    writer_id = str(uuid.uuid4())
    spool = Spool(url, writer_id)
    spool.append([events.seal({"kind": "start", "occurred_ns": 1}, writer_id, 1, chain.GENESIS)])
    spool.close()
    (finding,) = checks.spool(url)
    assert finding.needs_attention
    assert "1 event(s) in 1 file(s)" in finding.text


def test_no_password_is_shown() -> None:
    result = CliRunner().invoke(
        command_line,
        ["doctor", "--base-url", "http://127.0.0.1:9", "--database-url",
         "postgresql://me:swordfish@127.0.0.1:9/audit"],
    )  # fmt: skip
    assert result.exit_code == 3
    assert "swordfish" not in result.output


def test_a_base_url_that_is_none_is_a_usage_error() -> None:
    assert CliRunner().invoke(command_line, ["doctor", "--base-url", "file:///x"]).exit_code == 2


def test_half_an_answer_about_the_time_is_a_finding(sandbox: Sandbox) -> None:
    sandbox.inject(Fault(FaultKind.DROP_MID_ANSWER, path="/api/v3/time"))
    (finding,) = checks.clock(sandbox.url)
    assert finding.needs_attention
    assert "cannot be reached" in finding.text
