"""Ids as short as they are unique."""

import time

from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.audit.ids import uuid7
from mexc_plugin.store.read import queries, short_ids
from tests.cli.conftest import Ledger
from tests.conftest import Audit

IDS = [
    "01a20652-d3ab-70ca-8bc7-731c07817623",
    "01a20652-d3ab-70ca-8bc7-731c07817624",
    "01a20652-d3ac-70ca-8bc7-731c07817623",
    "01a20653-0000-70ca-8bc7-731c07817623",
    "02a20653-0000-70ca-8bc7-731c07817623",
]
SHORT = [IDS[0], IDS[1], "01a20652-d3ac", "01a20653", "02a20653"]


def test_what_is_shared_with_a_neighbour_decides(audit: Audit) -> None:
    ledger = Ledger(audit.url)
    for cancel_id in IDS:
        ledger.cancel(cancel_id=cancel_id)
    with queries.reading(audit.url) as connection:
        assert short_ids.shortest(connection, IDS) == dict(zip(IDS, SHORT, strict=True))
        assert short_ids.shortest(connection, [IDS[2]]) == {IDS[2]: SHORT[2]}
        for cancel_id, short in zip(IDS, SHORT, strict=True):
            assert queries.cancel_ids(connection, short, 2) == [cancel_id]


def test_a_cancel_of_the_next_moment_is_told_apart_too(audit: Audit) -> None:
    ledger, now = Ledger(audit.url), time.time_ns() // 10**6
    first = ledger.cancel(cancel_id=uuid7(now - 3_000))
    with queries.reading(audit.url) as connection:
        listed = short_ids.shortest(connection, [first])[first]
        (followed,) = short_ids.shorten(connection, [{"cancel_id": first}], short_ids.FOLLOWED)
    ledger.cancel(cancel_id=uuid7(time.time_ns() // 10**6 + 100))
    with queries.reading(audit.url) as connection:
        assert queries.cancel_ids(connection, listed, 2) == [first]
    # One that a bot made in the same millisecond comes only now.
    ledger.cancel(cancel_id=uuid7(now - 3_000))
    with queries.reading(audit.url) as connection:
        assert queries.cancel_ids(connection, followed["cancel_id"], 2) == [first]
    assert len(followed["cancel_id"]) == 18


def test_rows_keep_their_order_and_all_else(audit: Audit) -> None:
    ledger = Ledger(audit.url)
    rows = [{"cancel_id": ledger.cancel(at=n), "n": n} for n in range(short_ids._IDS + 1)]
    with queries.reading(audit.url) as connection:
        found = list(short_ids.shorten(connection, iter(rows * 2)))
    assert [row["n"] for row in found] == [row["n"] for row in rows * 2]
    assert all(
        row["cancel_id"].startswith(short["cancel_id"])
        for row, short in zip(rows * 2, found, strict=True)
    )


@given(st.integers(0, 36))
def test_a_beginning_ends_with_no_hyphen(shared: int) -> None:
    short = short_ids._beginning(IDS[0], shared)
    assert not short.endswith("-")
    assert len(short) >= min(36, shared + 1)
