"""Who may insert, or owns the database, and rehashes all that follows: what `audit verify` finds by meaning."""

import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest

from mexc_plugin.errors import StoreError
from mexc_plugin.evidence import verifying
from mexc_plugin.store.verify.findings import Degree, Fault
from tests.conftest import BACKENDS, Audit

from . import records
from .records import Draft, common, honest, sealed, store

BROKEN, DOUBTFUL, NOTED = Degree
Place = tuple[Fault, Degree, int | None]


def found(url: str, **how: Any) -> list[Place]:
    plan = verifying.make_plan(url, how.pop("since", None))
    return [(item.fault, item.degree, item.seq) for item in verifying.verify(url, plan, **how)]


def change(place: int, **fields: Any) -> Callable[[], list[list[Draft]]]:
    def make() -> list[list[Draft]]:
        drafts = honest()
        drafts[place] = drafts[place] | fields
        return [drafts]

    return make


def without(*places: int) -> Callable[[], list[list[Draft]]]:
    return lambda: [[draft for n, draft in enumerate(honest()) if n not in places]]


def by_another(*more: Callable[[list[Draft]], Draft], begin: bool = True) -> Any:
    """An honest record, and events in the name of a new writer."""

    def make() -> list[list[Draft]]:
        drafts = honest()
        forged = [each(drafts) for each in more]
        return [drafts, [records.start(), *forged, records.stop()] if begin else forged]

    return make


def said(drafts: list[Draft], outcome: str, status: str) -> Draft:
    return records.reconciled(shared(drafts[3]), 95, outcome, status)


def shared(draft: Draft) -> Draft:
    names = common("4", 0)
    return {name: value for name, value in draft.items() if name in names}


def two(make: Callable[[list[Draft]], list[Draft]]) -> Callable[[], list[list[Draft]]]:
    return lambda: [make(honest())]


