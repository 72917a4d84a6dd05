"""The figures are the same on every database."""

import sqlalchemy as sa

from mexc_plugin.store.read import queries
from mexc_plugin.store.read.queries import Filters
from mexc_plugin.store.read.statistics import counts, highlights, overview
from mexc_plugin.store.read.statistics.counts import By
from tests.cli.conftest import Ledger
from tests.store.read.test_statistics import (
    NOON,
    ONE,
    SWAPPED,
    assert_counted,
    counted,
    plain,
    reasons,
    record,
    wanted,
)

DAY = 86_400
AUDIT = [
    *SWAPPED,
    ONE | {"at": 0.25, "outcome": None},
    ONE | {"at": 0.5, "outcome": "unknown", "resolved": ["canceled", "closed"], "bot": None},
    ONE | {"at": 0.75, "outcome": "unknown", "order_id": None, "client_order_id": "mine"},
    ONE | {"at": 60, "outcome": "not_found", "again": True, "symbol": "BTC/USDT"},
    ONE | {"at": 3_599.5, "outcome": "rejected", "latency_us": 40_000_000},
    ONE | {"at": DAY, "outcome": "not_sent", "latency_us": None},
    ONE | {"at": DAY + 1, "step": 3_600},
]
FILTERS = [
    Filters(),
    Filters(outcomes=("not_found", "rejected")),
    Filters(bots=("grid",), latency_over_us=2_000_000),
    Filters(since=NOON.replace(minute=0, second=1), until=NOON.replace(hour=13)),
]


def test_the_figures_are_those_of_the_rows(audit, run):
    run("db", "upgrade", "--database-url", audit.url)
    record(Ledger(audit.url), AUDIT)
    with queries.reading(audit.url) as connection:
        counts.steady(connection)
        for filters in FILTERS:
            rows = wanted(connection, filters)
            assert_counted(connection, filters, rows)
            seen = overview.read(connection, filters, NOON)
            assert counted(seen.total) == plain(rows)
            assert reasons(rows) == {
                (r.outcome, r.code, r.message, r.error_type): r.attempts for r in seen.reasons
            }
            assert len(highlights.slowest(connection, filters, 3)) == min(
                3, sum(row["latency_us"] is not None for row in rows)
            )


def test_all_kinds_are_counted_by_one_statement(audit, run):
    run("db", "upgrade", "--database-url", audit.url)
    asked = []
    with queries.reading(audit.url) as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *told: asked.append(told[2]))
        counts.by(connection, Filters(), *By)
    assert len(asked) == 1


def test_it_is_all_of_one_moment(audit, run):
    run("db", "upgrade", "--database-url", audit.url)
    ledger = Ledger(audit.url)
    ledger.cancel()
    with queries.reading(audit.url) as connection:
        counts.steady(connection)
        (before,) = counts.by(connection, Filters(), By.DAY)
        ledger.cancel()
        (after,) = counts.by(connection, Filters(), By.DAY)
    assert [tally.attempts for _, tally in (*before, *after)] == [1, 1]
