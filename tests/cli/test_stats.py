import csv
import io
import json
import time

import pytest

from mexc_plugin.cli.commands.stats import BY
from mexc_plugin.review.figures import FIGURES, share
from mexc_plugin.store.read.statistics.counts import By

REFUSED = {
    "venue_code": "-2011",
    "venue_message": "Unknown order sent.",
    "error_type": "OrderNotFound",
}


@pytest.fixture
def counted(run, url):
    """What `audit stats` prints as JSON."""

    def counting(*arguments):
        result = run("audit", "stats", "--format", "json", "--database-url", url, *arguments)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return counting


@pytest.fixture
def ten(ledger):
    """Ten cancels: six canceled, two not found, one unknown, one pending."""
    for number in range(6):
        ledger.cancel(at=number / 10, answer={"latency_us": 1_000 * (number + 1)})
    for _ in range(2):
        ledger.cancel("not_found", at=3_600, bot="=SUM(A1)", answer=REFUSED)
    ledger.cancel("unknown", at=86_400, order_id="5", answer={"error_type": "RequestTimeout"})
    ledger.cancel(None, at=86_401, order_id="6")


def test_the_total_says_how_many_what_became_of_them_and_how_long_they_took(ten, counted):
    found = counted()
    assert {name: found[name] for name in FIGURES} == {
        "attempts": 10,
        "failed": 2,
        "failed_share": 0.2,
        "unresolved": 2,
        "p50_us": 2_000,
        "p95_us": 6_000,
        "p99_us": 6_000,
        "max_us": 6_000,
    }
    assert found["outcomes"] == {"canceled": 6, "not_found": 2, "unknown": 1, "pending": 1}


def test_the_total_says_why_when_most_and_what_was_asked_for_again(ten, counted):
    found = counted()
    refused = {"outcome": "not_found", "code": "-2011", "attempts": 2}
    assert refused.items() <= found["reasons"][0].items()
    assert [r["error_type"] for r in found["reasons"][1:]] == ["RequestTimeout"]
    assert found["bursts"][0] == {"second": "2026-11-23 12:00:00", "attempts": 6}
    assert (found["repeated_orders"], found["repeated"]) == (1, [{"order": "4", "cancels": 8}])
    assert found["unresolved_oldest"] == "2026-11-24T12:00:00.000000Z"
    assert sum(found["unresolved_ages"].values()) == 2


def test_a_reconciled_cancel_counts_as_what_became_of_it(ledger, counted):
    ledger.reconcile(ledger.cancel("unknown"), "canceled")
    assert counted()["outcomes"] == {"canceled": 1}


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("day", ["2026-11-23", "2026-11-24"]),
        ("hour", ["2026-11-23 12", "2026-11-23 13", "2026-11-24 12"]),
        ("bot", ["grid", "=SUM(A1)"]),
        ("symbol", ["LTC/BTC"]),
        ("account", ["0123456789abcdef"]),
        ("outcome", ["canceled", "not_found", "unknown", "pending"]),
    ],
)
def test_by_gives_a_row_for_each(ten, counted, by, names):
    assert names == [row[by] for row in counted("--by", by)]


def test_every_way_to_count_by_is_an_option():
    assert set(BY) == set(By)


def test_filters_are_those_of_the_list(ten, counted):
    assert counted("--outcome", "failed")["attempts"] == 2
    assert counted("--bot", "grid", "--until", "2026-11-24")["attempts"] == 6
    assert counted("--order-id", "5")["outcomes"] == {"unknown": 1}
    assert counted("--latency-over", "4ms")["attempts"] == 2


def test_csv_has_a_line_for_each_group_and_no_formula(ten, run, url):
    done = run("audit", "stats", "--by", "bot", "--format", "csv", "--database-url", url)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [list(FIGURES), ["grid", "'=SUM(A1)"]] == [list(rows[0])[1:], [r["bot"] for r in rows]]


