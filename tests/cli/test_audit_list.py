import csv
import io
import json
import sqlite3

import pytest

from mexc_plugin.audit.ids import uuid7
from mexc_plugin.audit.outcome import FAILED, UNRESOLVED, Outcome
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema.tables import HISTORY_COLUMNS

STORED = sorted(set(Outcome) - {Outcome.PENDING})


@pytest.fixture
def listed(run, url):
    """The cancel_ids that `audit list` gives for these options."""

    def listing(*arguments):
        result = run("audit", "list", "--database-url", url, *arguments)
        assert result.exit_code == 0, result.stderr
        return [json.loads(line)["cancel_id"] for line in result.stdout.splitlines()]

    return listing


def test_the_newest_come_first_and_no_more_than_the_limit(ledger, listed):
    ids = [ledger.cancel(at=second) for second in range(4)]
    assert ids[:1:-1] == listed("--limit", "2")


def test_fifty_are_listed_unless_more_are_asked_for(ledger, listed):
    for second in range(51):
        ledger.cancel(at=second)
    assert len(listed()) == 50
    assert len(listed("--limit", "60")) == 51


@pytest.mark.parametrize("arguments", [["audit"], ["audit", "list"]])
def test_audit_alone_is_audit_list(ledger, run, url, arguments):
    wanted = ledger.cancel(bot="wanted")
    ledger.cancel(bot="other")
    result = run(*arguments, "--bot", "wanted", "--limit", "3", "--database-url", url)
    assert [wanted] == [json.loads(line)["cancel_id"] for line in result.stdout.splitlines()]


def test_options_may_stand_before_the_command(ledger, run, url):
    cancel_id = ledger.cancel()
    result = run("audit", "--database-url", url, "show", cancel_id, "--format", "jsonl")
    assert [len(result.stdout.splitlines()), result.exit_code] == [2, 0]


def test_a_symbol_matches_as_unified_and_as_native_in_any_case(ledger, listed):
    ledger.cancel(symbol="BTC/USDT", native_symbol="BTCUSDT")
    wanted = ledger.cancel(symbol="LTC/BTC", native_symbol="LTCBTC")
    for symbol in ("LTC/BTC", "LTCBTC", "ltc/btc"):
        assert [wanted] == listed("--symbol", symbol)


@pytest.mark.parametrize("name", ["account", "bot", "order_id", "client_order_id"])
def test_a_repeated_filter_matches_any_of_its_values(ledger, listed, name):
    option = "--" + name.replace("_", "-")
    ids = [ledger.cancel(at=number, **{name: str(number)}) for number in range(3)]
    assert [ids[1]] == listed(option, "1")
    assert [ids[2], ids[0]] == listed(option, "0", option, "2")
    assert listed(option, "3") == []


def test_different_filters_must_all_match(ledger, listed):
    both = ledger.cancel(bot="a", order_id="1")
    ledger.cancel(bot="a", order_id="2")
    ledger.cancel(bot="b", order_id="1")
    assert [both] == listed("--bot", "a", "--order-id", "1")


def test_an_id_that_only_the_answer_names_is_found(ledger, listed):
    wanted = ledger.cancel(order_id=None, client_order_id="mine", answer={"order_id": "77"})
    assert [wanted] == listed("--order-id", "77")
    assert [wanted] == listed("--client-order-id", "mine")


@pytest.mark.parametrize("column", ["order_id", "client_order_id"])
def test_looking_for_an_order_uses_indexes_only(url, column):
    filters = queries.Filters(**{column + "s": ("4",)})
    with queries.reading(url) as connection:
        query = queries.history_query(filters, 50)
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN "
            + str(query.compile(connection, compile_kwargs={"literal_binds": True}))
        ).fetchall()
    steps = [row[3] for row in plan]
    assert any(f"ix_cancel_history_{column}" in step for step in steps)
    assert any("sqlite_autoindex_cancel_history_1 (cancel_id=?" in step for step in steps)
    assert not any("requested_at" in step for step in steps), steps


def test_the_end_of_a_range_is_outside_of_it(ledger, listed):
    ids = [ledger.cancel(at=second) for second in range(3)]
    assert [ids[1]] == listed("--since", "2026-11-23T12:00:01Z", "--until", "2026-11-23T12:00:02Z")
    assert [ids[2], ids[1]] == listed("--since", "2026-11-23T13:00:01+01:00")
    assert listed("--until", "2026-11-23") == []


@pytest.mark.parametrize("outcome", [outcome.value for outcome in STORED])
def test_each_outcome_can_be_asked_for(ledger, listed, outcome):
    ids = {name: ledger.cancel(name.value) for name in STORED}
    assert [ids[outcome]] == listed("--outcome", outcome)


def test_pending_is_a_request_without_an_answer(ledger, listed):
    ledger.cancel()
    assert [ledger.cancel(None)] == listed("--outcome", "pending")