ANSWER = {
    "status": 200,
    "headers": {},
    "body": '{"orderId":"4","symbol":"LTCBTC","status":"FILLED"}',
}
OLD = {"versions": {"mexc-plugin": "0.0.1"}}
CLASSES: dict[str, tuple[Any, Place]] = {
    "the start removed": (without(0), (Fault.START, BROKEN, 1)),
    "a start within": (
        two(lambda d: [*d[:3], records.start(12), *d[3:]]),
        (Fault.START, BROKEN, 4),
    ),
    "a writer without start": (
        by_another(lambda d: said(d, "canceled", "CANCELED"), begin=False),
        (Fault.START, BROKEN, 1),
    ),
    "an event long after stop": (
        two(lambda d: [*d, records.request(common("8", 5_000), 5_000)]),
        (Fault.AFTER_STOP, BROKEN, 16),
    ),
    "an event shortly after stop": (
        two(lambda d: [*d, records.request(common("8", 901), 901)]),
        (Fault.AFTER_STOP, DOUBTFUL, 16),
    ),
    "the stop cut off": (without(14), (Fault.NO_STOP, NOTED, None)),
    "an outcome": (change(2, outcome="closed"), (Fault.OUTCOME, BROKEN, 3)),
    "an outcome without an answer": (change(4, outcome="canceled"), (Fault.OUTCOME, BROKEN, 5)),
    "a refusal made a success": (change(7, outcome="canceled"), (Fault.OUTCOME, BROKEN, 8)),
    "an unknown made an admitted one": (change(2, outcome="unknown"), (Fault.OUTCOME, BROKEN, 3)),
    "what was filled": (change(2, filled="0"), (Fault.OUTCOME, BROKEN, 3)),
    "the venue's code": (change(7, venue_code="30016"), (Fault.OUTCOME, BROKEN, 8)),
    "the HTTP status": (change(7, http_status=200), (Fault.OUTCOME, BROKEN, 8)),
    "the answer": (change(2, response=ANSWER), (Fault.OUTCOME, BROKEN, 3)),
    "the order asked for": (
        two(lambda d: [*d[:1], d[1] | {"request": d[6]["request"]}, *d[2:]]),
        (Fault.OUTCOME, BROKEN, 3),
    ),
    "an order of several": (
        change(13, orders=[{"order_id": "11", "outcome": "canceled"}]),
        (Fault.OUTCOME, BROKEN, 14),
    ),
    "an outcome of other rules": (
        two(lambda d: [d[0] | OLD, d[1], d[2] | {"outcome": "closed"}, *d[3:]]),
        (Fault.OUTCOME, DOUBTFUL, 3),
    ),
    "an answer that was cut": (
        change(2, response={"status": 200, "body": "{", "body_characters": 300_000}),
        (Fault.OUTCOME, DOUBTFUL, 3),
    ),
    "an answer with a secret in it": (
        change(2, response={"status": 200, "body": '{"orderId":"[redacted]"}'}),
        (Fault.OUTCOME, DOUBTFUL, 3),
    ),
    "an answer that was not kept": (
        two(lambda d: [d[0], d[1], shared(d[2]) | {"kind": "response", "outcome": "canceled", "occurred_ns": d[2]["occurred_ns"]}, *d[3:]]),
        (Fault.OUTCOME, DOUBTFUL, 3),
    ),
    "a second response": (two(lambda d: [*d[:3], d[2], *d[3:]]), (Fault.ATTEMPT, BROKEN, 4)),
    "a second response of a new writer": (
        by_another(lambda d: d[2]),
        (Fault.ATTEMPT, BROKEN, 2),
    ),
    "a second request": (two(lambda d: [*d[:2], d[1], *d[2:]]), (Fault.ATTEMPT, BROKEN, 3)),
    "a request removed and renumbered": (without(1), (Fault.ATTEMPT, BROKEN, 2)),
    "a first attempt removed and renumbered": (
        without(8, 9),
        (Fault.ATTEMPT, DOUBTFUL, None),
    ),
    "a lost that hides a request": (
        two(lambda d: [d[0], d[2] | {"lost": 1}, *d[3:]]),
        (Fault.LOST, BROKEN, 2),
    ),
    "an account of a response": (change(2, account="f" * 16), (Fault.ACCOUNT, BROKEN, 3)),
    "an account of a reconciliation": (change(5, account="f" * 16), (Fault.ACCOUNT, BROKEN, 6)),
    "a bot": (change(2, bot="other"), (Fault.ATTEMPT, BROKEN, 3)),
    "an invented reconciliation without an answer": (
        by_another(lambda d: said(d, "closed", "FILLED") | {"response": None}),
        (Fault.RECONCILED, BROKEN, 2),
    ),
    "a reconciliation that its answer does not say": (
        change(5, outcome="closed"),
        (Fault.RECONCILED, BROKEN, 6),
    ),
    "a reconciliation of what was known": (
        by_another(lambda d: records.reconciled(shared(d[1]), 95, "closed", "FILLED")),
        (Fault.RECONCILED, BROKEN, 2),
    ),
    "a reconciliation of nothing": (
        by_another(lambda d: records.reconciled(common("9", 90), 95, "closed", "FILLED")),
        (Fault.RECONCILED, BROKEN, 2),
    ),
    "a second reconciliation that contradicts": (
        by_another(lambda d: said(d, "closed", "FILLED")),
        (Fault.RECONCILED, BROKEN, 2),
    ),
    "a second reconciliation that agrees": (
        by_another(lambda d: said(d, "canceled", "CANCELED")),
        (Fault.RECONCILED, NOTED, 2),
    ),
    "still_open too early": (
        two(lambda d: [*d[:5], records.reconciled(shared(d[3]), 21, "still_open", "NEW"), *d[6:]]),
        (Fault.RECONCILED, DOUBTFUL, 6),
    ),
    "a backdated request": (
        change(1, occurred_ns=records.moment(-90_000)),
        (Fault.TIME, DOUBTFUL, 2),
    ),
    "a backdated response": (
        change(2, occurred_ns=records.moment(-90_000)),
        (Fault.TIME, NOTED, 3),
    ),
    "a latency": (change(2, latency_us=90_000_000), (Fault.TIME, NOTED, 3)),
    "a kind that is none": (change(2, kind="reply"), (Fault.PAYLOAD, BROKEN, 3)),
    "an event with nothing in it": (
        two(lambda d: [*d[:1], {"kind": "response", "occurred_ns": records.moment(5)}, *d[1:]]),
        (Fault.PAYLOAD, BROKEN, 2),
    ),
    "spooled": (
        change(3, spooled={"count": 2, "first": 2, "last": 3}),
        (Fault.MARKED, NOTED, None),
    ),
}  # fmt: skip


