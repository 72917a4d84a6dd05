"""The chain around one event, for whoever looks at its cancel."""

import pytest

from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import neighbours
from tests.cli.tampering import tamper
from tests.conftest import Audit

from .conftest import Store


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_time_that_is_none_is_a_finding_and_ends_no_reading(audit: Audit, store: Store) -> None:
    first, _ = store("a" * 36, "request", "response")
    tamper(audit.path, "UPDATE cancel_audit SET occurred_at = 'x'")
    place = first.writer_id, first.seq
    with queries.reading(audit.url) as connection:
        found = neighbours.findings(connection, [{"writer_id": place[0], "seq": place[1]}])
    said = [finding.message for finding in found[place]]
    assert said == ["column occurred_at differs from the payload"]
