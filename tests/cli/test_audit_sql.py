"""`audit sql`: lists, shows and runs questions; refuses what it cannot run, in one line."""

import csv
import io
import json
import re
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy.exc import OperationalError

from mexc_plugin.review.times import moment
from mexc_plugin.store.read import own_sql, questions
from tests.cli.conftest import NOON, Ledger
from tests.cli.tampering import tamper
from tests.command_line import invoke

CATALOGUE = questions.catalogue()


@pytest.fixture
def sql(run, url):
    def ask(*words: str):
        return run("audit", "sql", *words, "--database-url", url)

    return ask


# -- the files


def test_there_are_more_than_twenty_questions():
    assert len(CATALOGUE) > 24


@pytest.mark.parametrize("question", CATALOGUE.values(), ids=CATALOGUE)
def test_a_question_says_what_it_is_about_and_uses_all_its_parameters(question):
    assert question.title
    assert question.about.endswith(".")
    for dialect in ("sqlite", "postgresql", "mysql"):
        used = set(re.findall(r"(?<![:\w]):(\w+)", question.sql_for(dialect)))
        assert used == {parameter.name for parameter in question.parameters}


@pytest.mark.parametrize("question", CATALOGUE.values(), ids=CATALOGUE)
def test_the_default_of_a_parameter_is_one_of_its_type(question):
    for parameter in question.parameters:
        if parameter.type == "time":
            assert moment(str(parameter.default), moment("2026-11-23", None))
        elif parameter.type == "number":
            assert str(parameter.default).isdigit()
        else:
            assert parameter.default in (None, "")


@pytest.mark.parametrize("question", CATALOGUE.values(), ids=CATALOGUE)
def test_a_variant_has_the_parameters_of_the_question(question):
    readings = [questions.read(question.name, {"": text}) for text in question.text.values()]
    assert len({reading.parameters for reading in readings}) == 1


def test_questions_only_read():
    for question in CATALOGUE.values():
        for text in question.sql.values():
            assert text.startswith("SELECT ")
            assert ";" not in text


# -- listing and showing


@pytest.mark.parametrize("words", [[], ["--list"]])
def test_all_questions_are_listed(run, words):
    result = run("audit", "sql", *words, "--format", "json")
    assert result.exit_code == 0
    assert [listed["name"] for listed in json.loads(result.stdout)] == list(CATALOGUE)


def test_the_list_as_a_table_fits_a_terminal_and_says_where_parameters_are(run):
    result = run("audit", "sql", "--list", "--format", "table")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["name", "title"]
    assert max(map(len, lines)) < 100
    trail = next(line for line in lines if line.startswith("order-trail"))
    assert re.split(r"\s{2,}", trail) == ["order-trail", "The whole trail of one order"]
    assert result.stderr.endswith("mexc-plugin audit sql NAME --show\n")


def test_the_list_elsewhere_has_the_parameters_with_their_defaults(run):
    lines = run("audit", "sql", "--list", "--format", "jsonl").stdout.splitlines()
    listed = {row["name"]: row["parameters"] for row in map(json.loads, lines)}
    assert listed["order-trail"] == "order"
    assert listed["slowest"] == "since=1970-01-01 until=9999-12-31 most=20"


def test_a_question_s_sql_is_shown_as_the_file_has_it(sql):
    assert sql("gaps", "--show").stdout == CATALOGUE["gaps"].text[""]
    assert sql("filled-totals", "--show").stdout == CATALOGUE["filled-totals"].text["sqlite"]


def test_showing_needs_no_database(run, tmp_path):
    missing = f"sqlite:///{tmp_path}/none.db"
    assert run("audit", "sql", "gaps", "--show", "--database-url", missing).exit_code == 0


# -- running


def test_every_format_has_the_same_rows(sql, ledger: Ledger):
    ledger.cancel("rejected", answer={"venue_code": "30016"}, bot="=1+1")
    as_json = json.loads(sql("failed", "--format", "json").stdout)
    lines = sql("failed", "--format", "jsonl").stdout.splitlines()
    rows = list(csv.DictReader(io.StringIO(sql("failed", "--format", "csv").stdout)))
    assert [json.loads(line) for line in lines] == as_json
    assert [row["venue_code"] for row in rows] == ["30016"] == [as_json[0]["venue_code"]]
    assert [rows[0]["bot"], as_json[0]["bot"]] == ["'=1+1", "=1+1"]
    assert as_json[0]["requested_at"] == "2026-11-23T12:00:00.000000Z"