def test_an_honest_record_has_no_findings(audit: Audit) -> None:
    store(audit.url, sealed(honest()), sealed(honest()))
    assert found(audit.url) == []
    assert found(audit.url, jobs=2) == []
    assert found(audit.url, quick=True) == []


@pytest.mark.parametrize("name", CLASSES)
def test_what_was_tampered_with_is_found_where_it_is(audit: Audit, name: str) -> None:
    make, expected = CLASSES[name]
    store(audit.url, *map(sealed, make()))
    places = found(audit.url)
    assert expected in places
    if expected[1] is not BROKEN:
        assert BROKEN not in [degree for _, degree, _ in places]


SERIOUS = [
    "a writer without start",
    "an event long after stop",
    "an outcome",
    "an order of several",
    "a second response of a new writer",
    "a first attempt removed and renumbered",
    "a reconciliation that its answer does not say",
    "a reconciliation of what was known",
    "a backdated request",
]


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_on_servers_too(audit: Audit) -> None:
    """Several in one database: making one takes longer than all the rest."""
    places: list[tuple[str, Place]] = []
    for name in SERIOUS:
        make, expected = CLASSES[name]
        chains = [sealed(drafts) for drafts in make()]
        store(audit.url, *chains)
        places.append((chains[-1][0].writer_id, expected))
    store(audit.url, sealed(honest()))
    plan = verifying.make_plan(audit.url)
    every = [*verifying.verify(audit.url, plan), *verifying.verify(audit.url, plan, jobs=2)]
    got = [(item.writer_id, (item.fault, item.degree, item.seq)) for item in every]
    for writer_id, expected in places:
        assert got.count((writer_id if expected[2] else None, expected)) >= 2
    assert plan.writers == len({item for item, _ in places}) + 4
    audit.execute(
        "INSERT INTO cancel_audit_order (writer_id, seq, position, cancel_id) "
        "VALUES ('11111111-0000-4000-8000-000000000000', 1, 1, 'x')"
    )
    assert (Fault.ORDERS, BROKEN, None) in found(audit.url)


def test_what_comes_while_it_verifies_is_no_finding(audit: Audit) -> None:
    chain = sealed(honest())
    store(audit.url, chain[:5])
    plan = verifying.make_plan(audit.url)
    store(audit.url, chain[5:])
    findings = list(verifying.verify(audit.url, plan))
    assert [(item.fault, item.degree) for item in findings] == [(Fault.NO_STOP, NOTED)]
    assert plan.events == 5


def test_since_takes_what_was_before_as_it_stands(audit: Audit) -> None:
    from datetime import UTC, datetime

    drafts = honest()
    drafts[2] |= {"outcome": "closed"}
    store(audit.url, sealed(drafts))
    since = datetime.fromtimestamp(records.moment(20.005) / 1e9, UTC).replace(tzinfo=None)
    assert found(audit.url, since=since) == []
    assert found(audit.url) == [(Fault.OUTCOME, BROKEN, 3)]


def test_progress_tells_of_every_event(audit: Audit) -> None:
    store(audit.url, sealed(honest()), sealed(honest()))
    for jobs in (1, 2):
        told: list[int] = []
        list(verifying.verify(audit.url, verifying.make_plan(audit.url), told.append, jobs=jobs))
        assert sum(told) == 30


def test_a_process_that_is_killed_is_said_and_not_waited_for() -> None:
    reader, writer = multiprocessing.Pipe(duplex=False)
    writer.send(5)
    writer.close()
    told: list[int] = []
    with pytest.raises(StoreError, match="ended from outside"):
        list(verifying._listen([reader], told.append))
    assert told == [5]
