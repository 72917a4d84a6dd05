"""Verifying a record by its meaning: what is honest, what comes meanwhile, in pieces and in processes."""

import multiprocessing
import uuid
from typing import Any

import pytest

from mexc_plugin.audit import chain
from mexc_plugin.audit.events import seal
from mexc_plugin.errors import StoreError
from mexc_plugin.evidence import checking, verifying
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema import history_rows
from mexc_plugin.store.verify import anchors, attempts, stretches
from mexc_plugin.store.verify.columns import OrderRows
from mexc_plugin.store.verify.findings import Degree, Fault, Finding
from mexc_plugin.store.verify.stretches import Stretch
from tests.conftest import Audit
from tests.shipping import records as shipping
from tests.torture import ledger

from . import records
from .owner import unguarded
from .records import (
    Draft,
    common,
    honest,
    reconciled,
    request,
    response,
    sealed,
    start,
    stop,
    store,
)

BROKEN, DOUBTFUL, NOTED = Degree
Place = tuple[Fault, Degree, int | None]


def found(url: str, **how: Any) -> list[Place]:
    plan = verifying.make_plan(url, how.pop("since", None))
    return [(item.fault, item.degree, item.seq) for item in verifying.verify(url, plan, **how)]


def compare_history(url: str) -> list[Finding]:
    return list(checking.check_history(url, checking.divide_history(url)))


def test_an_honest_record_has_no_findings(audit: Audit) -> None:
    store(audit.url, sealed(honest()), sealed(honest()))
    assert found(audit.url) == []
    assert found(audit.url, jobs=2) == []
    assert found(audit.url, quick=True) == []


def test_what_comes_while_it_verifies_is_no_finding(audit: Audit) -> None:
    chain = sealed(honest())
    store(audit.url, chain[:5])
    plan = verifying.make_plan(audit.url)
    store(audit.url, chain[5:])
    findings = list(verifying.verify(audit.url, plan))
    assert [(item.fault, item.degree) for item in findings] == [(Fault.NO_STOP, NOTED)]
    assert plan.events == 5


def refused(shared: Draft, at: float, outcome: str, code: int, status: int) -> list[Draft]:
    answer = {"code": code, "msg": "no"}
    words = {"venue_code": str(code), "venue_message": "no", "http_status": status}
    return [request(shared, at), response(shared, at + 0.01, outcome, answer, **words)]


@pytest.mark.parametrize(("answered", "word"), [
    (records.refused, "FILLED"),
    (records.refused, "PARTIALLY_CANCELED"),
    (lambda shared, at: refused(shared, at, "rate_limited", 429, 429), "NEW"),
    (lambda shared, at: refused(shared, at, "rate_limited", 429, 429), "FILLED"),
    (records.canceled, "PARTIALLY_CANCELED"),
])  # fmt: skip
def test_an_answer_that_waited_in_a_spool_while_somebody_reconciled_breaks_nothing(
    audit: Audit, answered: Any, word: str
) -> None:
    """Who asks meanwhile sees a request with no end: both are the venue's words, and both are true."""
    shared = common("8", 50)
    outcome = {"NEW": "still_open", "FILLED": "closed"}.get(word, word.lower())
    asking = [start(), reconciled(shared, 120, outcome, word), stop()]
    store(audit.url, sealed([start(), *answered(shared, 50), stop()]), sealed(asking))
    assert found(audit.url) == [(Fault.RECONCILED, DOUBTFUL, 2)]


def test_since_takes_what_was_before_as_it_stands(audit: Audit) -> None:
    from datetime import UTC, datetime

    drafts = honest()
    drafts[2] |= {"outcome": "closed"}
    store(audit.url, sealed(drafts))
    since = datetime.fromtimestamp(records.moment(20.005) / 1e9, UTC).replace(tzinfo=None)
    assert found(audit.url, since=since) == []
    assert found(audit.url) == [(Fault.OUTCOME, BROKEN, 3)]
    at_its_time = datetime.fromtimestamp(records.moment(10.01) / 1e9, UTC).replace(tzinfo=None)
    assert found(audit.url, since=at_its_time) == [(Fault.OUTCOME, BROKEN, 3)]


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


