"""`audit list` in pages: cursors, columns, clocks, and what a page comes to."""

import csv
import io
import json
import re
import shutil

import pytest

from mexc_plugin.cli.commands.listing import Page
from mexc_plugin.store.read import page_token, queries
from mexc_plugin.store.schema.tables import HISTORY_COLUMNS
from tests.cli.conftest import Ledger

CURSOR = re.compile(r"--after (\S+)")


@pytest.fixture
def listing(run, url):
    def listed(*arguments, code=0):
        result = run("audit", "list", "--database-url", url, *arguments)
        assert result.exit_code == code, result.stderr
        return result

    return listed


def ids(result):
    return [json.loads(line)["cancel_id"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize("direction", [[], ["--reverse"]])
def test_page_after_page_is_the_whole_list(ledger, listing, direction):
    made = [ledger.cancel(at=second) for second in range(7)]
    found, more = [], []
    while True:
        page = listing("--limit", "3", *direction, *more)
        found += ids(page)
        cursor = CURSOR.search(page.stderr)
        if cursor is None:
            break
        more = ["--after", cursor[1]]
    assert found == (made if direction else made[::-1])


def test_the_last_page_says_no_cursor(ledger, listing):
    for second in range(3):
        ledger.cancel(at=second)
    assert listing("--limit", "3").stderr == ""
    assert CURSOR.search(listing("--limit", "2").stderr)


def test_a_cursor_holds_while_the_record_grows(ledger, listing):
    made = [ledger.cancel(at=second) for second in range(4)]
    cursor = CURSOR.search(listing("--limit", "2").stderr)[1]
    ledger.cancel(at=99)
    assert ids(listing("--after", cursor)) == [made[1], made[0]]


def test_a_cursor_goes_with_other_filters_too(ledger, listing):
    old = ledger.cancel("rejected", at=0)
    ledger.cancel(at=1)
    ledger.cancel("rejected", at=2)
    cursor = CURSOR.search(listing("--limit", "1").stderr)[1]
    assert ids(listing("--after", cursor, "--outcome", "failed")) == [old]


def test_a_cursor_of_another_database_is_refused(ledger, listing, run, tmp_path, prepared):
    ledger.cancel(at=0)
    ledger.cancel(at=1)
    cursor = CURSOR.search(listing("--limit", "1").stderr)[1]
    shutil.copy(prepared, tmp_path / "other.db")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    Ledger(other).cancel()
    result = run("audit", "--database-url", other, "--after", cursor)
    assert [result.exit_code, result.stdout] == [2, ""]
    assert "of another database" in result.stderr


@pytest.mark.parametrize(
    "mangle",
    [
        lambda cursor: cursor[:-1],
        lambda cursor: cursor[:-4] + "AAAA",
        lambda cursor: "2" + cursor[1:],
        lambda cursor: cursor + "é",
        lambda cursor: "",
        lambda cursor: "1",
        lambda cursor: "\x1b[2J",
        lambda cursor: "0" * 5_000,
    ],
)
def test_a_mangled_cursor_is_a_usage_error(ledger, listing, mangle):
    ledger.cancel(at=0)
    ledger.cancel(at=1)
    cursor = CURSOR.search(listing("--limit", "1").stderr)[1]
    result = listing("--after", mangle(cursor), code=2)
    assert result.stdout == ""
    assert "no cursor of audit list" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.strip().isprintable()


def test_a_cursor_names_the_place_of_its_row(ledger, url):
    ledger.cancel()
    with queries.reading(url) as connection:
        (row,) = queries.history(connection, queries.Filters())
        place = page_token.locate(connection, page_token.write(row))
    assert place == queries.Position(row["requested_at"], row["cancel_id"], row["attempt"])


def test_all_has_no_limit(ledger, listing):
    for second in range(60):
        ledger.cancel(at=second)
    result = listing("--all")
    assert [len(ids(result)), result.stderr] == [60, ""]


def test_all_and_a_limit_exclude_each_other(listing):
    assert "--all and --limit" in listing("--all", "--limit", "50", code=2).stderr


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "table"])
def test_columns_are_those_that_were_asked_for_in_that_order(ledger, listing, form):
    cancel_id = ledger.cancel(bot="grid")
    text = listing("--columns", "bot, cancel_id,bot", "--format", form).stdout
    found = {
        "json": lambda: [*json.loads(text)[0].items()],
        "jsonl": lambda: [*json.loads(text).items()],
        "csv": lambda: [*next(csv.DictReader(io.StringIO(text))).items()],
        "table": lambda: [*zip(*(line.split() for line in text.splitlines()), strict=True)],
    }[form]()
    assert [("bot", "grid"), ("cancel_id", cancel_id)] == found


