import json
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.audit import events
from mexc_plugin.evidence.words import MEANINGS
from mexc_plugin.store.schema.triggers import list_guards
from mexc_plugin.store.verify.record import Fault, Verifier
from tests.cli.tampering import remove_guard, tamper
from tests.evidence.records import honest, sealed, store

# The ledger has no start and no answers of a venue: what events mean is looked at in tests/evidence.
# What is changed or gone in the events, the history may still say.
BESIDES = {
    Fault.START, Fault.NO_STOP, Fault.OUTCOME, Fault.ATTEMPT, Fault.TIME, Fault.HISTORY
}  # fmt: skip


@pytest.fixture
def verify(run, url):
    """The exit code without what is besides, and fault and seq of each other finding."""

    def verifying():
        result = run("audit", "verify", "--format", "json", "--database-url", url)
        found = json.loads(result.stdout)
        assert found["whole"] == (found["broken"] == 0) == (result.exit_code == 0)
        about = [item for item in found["findings"] if item["fault"] not in BESIDES]
        return 3 if about else 0, [(item["fault"], item["seq"]) for item in about]

    return verifying


def test_an_honest_record_is_whole(run, url):
    store(url, sealed(honest()), sealed(honest()))
    result = run("audit", "verify", "--strict", "--database-url", url)
    assert [result.exit_code, result.stdout] == [0, "30 events of 2 writers: whole\n"]


def test_an_empty_record_is_whole(run, url):
    result = run("audit", "verify", "--jobs", "2", "--database-url", url)
    assert [result.exit_code, result.stdout] == [0, "0 events of 0 writers: whole\n"]


def test_what_is_doubtful_is_an_error_only_where_it_is_asked_for(run, url):
    store(url, sealed(honest()[:8] + honest()[10:]))
    for arguments, code in ([], 0), (["--strict"], 3):
        result = run("audit", "verify", "--database-url", url, *arguments)
        assert result.exit_code == code
        assert "doubtful: attempt: cancel " in result.stdout
        assert result.stdout.endswith("13 events of 1 writer: whole, 1 doubtful\n")


def test_what_is_noted_is_said_and_no_error(run, url):
    store(url, sealed(honest()[:-1]))
    result = run("audit", "verify", "--strict", "--database-url", url)
    assert result.exit_code == 0
    assert "ended without stop; its newest event is of 2026-11-23 12:05:00" in result.stdout
    assert result.stdout.endswith("14 events of 1 writer: whole, 1 noted\n")


def test_quick_reads_sequences_and_hashes_alone(ledger, run, url, path):
    ledger.cancel()
    ledger.cancel()
    tamper(path, "UPDATE cancel_audit SET outcome = 'closed' WHERE seq = 2")
    assert run("audit", "verify", "--quick", "--database-url", url).exit_code == 0
    tamper(path, "UPDATE cancel_audit SET payload = payload || ' ' WHERE seq = 3")
    result = run("audit", "verify", "--quick", "--database-url", url)
    assert result.exit_code == 3
    assert result.stdout.startswith(f"broken: hash: writer {ledger.writer_id} seq 3: hash is not")


def test_since_is_a_time(run, url):
    store(url, sealed(honest()))
    result = run("audit", "verify", "--since", "2026-11-23 12:04", "--database-url", url)
    assert [result.exit_code, result.stdout] == [
        0,
        "3 events of 1 writer: whole, as far as --since looks\n",
    ]


def test_every_kind_of_finding_says_what_it_can_mean():
    assert set(MEANINGS) == set(Fault)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("outcome", "'closed'"),
        ("outcome", "NULL"),
        ("occurred_at", "'2026-11-23 12:00:00.000001'"),
        ("occurred_ns", "occurred_ns + 1"),
        ("latency_us", "1"),
        ("latency_us", "'x'"),
        ("filled", "'1'"),
        ("cancel_id", "'00000000-0000-7000-8000-000000000000'"),
    ],
)
def test_a_changed_column_is_found(ledger, verify, path, column, value):
    ledger.cancel()
    tamper(path, f"UPDATE cancel_audit SET {column} = {value} WHERE seq = 2")
    assert verify() == (3, [("column", 2)])


