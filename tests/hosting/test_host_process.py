"""What belongs to the whole process is the bot's: a record that is made and used leaves it as it was."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """By what it is, how it was before and how it is afterwards."""
    folder = tmp_path_factory.mktemp("host")
    with Sandbox().serve() as venue:
        orders = [venue.place("LTCBTC", "BUY", "1", "0.002") for _ in range(2)]
        urls = [f"sqlite:///{folder / name}.db" for name in ("one", "other")]
        line = [
            sys.executable,
            "-m",
            "tests.hosting.host_process",
            json.dumps(venue.ccxt_config()),
            *urls,
        ]
        done = subprocess.run(
            [*line, json.dumps(orders)], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
        )  # fmt: skip
        assert (done.returncode, len(venue.arrivals)) == (0, 2), done.stderr
    return json.loads(done.stdout)


def differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() & after.keys() if before[name] != after[name]}


def test_no_logger_is_changed_but_for_the_filter_on_those_that_log_signatures(changed) -> None:
    before, after = changed["loggers"]
    assert differing(before, after) == {"urllib3.connectionpool", "urllib3.util.retry"}
    *rest, filters = zip(before["urllib3.util.retry"], after["urllib3.util.retry"], strict=True)
    assert all(old == new for old, new in rest)
    assert filters[0] == []


def test_no_signal_is_handled_but_the_one_that_drains_the_record(changed) -> None:
    assert differing(*changed["signals"]) == {"SIGTERM"}


def test_nothing_else_of_the_process_is_changed(changed) -> None:
    rest = {name: each for name, each in changed.items() if name not in ("loggers", "signals")}
    assert rest == {}
