"""`audit sql "SELECT …"`: one statement that only reads, on every database, within its time."""

import json

import pytest

from tests.conftest import Audit
from tests.store.conftest import SERVERS

FOREVER = {
    "sqlite": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT MAX(n) FROM t",
    "postgresql": "SELECT pg_sleep(60)",
    "mysql": "SELECT COUNT(*) FROM {t} a, {t} b, {t} c, {t} d, {t} e, {t} f, {t} g, {t} h".format(
        t="information_schema.columns"
    ),
}
FOREVER["mariadb"] = FOREVER["mysql"]


@pytest.fixture
def asked(run, audit: Audit):
    assert run("db", "upgrade", "--database-url", audit.url).exit_code == 0

    def ask(statement: str, *options: str):
        return run("audit", "sql", statement, "--database-url", audit.url, *options)

    return ask


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 AS one, 'a;b%s :x' AS text",
        " ( select 1 as one, 'a;b%s :x' as text ) ;\n",
        "/* a comment; of words */\nWITH t AS (SELECT 1 AS one, 'a;b%s :x' AS text) SELECT * FROM t",
        "SELECT 1 AS one, 'a;b%s :x' AS text; -- done",
    ],
)
def test_a_statement_that_reads_is_answered(asked, statement: str, backend: str) -> None:
    if backend == "sqlite" and statement.strip().startswith("("):
        pytest.skip("SQLite takes no parentheses around a statement")
    result = asked(statement)
    assert (result.stderr, result.exit_code) == ("", 0)
    assert json.loads(result.stdout) == {"one": 1, "text": "a;b%s :x"}


def test_more_rows_than_a_batch_are_all_there(asked) -> None:
    statement = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 900) SELECT n FROM t"
    lines = asked(statement).stdout.splitlines()
    assert [json.loads(line)["n"] for line in lines] == [*range(1, 901)]


def test_what_is_no_finite_number_is_text_and_json_stays_json(asked, backend: str) -> None:
    huge = {"postgresql": "'Infinity'::float8, ARRAY['-Infinity'::float8, 1], 'NaN'::numeric"}
    if backend == "mariadb":
        pytest.skip("MariaDB has no such numbers")
    statement = f"SELECT {huge.get(backend, '1e400, -1e400')}"
    (line,) = asked(statement).stdout.splitlines()
    values = json.loads(line, parse_constant=pytest.fail).values()
    assert [*values] in (["Infinity", ["-Infinity", 1.0], "NaN"], ["Infinity", "-Infinity"])


def test_a_plan_is_shown(asked) -> None:
    assert asked("EXPLAIN SELECT * FROM cancel_history").stdout


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM cancel_audit",
        "WITH t AS (SELECT 1) DELETE FROM cancel_audit",
        "WITH t AS (DELETE FROM cancel_audit RETURNING 1) SELECT * FROM t",
        "SELECT 1; DELETE FROM cancel_audit",
        "SELECT E'\\'; COMMIT; DELETE FROM cancel_audit; SELECT '1'",
        "SELECT * INTO copied FROM cancel_audit",
        "EXPLAIN ANALYZE DELETE FROM cancel_audit",
    ],
)
def test_a_statement_that_writes_is_refused(asked, audit: Audit, statement: str) -> None:
    result = asked(statement)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "copied" not in audit.tables()
    assert audit.query("SELECT COUNT(*) AS n FROM cancel_audit") == [{"n": 0}]


def test_what_the_database_does_not_understand_is_one_line(asked) -> None:
    result = asked("SELECT nonsense FROM cancel_history")
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert "nonsense" in result.stderr


def test_what_takes_too_long_is_stopped(asked, backend: str) -> None:
    result = asked(FOREVER[backend], "--timeout", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "more than 1 s; ask for less, or allow more with --timeout" in result.stderr


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_what_a_server_would_write_or_lock_is_refused(asked) -> None:
    for words in ("INTO OUTFILE '/tmp/x'", "FOR UPDATE", "LOCK IN SHARE MODE", "/*! FOR UPDATE */"):
        result = asked(f"SELECT * FROM cancel_audit {words}")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "leave" in result.stderr