def test_every_column_but_the_chain_is_compared(ledger):
    ledger.cancel()
    row = events.project(ledger.seal(kind="start"))
    for name in set(events.COLUMNS) - {"writer_id", "seq", "payload", "prev_hash", "hash"}:
        found = [finding.message for finding in Verifier().check(row | {name: "other"})]
        assert f"column {name} differs from the payload" in found


def test_a_changed_payload_breaks_its_hash(ledger, verify, path):
    ledger.cancel()
    ledger.cancel()
    tamper(path, "UPDATE cancel_audit SET payload = replace(payload, 'here', 'away') WHERE seq = 3")
    assert verify() == (3, [("hash", 3), ("column", 3)])


def test_a_rewritten_event_breaks_the_link_of_the_next(ledger, verify, path):
    ledger.cancel()
    ledger.seq, first = 0, ledger.hash
    forged = ledger.seal(kind="start")
    assert first != forged.hash
    tamper(
        path,
        f"UPDATE cancel_audit SET hash = '{forged.hash}', prev_hash = '{forged.prev_hash}', "
        f"payload = '{forged.payload}' WHERE seq = 1",
    )
    _, found = verify()
    assert ("link", 1) in found
    assert ("link", 2) in found
    assert ("hash", 1) not in found


@pytest.mark.parametrize("seq", [1, 2])
def test_a_deleted_event_leaves_a_gap(ledger, verify, path, seq):
    ledger.cancel()
    ledger.cancel()
    tamper(path, f"DELETE FROM cancel_audit WHERE seq = {seq}")
    assert verify() == (3, [("gap", seq + 1)])


@pytest.mark.parametrize(
    ("missing", "said", "fault"),
    [(3, 3, "lost"), (3, 2, "gap"), (2, 3, "lost"), (0, 2, "lost"), (3, "3", "gap")],
)
def test_a_gap_that_the_writer_itself_named_is_a_loss(ledger, run, url, missing, said, fault):
    ledger.cancel()
    for _ in range(missing):
        ledger.seal(kind="start")
    ledger.store(ledger.seal(kind="start", lost=said))
    result = run("audit", "verify", "--database-url", url)
    assert result.exit_code == 3
    assert f"broken: {fault}: writer {ledger.writer_id} seq {3 + missing}, " in result.stdout
    assert ("said so by the writer itself" in result.stdout) == (fault == "lost" and missing > 0)


def test_several_writers_are_chained_apart(ledger, verify, url):
    other = type(ledger)(url)
    for writer in (ledger, other, ledger, other):
        writer.cancel()
    assert verify() == (0, [])


@pytest.mark.parametrize("payload", ["gone", "[]", "{}", '{"occurred_ns":1e999}', "[" * 2000])
def test_a_payload_that_is_no_event_is_found(ledger, verify, path, payload):
    ledger.cancel()
    tamper(path, f"UPDATE cancel_audit SET payload = '{payload}' WHERE seq = 2")
    assert verify() == (3, [("hash", 2), ("payload", 2)])


def test_an_event_moved_to_another_writer_is_found(ledger, verify, path):
    ledger.cancel()
    other = "00000000-0000-4000-8000-000000000000"
    tamper(path, f"UPDATE cancel_audit SET writer_id = '{other}'")
    assert verify() == (3, [("payload", 1), ("payload", 2)])


@pytest.mark.parametrize("name", dict(list_guards("sqlite")))
def test_a_missing_guard_is_found(ledger, verify, path, name):
    ledger.cancel()
    remove_guard(path, name)
    assert verify() == (3, [("guard", None)])


def test_a_guard_that_guards_nothing_is_found(verify, path):
    name = "cancel_audit_no_delete"
    remove_guard(path, name)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            f"CREATE TRIGGER {name} BEFORE DELETE ON cancel_audit BEGIN SELECT 1; END"
        )
    assert verify() == (3, [("guard", None)])


