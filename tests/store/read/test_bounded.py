"""Counting and sorting look at so many attempts and no more, on each of the databases."""

from datetime import datetime

import pytest

from mexc_plugin.store.read import bounded, queries
from mexc_plugin.store.read.bounded import Total
from mexc_plugin.store.read.filters import Filters
from tests.cli.conftest import Ledger
from tests.conftest import Audit

NOON_AND_2_S = datetime(2026, 11, 23, 12, 0, 2)  # noqa: DTZ001 - naive UTC, as filters are
LATENCIES = (500, None, 900, 700, 900, 100)


@pytest.fixture
def few(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """Six attempts, where at most four are counted or sorted, among at most five."""
    ledger = Ledger(audit.url)
    for second, latency_us in enumerate(LATENCIES):
        ledger.cancel(
            None if latency_us is None else "rejected" if second % 2 else "canceled",
            at=second,
            bot="a" if second < 2 else "b",
            order_id=str(second),
            answer={} if latency_us is None else {"latency_us": latency_us},
        )
    monkeypatch.setattr(bounded, "MOST", 4)
    monkeypatch.setattr(bounded, "LOOKED_AT", 5)
    return audit


COUNTED = (
    ({}, Total(4, whole=False)),
    ({"bots": ("b",)}, Total(4, whole=True)),
    ({"bots": ("a",)}, Total(2, whole=True)),
    ({"symbols": ("LTC/BTC",)}, Total(4, whole=False)),
    ({"outcomes": ("canceled", "rejected")}, Total(4, whole=False)),
    ({"outcomes": ("rejected", "unknown")}, Total(2, whole=True)),
    ({"order_ids": ("0", "3"), "bots": ("a", "b")}, Total(2, whole=True)),
    # No one index carries these: the oldest attempt is not among the newest five.
    ({"bots": ("a",), "outcomes": ("canceled", "pending")}, Total(1, whole=False)),
    ({"latency_over_us": 400}, Total(3, whole=False)),
    # But a time that holds few is looked through.
    ({"until": NOON_AND_2_S, "latency_over_us": 400}, Total(1, whole=True)),
)


def test_what_matches_is_counted_as_far_as_is_looked(few: Audit) -> None:
    with queries.reading(few.url) as connection:
        found = [bounded.total(connection, Filters(**filters)) for filters, _ in COUNTED]  # type: ignore[arg-type]
    assert found == [total for _, total in COUNTED]


def test_the_newest_are_sorted_equals_newest_first_and_what_has_no_value_last(few: Audit) -> None:
    with queries.reading(few.url) as connection:

        def page(by: str, descending: bool = False, limit: int = 9, skip: int = 0) -> str:
            rows = bounded.read_ranked(
                connection, some, by, descending=descending, limit=limit, skip=skip
            )
            return "".join(row["order_id"] for row in rows)

        some = Filters()
        assert [page("latency", way) for way in (True, False)] == ["4235", "5342"]
        for by in bounded.SORTED_BY:
            assert page(by, limit=2) + page(by, limit=2, skip=2) == page(by)
        some = Filters(bots=("a",))
        assert [page("latency", way) for way in (True, False)] == ["01", "01"]
