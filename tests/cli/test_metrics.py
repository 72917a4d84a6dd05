"""`audit metrics`: what Prometheus takes, and what node_exporter finds."""

import math
import stat
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mexc_plugin.audit.outcome import Outcome
from tests.cli.tampering import tamper


def parsed(text: str) -> dict[tuple[str, str], float]:
    """The samples, as Prometheus' own parser reads them: by name and the values of labels."""
    return {
        (sample.name.removeprefix("mexc_plugin_"), ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def metrics(run, url):
    def asked(*arguments: str, code: int = 0) -> Any:
        result = run("audit", "metrics", "--db", url, *arguments)
        assert result.exit_code == code, result.output
        return result

    return asked


@pytest.fixture
def today(monkeypatch):
    """The seconds from the ledger's noon to this moment."""
    import time

    from tests.cli.conftest import NOON

    return (time.time_ns() - NOON) / 1e9


def test_prometheus_own_parser_takes_all_of_it(ledger, metrics, today):
    ledger.cancel(at=today)
    ledger.cancel("unknown", at=today)
    families = list(text_string_to_metric_families(metrics().stdout))
    kinds = {family.name.removeprefix("mexc_plugin_"): family.type for family in families}
    assert kinds == {
        "record_readable": "gauge",
        "spool_events": "gauge",
        "spool_files": "gauge",
        "spool_unreadable_files": "gauge",
        "spool_kept_aside_files": "gauge",
        "attempts": "counter",
        "latency_seconds": "histogram",
        "unresolved_attempts": "gauge",
        "unresolved_oldest_timestamp_seconds": "gauge",
        "newest_attempt_timestamp_seconds": "gauge",
        "last_event_timestamp_seconds": "gauge",
        "lost_events": "gauge",
    }
    assert all(family.documentation.endswith(".") for family in families)
    assert all(family.samples for family in families)


def test_what_the_record_holds_is_what_the_samples_say(ledger, metrics, today):
    ledger.cancel(at=today, answer={"latency_us": 30_000})
    ledger.cancel("rejected", at=today, answer={"latency_us": 40_000_000})
    ledger.cancel("unknown", at=today)
    found = parsed(metrics().stdout)
    counted = {label: v for (name, label), v in found.items() if name == "attempts_total" and v}
    assert counted == {"canceled": 1, "rejected": 1, "unknown": 1}
    buckets = [v for (name, _), v in found.items() if name == "latency_seconds_bucket"]
    assert buckets == [1, 1, *[2] * 9, 3]
    assert [le for name, le in found if name == "latency_seconds_bucket"][-2:] == ["30", "+Inf"]
    assert found["latency_seconds_count", ""] == 3
    assert math.isclose(found["latency_seconds_sum", ""], 40.0315)
    assert found["unresolved_attempts", "unknown"] == 1
    assert found["unresolved_attempts", "pending"] == 0


def test_no_text_of_others_becomes_a_label(ledger, metrics, today, path):
    for number in range(20):
        ledger.cancel(at=today, symbol=f"S{number}/BTC", bot=f"bot-{number}", account=f"{number}")
    before = len(parsed(metrics().stdout))
    cancel_id = ledger.cancel(at=today)
    tamper(path, f"UPDATE cancel_history SET outcome = 'a\"}}x' WHERE cancel_id = '{cancel_id}'")
    found = parsed(metrics().stdout)
    assert (len(found), found["attempts_total", "other"]) == (before, 1)
    labels = {label for name, label in found if name == "attempts_total"}
    assert labels - {"other"} < {outcome.value for outcome in Outcome}


def test_a_file_is_replaced_whole_and_everybody_may_read_it(ledger, metrics, tmp_path):
    file = tmp_path / "collector" / "mexc_plugin.prom"
    file.parent.mkdir()
    file.write_text("older\n")
    file.chmod(0o600)
    before = file.stat().st_ino
    assert metrics("-o", str(file)).output == ""
    assert parsed(file.read_text())["record_readable", ""] == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert file.stat().st_ino != before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_record_that_cannot_be_read_is_said_in_the_figures_too(run, tmp_path):
    file, database = tmp_path / "mexc_plugin.prom", tmp_path / "audit.db"
    (tmp_path / "audit.db.w.spool").write_text("{}\n{}\nhalf of")
    database.write_text("no database")
    result = run("audit", "metrics", "--db", str(database), "-o", str(file))
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    found = parsed(file.read_text())
    assert found["record_readable", ""] == 0
    assert found["spool_events", ""] == 2
    assert not any("attempts" in name for name, _ in found)


def test_what_waits_in_spools_is_counted(metrics, ledger, path, tmp_path):
    ledger.cancel()
    (tmp_path / "audit.db.one.spool").write_bytes(b"{}\n" * 3 + b"\0" * 4096)
    (tmp_path / "audit.db.two.spool").symlink_to(path)
    (tmp_path / "audit.db.three.torn").write_text("{}")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    found = parsed(metrics("--spool", str(elsewhere)).stdout)
    assert [found[f"spool_{name}", ""] for name in ("events", "files", "unreadable_files")] == [
        3,
        2,
        1,
    ]
    assert found["spool_kept_aside_files", ""] == 1


@pytest.mark.parametrize("name", ["", "folder", "none/m.prom"])
def test_a_file_that_cannot_be_is_refused_in_a_line(metrics, ledger, tmp_path, name):
    ledger.cancel()
    (tmp_path / "folder").mkdir()
    result = metrics("-o", str(tmp_path / name), code=1 if "none" in name else 2)
    assert (len(result.stderr.splitlines()), result.stdout) == (1, "")
    assert not list(Path(tmp_path).glob("**/*.new"))
