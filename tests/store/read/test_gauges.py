"""What a monitor is told of the record, on every database."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from mexc_plugin.store.read import queries
from mexc_plugin.store.read.statistics import gauges
from tests.cli.conftest import NOON, SECOND, Ledger
from tests.store.audits import Audit

AT_NOON = datetime(2026, 11, 23, 12)  # noqa: DTZ001 - naive UTC, as the record has its times
MIDNIGHT = -12 * 3_600.0
UNANSWERED = {"http_status": None, "latency_us": None}


@pytest.fixture
def ledger(audit: Audit) -> Ledger:
    return Ledger(audit.url)


@pytest.fixture
def read(audit: Audit) -> Any:
    def reading(now: datetime = AT_NOON) -> gauges.Gauges:
        with queries.reading(audit.url) as connection:
            return gauges.read(connection, now)

    return reading


def test_a_record_without_a_cancel_is_all_noughts(ledger: Ledger, read: Any) -> None:
    ledger.store(ledger.seal(kind="start"))
    found = read()
    assert (found.answered.outcomes, sum(found.answered.latencies)) == ({}, 0)
    assert found.open == {"pending": 0, "unknown": 0}
    assert (found.oldest, found.newest, found.lost) == (None, {}, 0)
    assert found.last_event_ns == NOON


def test_attempts_are_counted_by_the_day_and_the_outcome_of_their_answer(
    ledger: Ledger, read: Any
) -> None:
    ledger.cancel(at=MIDNIGHT - 1)  # asked for and answered yesterday
    ledger.cancel("rejected", at=MIDNIGHT - 0.001)  # answered today
    ledger.cancel(at=-5)
    ledger.cancel("not_sent", at=-4, answer=UNANSWERED)
    ledger.cancel(None, at=-3)
    ledger.reconcile(ledger.cancel("unknown", at=-2), "canceled", at=-1)
    answered = read().answered
    assert answered.outcomes == {"canceled": 1, "rejected": 1, "not_sent": 1, "unknown": 1}


def test_each_latency_is_in_one_bucket_and_the_ends_belong_below(ledger: Ledger, read: Any) -> None:
    for number, latency_us in enumerate((1, *gauges.BUCKETS_US, 30_000_001)):
        ledger.cancel(at=number - 100, answer={"latency_us": latency_us})
    answered = read().answered
    assert answered.latencies == (2, *[1] * len(gauges.BUCKETS_US))
    assert answered.latency_sum_us == 1 + sum(gauges.BUCKETS_US) + 30_000_001


def test_what_is_unresolved_is_counted_whenever_it_was_asked_for(ledger: Ledger, read: Any) -> None:
    ledger.cancel(None, at=-90 * 86_400)
    ledger.cancel("unknown", at=-60)
    ledger.reconcile(ledger.cancel("unknown", at=-100 * 86_400), "canceled")
    found = read()
    assert found.open == {"pending": 1, "unknown": 1}
    assert found.oldest == AT_NOON - timedelta(days=90)


def test_the_newest_of_each_final_outcome_is_known_however_long_ago(
    ledger: Ledger, read: Any
) -> None:
    for at in (-90 * 86_400, -91 * 86_400):
        ledger.cancel("rejected", at=at)
    ledger.reconcile(ledger.cancel("unknown", at=-60), "still_open")
    assert read().newest == {
        "rejected": AT_NOON - timedelta(days=90),
        "still_open": AT_NOON - timedelta(minutes=1),
    }


def test_the_last_event_is_the_latest_of_all_writers(
    ledger: Ledger, audit: Audit, read: Any
) -> None:
    ledger.cancel(at=5)
    Ledger(audit.url).cancel(at=1)
    assert read().last_event_ns == NOON + int(5.0015 * SECOND)


def test_losses_are_those_that_writers_of_late_tell_of(
    ledger: Ledger, audit: Audit, read: Any
) -> None:
    ledger.store(ledger.seal(kind="start"))
    ledger.cancel(lost=3)  # said by the request and by its response
    long_ago = Ledger(audit.url)
    long_ago.cancel(lost=5, at=-3 * 86_400)
    text = '"lost":7, said the venue'
    ledger.cancel("rejected", body=text, answer={"venue_message": text})
    assert read().lost == 6
    assert read(AT_NOON + timedelta(days=2)).lost == 0


def test_losses_long_before_the_end_of_a_chain_are_not_looked_for(
    ledger: Ledger, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "NEWEST", 4)
    ledger.cancel(lost=1)
    assert read().lost == 2
    ledger.cancel()
    ledger.cancel()
    assert read().lost == 0