def test_off_a_terminal_it_is_jsonl(sql, ledger: Ledger):
    ledger.cancel()
    result = sql("accounts")
    assert json.loads(result.stdout)["attempts"] == 1


def test_a_table_has_every_column_and_nothing_that_a_terminal_obeys(sql, ledger: Ledger):
    ledger.cancel("rejected", answer={"venue_message": "no\x1b[31m\n\u202e way"})
    result = sql("failed", "--format", "table")
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout
    assert r"no\x1b[31m\n\u202e way" in result.stdout
    assert len(result.stdout.splitlines()) == 2


def test_a_table_without_rows_says_so(sql, ledger: Ledger):
    result = sql("failed", "--format", "table")
    assert [result.exit_code, result.stdout, result.stderr] == [0, "", "no rows\n"]


def test_csv_without_rows_still_has_its_heading(sql):
    assert sql("gaps", "--format", "csv").stdout.startswith("writer_id,first_missing,")


def test_parameters_choose_the_rows(sql, ledger: Ledger):
    ledger.cancel(at=0, account="a" * 16)
    late = ledger.cancel(at=60, account="a" * 16)
    ledger.cancel(at=60, account="b" * 16)
    result = sql(
        "cancels-of-an-account",
        "--param", f"account={'a' * 16}",
        "--param", "since=2026-11-23T12:00:30Z",
    )  # fmt: skip
    assert [json.loads(line)["cancel_id"] for line in result.stdout.splitlines()] == [late]


def test_a_value_may_hold_what_sql_would_obey(sql, ledger: Ledger):
    evil = "x' OR '1' = '1; DROP TABLE cancel_audit; --=%s:account"
    ledger.cancel(order_id=evil)
    found = [
        json.loads(line)
        for line in sql("order-trail", "--param", f"order={evil}").stdout.splitlines()
    ]
    assert [row["kind"] for row in found] == ["request", "response"]
    assert sql("order-trail", "--param", "order=x' OR '1' = '1").stdout == ""


def test_a_relative_time_is_taken_as_elsewhere(sql, ledger: Ledger):
    ledger.cancel("unknown", occurred_ns=NOON - 400 * 86_400 * 1_000_000_000)
    assert len(sql("unresolved").stdout.splitlines()) == 1
    assert sql("unresolved", "--param", "before=3000d").stdout == ""


def test_a_time_that_is_none_is_shown_as_it_is(sql, ledger: Ledger, path):
    ledger.cancel()
    tamper(path, "UPDATE cancel_history SET requested_at = '2026-11-23 noon'")
    assert json.loads(sql("accounts").stdout)["first_at"] == "2026-11-23 noon"


def test_a_decimal_sum_is_exact_on_sqlite(sql, ledger: Ledger):
    for filled in ("0.1", "0.2", "10000000000000000000000000000000000000.00"):
        ledger.cancel(answer={"filled": filled, "cost": filled})
    assert (
        json.loads(sql("filled-totals").stdout)["filled"]
        == "10000000000000000000000000000000000000.3"
    )


def test_what_is_no_number_is_left_out_of_an_exact_sum(sql, ledger: Ledger):
    for filled in ("0.1", "NaN", "none", "1e400", "Infinity"):
        ledger.cancel(answer={"filled": filled, "cost": filled})
    assert json.loads(sql("filled-totals").stdout)["filled"] == "0.1"


# Days are made by the view; users are found from the writers on; what was spooled, in what writers say.
WHOLE = {"daily-summary", "users", "recorded-late"}


@pytest.mark.parametrize(
    "name",
    [
        n
        for n, q in CATALOGUE.items()
        if n not in WHOLE and "since" in {p.name for p in q.parameters}
    ],
)
def test_a_window_of_time_is_found_by_an_index(path, name):
    question = CATALOGUE[name]
    values = {p.name: "2026-11-23" for p in question.parameters}
    with closing(sqlite3.connect(path)) as connection:
        connection.create_aggregate("decimal_sum", 1, questions._DecimalSum)
        query = f"EXPLAIN QUERY PLAN {question.sql_for('sqlite')}"
        plan = [row[3] for row in connection.execute(query, values)]
    assert [step for step in plan if "requested_at>" in step]