def test_a_line_says_what_is_broken_and_where(run, url, path):
    chain = sealed(honest())
    store(url, chain)
    tamper(path, "UPDATE cancel_audit SET outcome = 'closed' WHERE seq = 3")
    result = run("audit", "verify", "--database-url", url)
    cancel_id = json.loads(chain[2].payload)["cancel_id"]
    where = f"writer {chain[2].writer_id} seq 3, cancel {cancel_id}, 2026-11-23 12:00:10 UTC"
    assert [
        f"broken: column: {where}: column outcome differs from the payload",
        f"  It can mean: {MEANINGS[Fault.COLUMN][0]}.",
        f"  What to do: {MEANINGS[Fault.COLUMN][1]}.",
        f"broken: history: cancel {cancel_id}: attempt 1 of the history differs in outcome, final_outcome",
        f"  It can mean: {MEANINGS[Fault.HISTORY][0]}.",
        f"  What to do: {MEANINGS[Fault.HISTORY][1]}.",
        "15 events of 1 writer: 2 broken",
    ] == result.stdout.splitlines()
    assert result.stderr == ""


VALUES = st.none() | st.integers() | st.text(max_size=9)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(events.COLUMNS, VALUES)), max_size=4))
def test_rows_that_make_no_sense_are_findings_and_never_errors(rows):
    verifier = Verifier()
    for row in rows:
        whole = row | {"seq": row["seq"] if isinstance(row["seq"], int) else 1}
        texts = {name: str(row[name]) for name in ("writer_id", "payload", "prev_hash", "hash")}
        assert {finding.fault for finding in verifier.check(whole | texts)} <= set(Fault)


@pytest.mark.parametrize("value", ["'x'", "x'ff00'", "1e300"])
@pytest.mark.parametrize("column", ["attempt", "cancel_id", "latency_us", "final_outcome"])
def test_a_history_with_values_of_any_kind_is_a_finding(run, url, path, column, value) -> None:
    store(url, sealed(honest()))
    newest = "(SELECT max(rowid) FROM cancel_history)"
    tamper(path, f"UPDATE cancel_history SET {column} = {value} WHERE rowid = {newest}")
    result = run("audit", "verify", "--database-url", url)
    assert (result.exit_code, result.stderr) == (3, "")
    assert "history: " in result.stdout
    made = run("db", "rebuild", "--database-url", url)
    assert made.exit_code == 0
    assert "attempt" in made.stdout
    assert run("audit", "verify", "--database-url", url).exit_code == 0


@pytest.mark.parametrize("options", [[], ["--since", "2000-01-01"]], ids=["all", "since"])
@pytest.mark.parametrize("value", ["'x'", "x'ff'", "CAST(x'ff' AS TEXT)"])
@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ("cancel_id = {0}, attempt = {0}", "attempt"),
        ("writer_id = {0}", "payload"),
        ("seq = {0} || seq", "payload"),
        ("seq = CAST({0} || seq AS BLOB)", "payload"),
    ],
)
def test_events_whose_keys_are_of_any_kind_are_findings(
    run, url, path, changed, fault, value, options
) -> None:
    store(url, sealed(honest()))
    tamper(path, f"UPDATE cancel_audit SET {changed.format(value)}")
    result = run("audit", "verify", *options, "--database-url", url)
    assert (result.exit_code, result.stderr) == (3, "")
    assert f"broken: {fault}: " in result.stdout


@pytest.mark.parametrize(
    "options", [["--quick"], ["--since", "2026-11-23"], ["--quick", "--since", "2026-11-23"]]
)
def test_what_was_not_looked_at_is_said(run, url, options) -> None:
    store(url, sealed(honest()))
    result = run("audit", "verify", *options, "--database-url", url)
    looks = " and ".join(word for word in options if word.startswith("--"))
    assert result.stdout.endswith(f"whole, as far as {looks} looks\n")
