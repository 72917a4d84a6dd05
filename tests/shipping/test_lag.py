"""How far a target is, as a monitor and the doctor are told."""

import time
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.sandbox import Sandbox
from tests.cli.test_metrics import parsed
from tests.command_line import invoke
from tests.store.audits import Audit

from . import records

SHIP_TO = "MEXC_PLUGIN_SHIP_TO"


def source(path: Path, *ages: float) -> Audit:
    """A record of one writer whose events are so many seconds old."""
    made: list[events.Event] = []
    for seq, age in enumerate(ages, 1):
        draft = {"kind": "start", "occurred_ns": time.time_ns() - int(age * 1e9)}
        last = made[-1].hash if made else chain.GENESIS
        made.append(events.seal(draft, made[0].writer_id if made else uuid7(), seq, last))
    return records.source(path, made)


@pytest.fixture
def target(tmp_path: Path) -> Audit:
    return Audit(tmp_path / "central.db")


def ship(here: Audit, target: Audit) -> None:
    assert invoke(["audit", "ship", "--db", here.url, "--to", target.url]).exit_code == 0


def lag(here: Audit, *options: str, code: int = 0) -> dict[str, float]:
    result = invoke(["audit", "metrics", "--db", here.url, *options])
    assert result.exit_code == code, result.output
    found = parsed(result.stdout)
    return {name: value for (name, _), value in found.items() if name.startswith("ship_")}


def test_a_monitor_is_told_what_the_target_lacks_and_since_when(
    target: Audit, tmp_path: Path
) -> None:
    here = source(tmp_path / "here.db", 90, 60, 30)
    before = lag(here, "--ship-to", target.url)
    assert before.pop("ship_oldest_timestamp_seconds") == pytest.approx(time.time() - 90, abs=60)
    assert before == {"ship_target_readable": 1, "ship_lag_events": 3}
    assert not target.path.exists(), "asking makes nothing"
    ship(here, target)
    assert lag(here, "--ship-to", target.url) == {"ship_target_readable": 1, "ship_lag_events": 0}


def test_the_variable_of_the_shipper_is_enough_and_without_it_nothing_is_said(
    target: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = source(tmp_path / "here.db", 1)
    assert lag(here) == {}
    monkeypatch.setenv(SHIP_TO, str(target.path))
    assert lag(here)["ship_lag_events"] == 1


def test_a_target_that_cannot_be_read_is_a_figure_and_no_error(tmp_path: Path) -> None:
    here = source(tmp_path / "here.db", 1)
    nobody = "postgresql://audit@127.0.0.1:1/audit"
    assert lag(here, "--ship-to", nobody) == {"ship_target_readable": 0}


def test_a_target_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    here = source(tmp_path / "here.db", 1)
    result = invoke(["audit", "metrics", "--db", here.url, "--ship-to", "oracle://x/y"])
    assert (result.exit_code, result.stdout) == (2, "")


def doctor(sandbox: Sandbox, here: Audit, *options: str) -> tuple[list[str], int]:
    """What it says of record and shipping, and the exit code."""
    base = ["doctor", "--base-url", sandbox.url, "--db", here.url]
    result: Any = invoke([*base, *options])
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    return [line for line in lines if "record:" in line or "shipping:" in line], result.exit_code


def test_the_doctor_says_an_age_in_days_and_not_in_a_million_seconds(
    target: Audit, tmp_path: Path, sandbox: Sandbox
) -> None:
    here = source(tmp_path / "here.db", 5 * 86_400, 2 * 86_400)
    (newest, behind), _ = doctor(sandbox, here, "--ship-to", target.url)
    assert newest.startswith("ok record: its newest event is 2 days, 0:00:")
    assert "the oldest 5 days, 0:00:" in behind


def test_the_doctor_says_how_far_it_is_on_either_side(
    target: Audit, tmp_path: Path, sandbox: Sandbox
) -> None:
    here = source(tmp_path / "here.db", 2, 1)
    (newest, behind), _ = doctor(sandbox, here, "--ship-to", target.url)
    assert newest.startswith("ok record: its newest event is ")
    assert behind.startswith(f"ok shipping: {target.path} lacks 2 event(s) of 1 writer(s), the old")
    ship(here, target)
    said, _ = doctor(sandbox, here, "--ship-to", target.url)
    assert said[1] == f"ok shipping: {target.path} has all events"
    (newest,), _ = doctor(sandbox, target)
    assert newest.startswith("ok record: its newest event is ")


def test_what_is_not_shipped_for_long_needs_attention(
    target: Audit, tmp_path: Path, sandbox: Sandbox
) -> None:
    here = source(tmp_path / "here.db", 400, 1)
    (_, behind), code = doctor(sandbox, here, "--ship-to", target.url)
    assert behind.startswith(f"attention shipping: {target.path} lacks 2 event(s)")
    assert behind.endswith("see that this runs: mexc-plugin audit ship --follow")
    assert code == 3
    nobody = "postgresql://audit:secret@127.0.0.1:1/audit"
    (_, gone), code = doctor(sandbox, here, "--ship-to", nobody)
    assert gone.startswith("attention shipping: the database server of postgresql")
    assert "secret" not in gone
    assert code == 3
