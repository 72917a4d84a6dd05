"""The chain around one event, for whoever looks at its cancel."""

import pytest

from mexc_plugin.audit.archive_notes import TITLE
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import neighbours
from tests.cli.tampering import tamper
from tests.conftest import Audit

from .conftest import Store


def test_an_event_between_two_others_holds(audit: Audit, store: Store) -> None:
    made = store("a" * 36, "request", "response", "request")
    places = [(event.writer_id, event.seq) for event in made]
    with queries.reading(audit.url) as connection:
        rows = [{"writer_id": writer_id, "seq": seq} for writer_id, seq in places]
        assert neighbours.findings(connection, rows) == {place: [] for place in places}


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    ("column", "value"),
    [("occurred_at", "'x'"), ("bot", "CAST(x'ff' AS TEXT)")],
    ids=["no time", "no text"],
)
def test_a_value_that_is_none_is_a_finding_and_ends_no_reading(
    audit: Audit, store: Store, column: str, value: str
) -> None:
    first, _ = store("a" * 36, "request", "response")
    tamper(audit.path, f"UPDATE cancel_audit SET {column} = {value}")
    place = first.writer_id, first.seq
    with queries.reading(audit.url) as connection:
        found = neighbours.findings(connection, [{"writer_id": place[0], "seq": place[1]}])
    said = [finding.message for finding in found[place]]
    assert said == [f"column {column} differs from the payload"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_behind_an_archive_the_chain_goes_on_where_its_note_says(
    audit: Audit, store: Store
) -> None:
    writer_id = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
    first, second, _ = store(writer_id, "request", "request", "request")
    tamper(
        audit.path,
        "DELETE FROM cancel_audit WHERE seq = 1",
        "INSERT INTO audit_checkpoint (sha256, kind, taken_ns, events, note) VALUES "
        f"('{'0' * 64}', 'archive', 0, 0, '{TITLE}\nwriter {writer_id} 1 1 {first.hash}\n')",
    )
    with queries.reading(audit.url) as connection:
        found = neighbours.findings(connection, [{"writer_id": writer_id, "seq": 2}])
    assert found == {(writer_id, second.seq): []}