def clock_set(step: float, *, stays: bool) -> list[records.Draft]:
    """A cancel is tried again after the clock was set by `step` seconds; stays: what follows has that time, too."""
    cancel = common("7", 200)
    begun = [records.start(), *records.unknown(cancel, 200)]
    again = records.canceled(cancel | {"attempt": 2}, 201 + step)
    if not stays:
        again[1] = again[1] | {"occurred_ns": records.moment(201.01)}
    return [*begun, *again, records.stop(260 + (step if stays else 0))]


@pytest.mark.parametrize("step", [-1_800, -9_000, 9_000])
def test_a_clock_that_was_set_between_two_attempts_is_noted(audit: Audit, step: int) -> None:
    """The id of a cancel holds the time of its first attempt."""
    store(audit.url, sealed(clock_set(step, stays=True)))
    places = found(audit.url)
    assert (Fault.TIME, NOTED, 4) in places
    assert {degree for _, degree, _ in places} == {NOTED}


@pytest.mark.parametrize(
    ("step", "degree"),
    [(86_399, NOTED), (86_400, DOUBTFUL), (-86_401, NOTED), (-86_402, DOUBTFUL)],
)
def test_an_id_more_than_a_day_from_its_event_is_doubtful_whatever_follows(
    audit: Audit, step: int, degree: Degree
) -> None:
    """Else an id of any age would pass where a bot was silent for an hour."""
    store(audit.url, sealed(clock_set(step, stays=True)))
    assert (Fault.TIME, degree, 4) in found(audit.url)


@pytest.mark.parametrize("step", [-1_800, 9_000])
def test_the_time_of_a_single_request_is_doubtful_where_the_chain_goes_on_as_before(
    audit: Audit, step: int
) -> None:
    store(audit.url, sealed(clock_set(step, stays=False)))
    assert (Fault.TIME, DOUBTFUL, 4) in found(audit.url)


def test_the_time_of_all_that_follows_is_doubtful_where_ids_say_otherwise(audit: Audit) -> None:
    drafts = [records.start(), *records.canceled(common("1", 5), 5)]
    for order, at in (("2", 100), ("3", 200)):
        drafts += records.canceled(common(order, at), at - 9_000)
    store(audit.url, sealed([*drafts, records.stop(300 - 9_000)]))
    places = found(audit.url)
    assert {(Fault.TIME, DOUBTFUL, 4), (Fault.TIME, DOUBTFUL, 6)} <= set(places)


@pytest.mark.parametrize("quick", [False, True])
def test_a_number_that_is_left_out_is_a_gap_where_all_hashes_were_made_anew(
    audit: Audit, quick: bool
) -> None:
    writer_id, before, forged = str(uuid.uuid4()), chain.GENESIS, []
    for seq, draft in zip((1, 2, 4), honest(), strict=False):
        forged.append(seal(dict(draft), writer_id, seq, before))
        before = forged[-1].hash
    store(audit.url, forged)
    assert (Fault.GAP, BROKEN, 4) in found(audit.url, quick=quick)


def test_no_transaction_is_held_while_findings_are_told(audit: Audit) -> None:
    """On a server it would keep migrations waiting."""
    store(audit.url, sealed(honest()))
    with queries.reading(audit.url) as connection:
        for read in (
            lambda: list(attempts.find_doubles(connection)),
            lambda: list(attempts.find_skipped(connection)),
            lambda: attempts.events_of(connection, str(uuid.uuid4()), 1),
            lambda: stretches.plan(connection),
            lambda: anchors.read(connection),
            lambda: OrderRows(connection).begin(),
        ):
            read()
            assert not connection.in_transaction()


def test_a_cancel_s_id_that_is_no_text_ends_no_verifying(audit: Audit) -> None:
    """SQLite keeps any bytes as text, and attempts are grouped by it."""
    store(audit.url, sealed(honest()))
    with unguarded(audit, "sqlite"):
        audit.execute(
            "UPDATE cancel_audit SET cancel_id = CAST(x'ff' AS TEXT), attempt = 2 WHERE seq = 2"
        )
    assert (Fault.COLUMN, BROKEN, 2) in found(audit.url)


