"""`audit export` says the same whatever database the record is in."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import Result

from mexc_plugin.audit import chain, events
from mexc_plugin.store.read import export_source
from mexc_plugin.store.write.open_database import Database
from tests.conftest import Audit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AT = 1_795_435_200_123_456_789
WRITERS = ("ffffffff-0000-4000-8000-000000000001", "0fffffff-0000-4000-8000-000000000002")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_source, "BATCH", 3)


def drafts(writer: int, count: int) -> list[dict[str, Any]]:
    """Requests and their answers, several at one time."""
    found = []
    for number in range(count):
        common = {
            "cancel_id": f"019d46c4-3a9f-71ad-8535-{writer:04}{number:08}",
            "attempt": 1,
            "bot": "=é'\"漢",
            "occurred_ns": AT + number // 3 * 1_000_000,
        }
        found.append({"kind": "request", **common})
        answer = {"outcome": "canceled", "latency_us": 2**40, "amount": "0." + "0" * 37 + "1"}
        found.append({"kind": "response", **common, **answer})
    return found


@pytest.fixture
def record(audit: Audit, run: Callable[..., Result]) -> list[events.Event]:
    """Two writers with seven cancels each."""
    if not audit.tables():
        run("db", "upgrade", "--database-url", audit.url)
    sealed = []
    for number, writer_id in enumerate(WRITERS):
        before = chain.GENESIS
        for seq, draft in enumerate(drafts(number, 7), 1):
            sealed.append(events.seal(draft, writer_id, seq, before))
            before = sealed[-1].hash
    store(audit, sealed)
    return sealed


def store(audit: Audit, sealed: list[events.Event]) -> None:
    database = Database(audit.url, 5_000)
    database.insert(sealed)
    database.close()


@pytest.fixture
def export(audit: Audit, run: Callable[..., Result], tmp_path: Path) -> Callable[..., Path]:
    def exporting_(name: str, *arguments: object) -> Path:
        path = tmp_path / name
        result = run("audit", "export", "-o", path, "--database-url", audit.url, *arguments)
        assert result.exit_code == 0, result.stderr
        return path

    return exporting_


def proofs(path: Path) -> list[tuple[str, str, str]]:
    """prev_hash, hash and the payload's own characters."""
    found = []
    for line in path.read_text().split("\n")[:-1]:
        event = json.loads(line)
        payload = line[line.index('"payload":') + len('"payload":') : -1]
        found.append((event["prev_hash"], event["hash"], payload))
    return found


def test_events_come_in_their_own_bytes_writer_by_writer(
    record: list[events.Event], export: Callable[..., Path]
) -> None:
    ordered = sorted(record, key=lambda event: (event.writer_id, event.seq))
    expected = [(event.prev_hash, event.hash, event.payload) for event in ordered]
    assert proofs(export("x.jsonl", "--what", "events")) == expected


@pytest.mark.usefixtures("record")
def test_history_comes_whole_oldest_first(audit: Audit, export: Callable[..., Path]) -> None:
    rows = [json.loads(line) for line in export("x.jsonl").read_text().splitlines()]
    times = [row["requested_at"] for row in rows]
    assert times == sorted(times)
    assert times[0] == "2026-11-23T12:00:00.123456Z"
    shown = {row["cancel_id"]: row for row in rows}
    assert len(rows) == len(shown) == 14
    for row in audit.history():
        found = shown[row["cancel_id"]]
        for name in ("attempt", "bot", "latency_us", "amount", "final_outcome", "side"):
            assert found[name] == row[name]


@pytest.mark.usefixtures("record")
def test_filtered_events_are_those_of_the_attempts(export: Callable[..., Path]) -> None:
    since = (EPOCH + timedelta(microseconds=AT // 1000 + 2000)).isoformat()
    found = proofs(export("x.jsonl", "--what", "events", "--since", since))
    assert [json.loads(payload)["kind"] for *_, payload in found] == ["request", "response"] * 2


def test_increments_neither_miss_nor_double(
    record: list[events.Event], audit: Audit, export: Callable[..., Path], tmp_path: Path
) -> None:
    cursor = ("--what", "events", "--cursor", tmp_path / "cursor")
    assert len(proofs(export("1.jsonl", *cursor))) == len(record)
    last = record[-1]
    fresh = [{"kind": "start", "occurred_ns": 1}, {"kind": "stop", "occurred_ns": AT}]
    sealed, before = [], last.hash
    for seq, draft in enumerate(fresh, last.seq + 1):
        sealed.append(events.seal(draft, last.writer_id, seq, before))
        before = sealed[-1].hash
    store(audit, sealed[1:])
    assert [own for _, own, _ in proofs(export("2.jsonl", *cursor))] == [sealed[1].hash]
    store(audit, sealed[:1])
    assert [own for _, own, _ in proofs(export("3.jsonl", *cursor))] == [sealed[0].hash]
    assert proofs(export("4.jsonl", *cursor)) == []


@pytest.mark.usefixtures("record")
def test_parquet_and_csv_say_the_same(export: Callable[..., Path]) -> None:
    table = pq.read_table(export("x.parquet")).to_pylist()
    header, *rows = csv.reader(io.StringIO(export("x.csv").read_text(), newline=""))
    named = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["cancel_id"] for row in table] == [row["cancel_id"] for row in named]
    for exact, shown in zip(table, named, strict=True):
        time = exact["requested_at"].replace(tzinfo=None).isoformat(timespec="microseconds")
        assert shown["requested_at"] == f"{time}Z"
        assert (shown["latency_us"], shown["amount"]) == (
            str(exact["latency_us"]),
            exact["amount"],
        )
        assert shown["bot"] == f"'{exact['bot']}"
