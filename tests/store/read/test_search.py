"""`--code` and `--search`: the same rows on every database, and no character that stands for others."""

import json

import pytest

from mexc_plugin.store.read import queries
from mexc_plugin.store.read.filters import Filters
from mexc_plugin.store.read.statistics import counts
from tests.cli.conftest import Ledger
from tests.conftest import Audit

UNKNOWN = "01a20652-d3ab-70ca-8bc7-731c07817623"
MESSAGES = {
    "unknown": "Unknown order sent.",
    "percent": "100%_of [it] \\ was 'filled'",
    "other": "100xxof it was filled",
    "umlaut": "Ärger, Кот, 错误; 3 \u212a",
    "none": None,
}


@pytest.fixture
def cancels(audit: Audit) -> dict[str, str]:
    """The cancels on record, by name; the oldest first."""
    ledger = Ledger(audit.url)
    found = {
        name: ledger.cancel("rejected", at=at, order_id=f"4{at}", answer={"venue_message": message})
        for at, (name, message) in enumerate(MESSAGES.items())
    }
    ids = {"order_id": "C02__1", "client_order_id": "My-Id", "cancel_client_order_id": "Own%Id"}
    found["ids"] = ledger.cancel(
        "not_found", 8, cancel_id=UNKNOWN, answer={"venue_code": "-2011"}, **ids
    )
    orders = {"orders": [{"order_id": "several-1"}, {"order_id": "Several-2"}]}
    found["several"] = ledger.cancel(
        "not_found", 9, answer={"venue_code": "-2013"}, order_id=None, **orders
    )
    return found  # fmt: skip


SEARCHES = [
    ("unknown ORDER", ["unknown"]),
    ("sent.", ["unknown"]),
    ("sentx", []),
    ("100%", ["percent"]),
    ("%_of [it] \\", ["percent"]),
    ("'filled'", ["percent"]),
    ("FILLED", ["other", "percent"]),
    (".*", []),
    ("%", ["ids", "percent"]),
    ("Ärger", ["umlaut"]),
    ("ärger", []),
    ("кот", []),
    ("错", ["umlaut"]),
    ("3 k", []),
    ("c02__", ["ids"]),
    ("c02x", []),
    ("my-id", ["ids"]),
    ("own%ID", ["ids"]),
    (UNKNOWN[9:25].upper(), ["ids"]),
    ("SEVERAL-2", ["several"]),
]


def test_a_text_is_found_where_it_stands_and_nowhere_else(
    audit: Audit, cancels: dict[str, str]
) -> None:
    names = {cancel_id: name for name, cancel_id in cancels.items()}
    with queries.reading(audit.url) as connection:

        def found(**wanted: tuple[str, ...]) -> list[str]:
            rows = queries.history(connection, Filters(**wanted), 20)
            return sorted(names[row["cancel_id"]] for row in rows)

        assert [(text, found(searches=(text,))) for text, _ in SEARCHES] == SEARCHES
        assert found(searches=("sent.", "my-id")) == ["ids", "unknown"]
        assert found(searches=("several",), codes=("-2013", "-2011")) == ["several"]
        assert found(codes=("-2011",)) == ["ids"]
        assert found(codes=("2011",)) == []
        (by_code,) = counts.by(connection, Filters(), counts.By.CODE)
    assert [(code, tally.attempts) for code, tally in by_code] == [
        (None, 5), ("-2011", 1), ("-2013", 1)
    ]  # fmt: skip


def test_each_command_takes_both(audit: Audit, cancels: dict[str, str], run, tmp_path) -> None:
    wanted = ("--code", "-2011", "--search", "MY-id", "--db", audit.url)
    for words in (["list"], ["tail"], ["export", "-o", "-"], []):
        (line,) = run("audit", *words, *wanted).stdout.splitlines()
        assert json.loads(line)["cancel_id"] == cancels["ids"], words
    assert json.loads(run("audit", "stats", *wanted).stdout)["attempts"] == 1
    page = tmp_path / "page.html"
    assert run("audit", "report", "-o", page, *wanted).exit_code == 0
    assert "Only code -2011, text MY-id." in page.read_text()
