"""Every question of `audit sql`, on every database, about a record in which all is known.

The answers are files: what `audit sql NAME --format csv` prints, read and checked by hand once.
"""

import csv
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.store.connect import engine
from mexc_plugin.store.read import questions
from mexc_plugin.store.schema import migrate, tables
from mexc_plugin.store.write import recorders
from tests.store.audits import Audit
from tests.store.read import known
from tests.store.servers import Servers

ANSWERS = Path(__file__).parent / "answers"
# What has no default, or says more with another value.
PARAMETERS = {
    "order-trail": [("order", "102")],
    "cancels-of-an-account": [("account", known.SECOND_BOT["account"]), ("until", "2026-03-02T16:00:00Z")],
    "slowest": [("most", "5")],
    "bursts": [("most", "3")],
}  # fmt: skip
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def known_audits() -> Iterator[dict[str, Audit]]:
    """By kind of database, the audit with all that is known; made once for all questions."""
    made: dict[str, Audit] = {}
    yield made
    for audit in made.values():
        audit.close()


@pytest.fixture
def known_audit(
    backend: str,
    servers: Servers,
    known_audits: dict[str, Audit],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Audit:
    if backend not in known_audits:
        if backend == "sqlite":
            audit = Audit(tmp_path_factory.mktemp("known") / "audit.db")
        else:
            audit = servers.of(backend).fresh(migrated=True)
        opened = engine.create(audit.url)
        migrate.ensure(opened)
        opened.dispose()
        known.write(audit)
        recorders.close_all()
        known_audits[backend] = audit
    return known_audits[backend]


@pytest.fixture
def ask(known_audit: Audit, run: Run) -> Callable[..., Result]:
    def asked(name: str, *parameters: tuple[str, str], form: str = "csv") -> Result:
        given = [word for pair in parameters for word in ("--param", "=".join(pair))]
        return run(
            "audit", "sql", name, *given, "--format", form, "--database-url", known_audit.url
        )

    return asked


def without_ages(answer: str) -> str:
    """How old something is depends on when that is asked; that it is old does not."""
    head, *rows = csv.reader(io.StringIO(answer))
    if "age_seconds" not in head:
        return answer
    at = head.index("age_seconds")
    assert all(int(row[at]) > known.DAY for row in rows)
    shown = io.StringIO()
    csv.writer(shown, lineterminator="\n").writerows(
        [head, *([*row[:at], "…", *row[at + 1 :]] for row in rows)]
    )
    return shown.getvalue()


@pytest.mark.parametrize("name", list(questions.catalogue()))
def test_a_question_has_the_answer_that_is_known(ask: Callable[..., Result], name: str) -> None:
    result = ask(name, *PARAMETERS.get(name, ()))
    assert [result.exit_code, result.stderr] == [0, ""]
    expected = ANSWERS / f"{name}.csv"
    if os.environ.get("WRITE_ANSWERS"):
        expected.write_text(without_ages(result.stdout))
    assert without_ages(result.stdout) == expected.read_text()


@pytest.mark.parametrize("name", list(questions.catalogue()))
def test_every_question_has_something_to_answer(name: str) -> None:
    assert len((ANSWERS / f"{name}.csv").read_text().splitlines()) > 1


def test_a_day_that_until_names_is_not_among_the_days(ask: Callable[..., Result]) -> None:
    days = ("since", "2026-03-02T15:00:00Z"), ("until", "2026-03-07")
    found = ask("daily-summary", *days).stdout.splitlines()[1:]
    assert {row[:10] for row in found} == {"2026-03-02"}


# -- the views agree with each other


def rows(audit: Audit, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in audit.query(sql)]


def test_the_unresolved_are_those_that_the_history_calls_so(known_audit: Audit) -> None:
    columns = "requested_at, cancel_id, attempt, account, bot, host, symbol, order_id, http_status"
    of_history = f"""SELECT {columns}, final_outcome FROM cancel_history
        WHERE final_outcome IN ('unknown', 'pending') ORDER BY cancel_id"""
    unresolved = f"SELECT {columns}, outcome FROM cancel_unresolved ORDER BY cancel_id"
    assert rows(known_audit, unresolved) == rows(known_audit, of_history) != []


def test_the_facts_are_the_history_but_for_the_numbers(known_audit: Audit) -> None:
    columns = ", ".join(
        name for name in tables.HISTORY_COLUMNS if name not in ("price", "amount", "filled", "cost")
    )
    of = "SELECT {} FROM {} ORDER BY cancel_id, attempt"
    history = rows(known_audit, of.format(columns, "cancel_history"))
    assert rows(known_audit, of.format(columns, "cancel_facts")) == history != []


# still_open has no column of its own before the views are made anew: it is what the others leave of `attempts`.
@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.STILL_OPEN}))
def test_the_days_have_every_attempt_once(known_audit: Audit, outcome: Outcome) -> None:
    counted = rows(known_audit, f"SELECT {outcome.value}, attempts FROM cancel_daily")
    history = rows(known_audit, "SELECT final_outcome FROM cancel_history")
    assert sum(int(str(found)) for found, _ in counted) == history.count((outcome.value,))
    assert sum(int(str(attempts)) for _, attempts in counted) == len(history)