@pytest.mark.parametrize("given", ["", " , ", "bot,payload", "\x1b[2J"])
def test_an_unknown_column_is_refused_with_those_that_there_are(listing, given):
    result = listing("--columns", given, code=2)
    words = " ".join(result.stderr.replace("│", " ").split())
    assert all(name in words for name in HISTORY_COLUMNS)
    assert "\x1b" not in result.stderr


def test_latency_over_is_a_duration(ledger, listing):
    slow = ledger.cancel(at=0, answer={"latency_us": 500_001})
    ledger.cancel(at=1, answer={"latency_us": 500_000})
    for text in ("500ms", "500000us", "0.5s"):
        assert ids(listing("--latency-over", text)) == [slow]


@pytest.mark.parametrize("text", ["500", "-1s", "soon", "1h", "1e3ms", ""])
def test_a_latency_that_is_not_understood_says_what_would_be(listing, text):
    assert "500ms" in listing("--latency-over", text, code=2).stderr


def test_a_table_says_what_its_rows_come_to(ledger, listing):
    for number in range(98):
        ledger.cancel(at=number, answer={"latency_us": 43_218})
    ledger.cancel("rejected", at=98, answer={"latency_us": 43_218})
    ledger.cancel("unknown", at=99, answer={"latency_us": 10_004_321})
    words = listing("--all", "--format", "table").stderr
    assert words == "100 attempts, 1 failed, 1 unresolved, p50 43.2 ms, p99 43.2 ms\n"


def test_the_percentiles_of_a_page_are_those_of_its_rows():
    rows = [{"final_outcome": "canceled", "latency_us": number * 1_000} for number in range(1, 101)]
    page = Page(rows, None)
    assert len([*page]) == 100
    assert "p50 50.0 ms, p99 99.0 ms" in page.summary()


def test_a_table_can_have_the_time_of_this_place(ledger, listing, berlin):
    ledger.cancel()
    head, line = listing("--local", "--format", "table").stdout.splitlines()
    assert head.startswith("requested (local)")
    assert line.startswith("2026-11-23 13:00:00.000")


def test_what_is_typed_is_read_in_the_zone_that_is_shown(ledger, listing, berlin):
    cancel_id = ledger.cancel()  # at 13:00 in Berlin
    window = ["--since", "2026-11-23 12:59", "--until", "2026-11-23 13:01"]
    assert ids(listing("--local", *window)) == [cancel_id]
    assert ids(listing(*window)) == []
    assert ids(listing("--since", "2026-11-23 11:59", "--until", "2026-11-23 12:01")) == [cancel_id]


def test_an_empty_answer_names_the_window_in_both_zones(listing, berlin):
    words = listing("--local", "--since", "2026-09-30 14:03", "--format", "table").stderr
    assert words == (
        "no cancel on record matches since 2026-09-30 14:03:00 CEST (2026-09-30 12:03:00 UTC)\n"
    )
    words = listing("--until", "2026-09-30 14:03", "--format", "table").stderr
    assert "before 2026-09-30 14:03:00 UTC (2026-09-30 16:03:00 CEST)" in words


def test_columns_have_the_time_of_this_place_too(ledger, listing, berlin):
    ledger.cancel()
    text = listing("--local", "--columns", "requested_at,bot", "--format", "table").stdout
    assert text == "requested_at (local)     bot\n2026-11-23 13:00:00.000  grid\n"


def test_other_formats_are_utc_whatever_the_place(ledger, listing, berlin):
    ledger.cancel()
    for form in ("json", "jsonl", "csv"):
        assert "2026-11-23T12:00:00.000000Z" in listing("--local", "--format", form).stdout


def test_rows_are_taken_one_at_a_time_as_they_are_printed():
    taken = []
    page = Page((taken.append(number) or row(number) for number in range(10_000)), None)
    for number, _ in enumerate(page, 1):
        assert len(taken) == number


def row(number):
    return {"final_outcome": "canceled", "latency_us": number}