@pytest.mark.parametrize("name", ["occurred_ns", "attempt", "latency_us", "http_status", "lost"])
@pytest.mark.parametrize(
    "number", [10**400, -(10**400), 2**63], ids=["huge", "as low", "too large"]
)
def test_a_number_that_nothing_can_be_reckoned_with_ends_no_verifying(
    audit: Audit, name: str, number: int
) -> None:
    """Whoever may INSERT can write it, and the columns need not say so."""
    store(audit.url, sealed(honest()))
    drafts = [start(), request(common("9", 10), 10), response(common("9", 10), 11, "unknown")]
    values = [
        f"('{event.writer_id}', {event.seq}, '2026-11-23 12:00:00', 0, 'start', "
        f"'{event.payload}', '{event.prev_hash}', '{event.hash}')"
        for event in sealed([draft | {name: number} for draft in drafts])
    ]
    audit.execute(
        "INSERT INTO cancel_audit (writer_id, seq, occurred_at, occurred_ns, kind, payload, prev_hash, hash) "
        f"VALUES {', '.join(values)}"
    )
    said = found(audit.url)
    assert {seq for _, degree, seq in said if degree is BROKEN} == {1, 2, 3}


def test_a_note_that_is_no_text_ends_no_verifying_and_no_replay(audit: Audit) -> None:
    """SQLite keeps any bytes as text; notes of archives say what left, to whoever verifies, replays or ships."""
    chain = sealed(honest())
    store(audit.url, chain[:5])
    audit.execute(
        "INSERT INTO audit_checkpoint (sha256, kind, taken_ns, events, note) "
        "VALUES ('0', 'archive', 0, 0, CAST(x'ff' AS TEXT))"
    )
    shipping.spooled(audit.url, chain[5:])
    assert ledger.replay(audit.url) == len(chain) - 5
    assert found(audit.url) == [(Fault.NOTE, BROKEN, None)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cancel_history SET order_status = lower(order_status) WHERE rowid = 1",
        "UPDATE cancel_history SET bot = CAST(bot AS BLOB) WHERE rowid = 1",
        "UPDATE cancel_history SET bot = bot || ' ' WHERE rowid = 1",
        "UPDATE cancel_history SET latency_us = CAST(latency_us AS TEXT) WHERE rowid = 1",
        "INSERT INTO cancel_history (cancel_id, attempt) VALUES ('f', 1)",
        "DELETE FROM cancel_history WHERE rowid = 1",
    ],
)
def test_nothing_about_how_tables_are_made_hides_a_change_of_the_history(
    audit: Audit, change: str
) -> None:
    """SQLite itself compares: by the types and collations of columns, which whoever owns it chooses."""
    store(audit.url, sealed(honest()))
    with unguarded(audit, "sqlite"):
        make_anew(audit, "cancel_audit", "{name} {type} COLLATE NOCASE")
        make_anew(audit, "cancel_history", "{name} COLLATE NOCASE")
        assert compare_history(audit.url) == []
        audit.execute(change)
        assert len(compare_history(audit.url)) == 1


def make_anew(audit: Audit, table: str, column: str) -> None:
    columns = audit.query(f"SELECT name, type FROM pragma_table_info('{table}')")
    audit.execute(
        f"CREATE TABLE copy AS SELECT * FROM {table}",
        f"DROP TABLE {table}",
        f"CREATE TABLE {table} ({', '.join(column.format(**each) for each in columns)})",
        f"INSERT INTO {table} SELECT * FROM copy",
        "DROP TABLE copy",
    )


def test_rows_of_an_honest_history_stay_in_sqlite(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handing over all of their values takes four times as long as comparing them."""
    store(audit.url, sealed(honest()))
    monkeypatch.delattr(history_rows, "_rows")
    assert compare_history(audit.url) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_history_in_several_parts_is_compared_once(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setattr(history_rows, "BATCH", 2)
    store(audit.url, sealed(honest()))
    with unguarded(audit, "sqlite"):
        audit.execute("UPDATE cancel_history SET bot = 'another'")
    changed = [(Fault.HISTORY, BROKEN, None)]
    count = audit.query("SELECT count(*) AS n FROM cancel_history")[0]["n"]
    assert found(audit.url, jobs=jobs) == changed * count


def test_the_history_is_shared_out_among_the_processes_as_the_writers_are() -> None:
    """Else a process would compare all of it when the others have ended."""
    ranges = [checking.HistoryRange({"low": name}, events=200) for name in "abcd"]
    writers = [Stretch("x", 1, 500, 500), Stretch("y", 1, 100, 100)]
    shares = verifying.share_out([*writers, *ranges], 2)
    assert [sum(part.events for part in share) for share in shares] == [700, 700]
    assert verifying.share_out([Stretch("x", 1, 900, 900), *ranges], 2)[1] == ranges
