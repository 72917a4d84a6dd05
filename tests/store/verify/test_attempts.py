"""Attempts that somebody answered twice, and attempts that are skipped."""

import pytest

from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import attempts
from mexc_plugin.store.verify.findings import Degree
from tests.conftest import Audit

from .conftest import Store

CANCEL = "00000000-0000-7000-8000-00000000000c"
ASKING, OTHER = "f" * 36, "a" * 36


@pytest.mark.parametrize(("kind", "at", "first"), [("request", 5, 1), ("response", 0, 2)])
def test_of_two_the_one_is_doubted_that_is_not_the_asking_writer_s(
    audit: Audit, store: Store, kind: str, at: int, first: int
) -> None:
    store(ASKING, "request", "response", at=1, cancel_id=CANCEL, attempt=1)
    with queries.reading(audit.url) as connection:
        assert list(attempts.find_doubles(connection)) == []
    store(OTHER, kind, at=at, cancel_id=CANCEL, attempt=1)
    with queries.reading(audit.url) as connection:
        (found,) = attempts.find_doubles(connection)
    message = f"another {kind} of attempt 1; there is one at writer {ASKING} seq {first}"
    assert (found.writer_id, found.seq, found.cancel_id) == (OTHER, 1, CANCEL)
    assert found.message == message


def test_an_attempt_without_the_one_before_it_is_doubtful(audit: Audit, store: Store) -> None:
    store(ASKING, "request", "response", cancel_id=CANCEL, attempt=1)
    store(OTHER, "request", cancel_id=CANCEL, attempt=3)
    with queries.reading(audit.url) as connection:
        (found,) = attempts.find_skipped(connection)
    said = "3 attempts by their numbers, and 2 requests on record"
    assert (found.message, found.degree, found.cancel_id) == (said, Degree.DOUBTFUL, CANCEL)


def test_an_attempt_with_one_of_each_is_not_read_by_itself(
    audit: Audit, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(ASKING, "request", "response", "reconciliation", cancel_id=CANCEL, attempt=1)
    read: list[object] = []
    monkeypatch.setattr(attempts, "events_of", lambda *asked: read.append(asked) or [])
    with queries.reading(audit.url) as connection:
        assert list(attempts.find_doubles(connection)) == []
    assert read == []