def test_csv_of_the_total_has_a_line_for_each_figure(ten, run, url):
    done = run("audit", "stats", "--format", "csv", "--database-url", url)
    rows = {(r["section"], r["name"]): r["value"] for r in csv.DictReader(io.StringIO(done.stdout))}
    assert rows["total", "attempts"] == "10"
    assert rows["outcomes", "not_found"] == "2"
    assert rows["reasons", "not_found -2011 Unknown order sent. OrderNotFound"] == "2"


def test_a_table_has_sections_and_no_escape_of_the_venue(ledger, run, url):
    ledger.cancel("rejected", answer={"venue_code": "1", "venue_message": "\x1b[31mno\u202e"})
    printed = run("audit", "stats", "--format", "table", "--database-url", url).stdout
    assert "\\x1b[31mno\\u202e" in printed
    assert [sign in printed for sign in ("\x1b", "\u202e")] == [False, False]
    for heading in ("Outcomes", "Reasons", "Bursts"):
        assert heading in printed


def test_by_as_a_table_is_for_people(ten, run, url):
    done = run("audit", "stats", "--by", "day", "--format", "table", "--database-url", url)
    assert done.stdout.splitlines()[1].split() == [
        *(
            "2026-11-23",
            "8",
            "2",
            "25.00%",
            "0",
            "2.00",
            "ms",
            "6.00",
            "ms",
            "6.00",
            "ms",
            "6.00",
            "ms",
        )
    ]


def test_nothing_on_record_is_said_and_counts_nothing(run, url, counted):
    done = run("audit", "stats", "--format", "table", "--database-url", url)
    assert (done.stdout, done.stderr) == ("", "no cancel on record matches\n")
    assert (counted()["attempts"], counted()["p50_us"], counted("--by", "day")) == (0, None, [])


@pytest.mark.parametrize(
    "arguments",
    [["--by", "moon"], ["--format", "xml"], ["--since", "now", "--until", "1h"], ["more"]],
)
def test_what_cannot_be_meant_is_a_usage_error(run, url, arguments):
    result = run("audit", "stats", "--database-url", url, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_database_that_is_not_there_is_said_in_a_line(run, tmp_path):
    result = run("audit", "stats", "--database-url", f"sqlite:///{tmp_path}/none.db")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


def test_a_share_for_people():
    assert [share(None), share(0.0481)] == ["–", "4.81%"]


def printed(run, url, *arguments):
    words = ["audit", "stats", "--local", "--format", "table", "--database-url", url, *arguments]
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_times_of_the_total_are_those_of_this_place(ledger, run, url, berlin):
    ledger.cancel("unknown")
    text = printed(run, url)
    assert "the oldest asked at 2026-11-23 13:00:00.000 local" in text
    assert "second (local)" in text
    assert "2026-11-23 13:00:00 " in text


def test_hours_and_days_are_those_of_this_place(ledger, run, url, berlin):
    for hours in (0, 10.5, 11.5):  # 13:00, 23:30 and half past midnight in Berlin
        ledger.cancel(at=hours * 3_600)
    days = [line.split()[:2] for line in printed(run, url, "--by", "day").splitlines()]
    assert days == [["day", "(local)"], ["2026-11-23", "2"], ["2026-11-24", "1"]]
    assert "2026-11-24 00:00  1" in printed(run, url, "--by", "hour")


def test_days_of_a_zone_with_half_hours_are_refused(ledger, run, url, monkeypatch):
    ledger.cancel()
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    words = ["audit", "stats", "--local", "--format", "table", "--by", "day"]
    result = run(*words, "--database-url", url)
    assert "2026-11-23 17:30  1" in printed(run, url, "--by", "hour")
    monkeypatch.undo()
    time.tzset()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "leave --local out" in result.stderr


def test_nothing_found_names_the_window(run, url):
    words = ["audit", "stats", "--since", "2026-11-23", "--format", "table", "--database-url", url]
    assert "matches since 2026-11-23 00:00:00 UTC" in run(*words).stderr