# -- what cannot be run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["faild"], "there is no question 'faild'; did you mean failed? See: "),
        (["xyzzy"], "there is no question 'xyzzy'; see: mexc-plugin audit sql --list"),
        (["failed", "--param", "since"], "failed takes account, since, until"),
        (["failed", "--param", "sinse=1h"], "failed takes account, since, until"),
        (["gaps", "--param", "since=1h"], "gaps takes no parameters"),
        (["failed", "--param", "since=1h", "--param", "since=2h"], "given twice"),
        (["failed", "--param", "since=someday"], "--param since: 'someday' is not a time"),
        (["slowest", "--param", "most=-1"], "--param most: '-1' is not a whole number"),
        (["slowest", "--param", "most=1e3"], "is not a whole number"),
        (["slowest", "--param", "most=９"], "is not a whole number"),
        (["slowest", "--param", f"most={2**63}"], "is not a whole number"),
        (["slowest", "--param", f"most={'9' * 5000}"], "is not a whole number"),
        (["order-trail"], "order-trail needs --param order=…, the venue's id"),
        (["order-trail", "--param", "order=a\0b"], "holds a NUL"),
        (["order-trail", "--param", "order=\udcff"], "is no Unicode"),
        (["failed", "--list"], "--list lists all questions"),
        (["--show"], "--list lists all questions"),
        (["--param", "a=b"], "--list lists all questions"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_in_one_line(sql, words, said):
    result = sql(*words)
    assert [result.exit_code, result.stdout] == [2, ""]
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr


def test_a_database_without_an_audit_is_refused_in_one_line(run, tmp_path):
    result = run("audit", "sql", "gaps", "--database-url", f"sqlite:///{tmp_path}/none.db")
    assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]


def test_the_help_names_the_options(run):
    assert "--param" in run("audit", "sql", "--help").stdout


# -- SQL of one's own; on every database: tests/store/read/test_own_sql.py


def test_own_sql_has_the_formats_of_a_question(ledger, sql):
    ledger.cancel("rejected")
    statement = "SELECT final_outcome, requested_at, 1 AS n, 2 AS n FROM cancel_history"
    found = json.loads(sql(statement, "--format", "json").stdout)
    moment = "2026-11-23T12:00:00.000000Z"
    assert found == [{"final_outcome": "rejected", "requested_at": moment, "n": 1, "n_2": 2}]
    lines = sql(statement, "--format", "csv").stdout.splitlines()
    assert lines == ["final_outcome,requested_at,n,n_2", f"rejected,{moment},1,2"]
    head, line = sql(statement, "--format", "table").stdout.splitlines()
    assert head.split() == ["final_outcome", "requested_at", "(UTC)", "n", "n_2"]
    assert "2026-11-23 12:00:00.000" in line


def test_own_sql_comes_from_standard_input(ledger, url):
    ledger.cancel()
    words = ["audit", "sql", "-", "--database-url", url]
    result = invoke(words, input=b"SELECT COUNT(*) AS n\nFROM cancel_history;\n")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"n": 1})
    for text, said in ((b"\xff", "no UTF-8"), (b"", "no SQL to run"), (b"SELECT '\0'", "a NUL")):
        result = invoke(words, input=text)
        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
        assert said in result.stderr


def test_bytes_are_shown_as_hex_and_no_rows_are_said(sql):
    assert json.loads(sql("SELECT x'00ff' AS b").stdout) == {"b": "00ff"}
    result = sql("SELECT 1 WHERE 1 = 0", "--format", "table")
    assert (result.stdout, result.stderr) == ("", "no rows\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["SELECT 1; SELECT 2"], "more than one statement"),
        (["PRAGMA query_only = OFF"], "audit sql only reads; begin with one of SELECT"),
        (["ATTACH DATABASE 'x' AS x"], "audit sql only reads"),
        (["( "], "audit sql only reads"),
        ([" ; "], "no SQL to run"),
        ([""], "no SQL to run"),
        (["SELECT 1", "--show"], "are for questions"),
        (["SELECT 1", "--param", "a=1"], "are for questions"),
        (["SELECT '\udcff'"], "is no Unicode"),
        (["SELECT :x"], "the database does not take that"),
        (["SELECT 1", "--timeout", "0"], "--timeout"),
    ],
)
def test_own_sql_that_cannot_run_says_why(sql, words, said):
    result = sql(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_database_that_is_locked_is_said_as_everywhere(monkeypatch, sql):
    def locked(*_arguments):
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT
        raise OperationalError("SELECT", {}, error)

    monkeypatch.setattr(own_sql, "bring_decimal_sum", lambda _connection: None)
    monkeypatch.setattr(own_sql, "_distinct", locked)
    result = sql("SELECT 1")
    assert (result.exit_code, "is locked by another program" in result.stderr) == (1, True)