@pytest.mark.parametrize(("group", "members"), [("failed", FAILED), ("unresolved", UNRESOLVED)])
def test_a_group_of_outcomes_is_all_of_its_members(ledger, listed, group, members):
    ids = {
        outcome: ledger.cancel(None if outcome is Outcome.PENDING else outcome.value)
        for outcome in Outcome
    }
    assert {ids[member] for member in members} == set(listed("--outcome", group))


def test_a_reconciled_cancel_is_listed_by_what_became_of_it(ledger, listed):
    cancel_id = ledger.cancel("unknown")
    ledger.reconcile(cancel_id, "canceled")
    assert listed("--outcome", "unknown") == []
    assert [cancel_id] == listed("--outcome", "canceled")


@pytest.mark.parametrize("outcome", ["unknown", None])
def test_exit_code_asks_for_3_when_a_listed_cancel_is_unresolved(ledger, run, url, outcome):
    ledger.cancel(outcome)
    assert run("audit", "--database-url", url).exit_code == 0
    asked = run("audit", "--database-url", url, "--exit-code")
    assert [asked.exit_code, len(asked.stdout.splitlines())] == [3, 1]
    assert "1 cancel is unresolved" in asked.stderr
    assert run("audit", "--database-url", url, "--exit-code", "--outcome", "failed").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--since", "-5m"],
        ["--since", "9" * 30 + "d"],
        ["--since", "soon"],
        ["--until", "2026-02-30"],
        ["--since", "now", "--until", "1h"],
        ["--limit", "0"],
        ["--limit", "-1"],
        ["--limit", "9" * 30],
        ["--outcome", "lost"],
        ["--format", "xml"],
        ["--database-url", ""],
        ["nonsense"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(run, url, arguments):
    result = run("audit", "--database-url", url, *arguments)
    assert [result.exit_code, result.stdout] == [2, ""]
    assert "Traceback" not in result.stderr


def test_a_time_that_is_not_understood_says_what_would_be(run, url):
    assert "90s, 15m, 1h" in run("audit", "--since", "soon", "--database-url", url).stderr


def test_since_an_hour_until_now_is_a_range(run, url):
    result = run("audit", "--until", "now", "--since", "now", "--database-url", url)
    assert [result.exit_code, result.stdout] == [0, ""]


def test_each_format_has_every_column_of_the_view(ledger, run, url):
    ledger.cancel()

    def output(form):
        return run("audit", "--format", form, "--database-url", url).stdout

    assert list(HISTORY_COLUMNS) == list(json.loads(output("json"))[0])
    assert list(HISTORY_COLUMNS) == list(json.loads(output("jsonl")))
    assert list(HISTORY_COLUMNS) == next(csv.reader(io.StringIO(output("csv"))))
    assert "LTC/BTC" in output("table")


def test_nothing_found_is_an_empty_array_or_no_line(run, url):
    assert run("audit", "--format", "json", "--database-url", url).stdout == "[]\n"
    for form in ("jsonl", "table"):
        assert run("audit", "--format", form, "--database-url", url).stdout == ""


def test_a_filter_is_a_value_and_never_sql(ledger, run, url, path):
    ledger.cancel()
    run("audit", "--order-id", "' OR 1=1; DROP TABLE cancel_audit; --", "--database-url", url)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM cancel_audit").fetchone() == (2,)
    connection.close()


def test_a_long_list_is_streamed_whole(ledger, listed):
    cancels = queries.BATCH + 10
    sealed = [
        ledger.seal(kind="request", cancel_id=uuid7(), attempt=1, at=number)
        for number in range(cancels)
    ]
    ledger.store(*sealed)
    assert len(set(listed("--limit", "5000"))) == cancels


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("list", "no cancel on record matches"),
        ("tail", "no cancel on record matches"),
        ("stats", "no cancel on record matches"),
        ("sql", "no rows"),
    ],
)
def test_an_empty_answer_says_so_beside_the_data(run, url, command, words, form):
    given = ["failed"] if command == "sql" else []
    result = run("audit", command, *given, "--format", form, "--db", url)
    if result.exit_code == 2:  # tail and stats have fewer formats
        assert "is not one of" in result.stderr
        return
    assert (result.stderr.strip(), result.exit_code) == (words, 0)
    assert "no " not in result.stdout


@pytest.mark.parametrize("words", [["--code", "-2011"], ["--code=-2011"], ["--search", "KNOWN o"]])
def test_a_code_or_a_text_of_the_answer_finds_it(ledger, run, url, words):
    said = {"venue_code": "-2011", "venue_message": "Unknown order sent."}
    wanted = ledger.cancel("not_found", answer=said)
    ledger.cancel("rejected", at=1, answer={"venue_code": "30004", "venue_message": "Oversold"})
    for command in (["audit"], ["audit", "list"]):
        (line,) = run(*command, *words, "--db", url).stdout.splitlines()
        assert json.loads(line)["cancel_id"] == wanted


@pytest.mark.parametrize(
    ("text", "words"), [(" ", "is empty"), ("x" * 257, "longer than 256"), ("a\0", "holds a NUL")]
)
def test_a_text_that_nobody_looks_for_is_refused(run, url, text, words):
    refused = run("audit", "list", "--search", text, "--db", url)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert words in refused.stderr
