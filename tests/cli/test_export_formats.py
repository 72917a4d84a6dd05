"""What the formats of an export look like to those who read them."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.audit import chain
from mexc_plugin.audit.events import COLUMNS
from mexc_plugin.cli.exporting import encoders
from mexc_plugin.cli.exporting.encoders import Gzip, JsonLines, Proofs
from mexc_plugin.cli.output.formats import RENDERERS, cell
from mexc_plugin.cli.output.terminal import Screen
from mexc_plugin.store.schema.tables import HISTORY_COLUMNS

Run = Callable[..., Result]
TEXT = st.text() | st.text(alphabet="\x00\x07\x1b[2J\r\n\t\x7f\x9b\u202e\u2028=+-@'\",a1é漢＝")
VALUES = st.none() | TEXT | st.integers() | st.datetimes()


def unmarked(text: str) -> str:
    """A cell as it was, by the rule that the documents give."""
    return text.removeprefix("'")


@pytest.fixture
def exported(run: Run, url: str, tmp_path: Path) -> Callable[..., Path]:
    """Export to a file of that name; the file."""

    def exporting(name: str, *arguments: str) -> Path:
        path = tmp_path / name
        result = run("audit", "export", "-o", str(path), "--database-url", url, *arguments)
        assert result.exit_code == 0, result.stderr
        return path

    return exporting


def test_jsonl_has_the_lines_that_list_prints_oldest_first(
    ledger, run: Run, url: str, exported
) -> None:
    for at in range(3):
        ledger.cancel(at=at, answer={"venue_message": "é\x1b\u2028", "amount": "1.50"})
    listed = run("audit", "list", "--format", "jsonl", "--database-url", url).stdout.splitlines()
    assert exported("x.jsonl").read_text().splitlines() == listed[::-1]


@given(st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=1, max_size=4))
def test_jsonl_is_the_same_json_as_list_s_whatever_the_values(rows: list[list[Any]]) -> None:
    columns = ("a", "b", "c")
    chunks: list[bytes] = []
    JsonLines(chunks.append, columns).write(rows)
    mappings = [dict(zip(columns, row, strict=True)) for row in rows]
    expected = "".join(f"{line}\n" for line in RENDERERS["jsonl"](mappings, columns, Screen()))
    assert b"".join(chunks).decode() == expected


def test_a_payload_is_exported_in_the_very_bytes_that_were_hashed(ledger, exported) -> None:
    ledger.cancel(bot="é\x7f\x9b\u2028 漢", body='{"a": 1}\r\n')
    before = chain.GENESIS
    lines = exported("x.jsonl", "--what", "events").read_bytes().split(b"\n")
    assert lines.pop() == b""
    for line in lines:
        event = json.loads(line)
        payload = line[len(b'{"prev_hash":"","hash":"","payload":') + 128 : -1].decode()
        assert event["prev_hash"] == before
        assert event["hash"] == chain.link(before, payload)
        assert event["payload"] == json.loads(payload)
        before = event["hash"]
    assert before == ledger.hash


@given(TEXT)
def test_on_a_terminal_an_event_is_the_same_json_and_nothing_that_is_obeyed(message: str) -> None:
    payload = json.dumps({"bot": message}, ensure_ascii=False)
    chunks: list[bytes] = []
    Proofs(chunks.append, safe=True).write([("0" * 64, "1" * 64, payload)])
    line = b"".join(chunks).decode()
    assert line[:-1].isprintable()
    assert json.loads(line)["payload"]["bot"] == message


def test_csv_is_rfc_4180(ledger, exported) -> None:
    ledger.cancel(bot='a"b,c', answer={"venue_message": "two\r\nlines"})
    content = exported("x.csv").read_bytes()
    assert content.endswith(b"\r\n")
    assert content.count(b"\r\n") == content.count(b"\n") == 2
    header, row = csv.reader(io.StringIO(content.decode(), newline=""))
    found = dict(zip(header, row, strict=True))
    assert tuple(header) == HISTORY_COLUMNS
    assert (found["bot"], found["venue_message"]) == ('a"b,c', "two\\r\\nlines")
    assert found["requested_at"] == "2026-11-23T12:00:00.000000Z"


@pytest.mark.parametrize("what", ["history", "events"])
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "＝", "'="])
def test_no_cell_of_a_csv_is_a_formula(ledger, exported, start: str, what: str) -> None:
    ledger.cancel(bot=start + 'HYPERLINK("http://x")', symbol=start + "cmd|' /C calc'!A0")
    content = exported("x.csv", "--what", what).read_text()
    cells = [text for row in csv.reader(io.StringIO(content)) for text in row]
    assert [text for text in cells if text.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))] == []
    assert sum("HYPERLINK" in text and text.startswith("'") for text in cells) == cells.count(
        cell(start + 'HYPERLINK("http://x")')
    )


@given(TEXT)
def test_a_csv_cell_that_was_changed_can_be_changed_back(text: str) -> None:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    assert unmarked(cell(text)) == shown


@given(VALUES)
def test_an_export_s_cells_are_those_of_the_list(value: object) -> None:
    assert encoders._cell(value) == cell(value)


def test_csv_events_have_every_column_and_a_payload_that_is_still_json(ledger, exported) -> None:
    ledger.cancel(bot="\x9b31m")
    header, *rows = csv.reader(io.StringIO(exported("x.csv", "--what", "events").read_text()))
    assert tuple(header) == COLUMNS
    payloads = [json.loads(row[header.index("payload")]) for row in rows]
    assert [payload["bot"] for payload in payloads] == ["\x9b31m"] * 2


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.csv.gz", "X.CSV.GZ"])
def test_gz_is_the_same_compressed(ledger, exported, name: str) -> None:
    ledger.cancel()
    plain = exported(name.lower().removesuffix(".gz")).read_bytes()
    assert gzip.decompress(exported(name).read_bytes()) == plain


def test_gzip_members_make_one_file() -> None:
    chunks: list[bytes] = []
    packer = Gzip(chunks.append)
    for part in (b"one\n", b"two\n"):
        packer.write(part)
        packer.cut()
    assert gzip.decompress(b"".join(chunks)) == b"one\ntwo\n"


def test_parquet_has_times_in_utc_numbers_and_exact_decimals(ledger, exported) -> None:
    digits = "0.00000000000000000000000000000000000001"
    ledger.cancel(at=0.123456, answer={"amount": digits, "http_status": 200})
    path = exported("x.parquet")
    table = pq.read_table(path)
    assert tuple(table.column_names) == HISTORY_COLUMNS
    assert str(table.schema.field("requested_at").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("http_status").type) == "int64"
    (row,) = table.to_pylist()
    assert row["requested_at"] == datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
    assert Decimal(row["amount"]) == Decimal(digits)
    assert row["side"] is None


def test_another_reader_takes_the_parquet(ledger, exported) -> None:
    ledger.cancel(answer={"amount": "1.50", "price": "0.002"})
    ledger.cancel(at=1, answer={"amount": "2", "price": "0.003"})
    path = exported("x.parquet")
    query = "SELECT sum(amount::DECIMAL(38, 18) * price::DECIMAL(18, 8)) FROM read_parquet(?)"
    assert duckdb.execute(query, [str(path)]).fetchone() == (Decimal("0.009"),)


def test_parquet_events_have_every_column(ledger, exported) -> None:
    ledger.cancel()
    rows = pq.read_table(exported("x.parquet", "--what", "events")).to_pylist()
    assert list(rows[0]) == list(COLUMNS)
    assert [row["hash"] for row in rows][-1] == ledger.hash
    assert chain.link(rows[0]["prev_hash"], rows[0]["payload"]) == rows[0]["hash"]


def test_a_parquet_file_s_row_groups_are_bounded(
    ledger, exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "GROUP_ROWS", 2)
    monkeypatch.setattr("mexc_plugin.store.read.export_source.BATCH", 2)
    for at in range(5):
        ledger.cancel(at=at)
    assert pq.ParquetFile(exported("x.parquet")).metadata.num_row_groups == 3


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet"])
@pytest.mark.parametrize("what", ["history", "events"])
def test_an_empty_record_is_an_empty_file_of_its_format(
    exported, name: str, what: str, url: str
) -> None:
    path = exported(name, "--what", what)
    if name == "x.parquet":
        assert pq.read_table(path).num_rows == 0
    else:
        assert len(path.read_text().splitlines()) == (name == "x.csv")
