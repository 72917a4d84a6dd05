"""What there is to read of each writer, and its rows in their order."""

import pytest

from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import columns, stretches
from mexc_plugin.store.verify.stretches import Reader, Stretch
from tests.cli.tampering import tamper
from tests.conftest import Audit

from .conftest import Store

WRITER = "a" * 36


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_writer_whose_name_is_no_text_is_read_to_its_end(audit: Audit, store: Store) -> None:
    store(WRITER, "request", "response")
    tamper(audit.path, "UPDATE cancel_audit SET writer_id = CAST(x'ff' AS TEXT)")
    with queries.reading(audit.url) as connection:
        read_any_text(connection)
        (stretch,) = stretches.plan(connection)
        assert len(list(Reader(connection).rows(stretch))) == 2


def test_a_stretch_is_read_in_its_order_and_what_is_before_it(audit: Audit, store: Store) -> None:
    made = store(WRITER, "request", "response", "request")
    with queries.reading(audit.url) as connection:
        assert stretches.plan(connection) == [Stretch(WRITER, 1, 3, 3)]
        reader = Reader(connection, columns.CHAIN)
        later = Stretch(WRITER, 2, 3, 2)
        assert [values[-1] for values in reader.rows(later)] == [each.hash for each in made[1:]]
        before = reader.before(later)
    assert before is not None
    assert before[-1] == made[0].hash
