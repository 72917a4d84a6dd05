"""The rows of orders, compared with the payloads that they come from."""

import pytest
import sqlalchemy as sa

from mexc_plugin.audit import events
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import columns
from mexc_plugin.store.verify.columns import OrderRows
from mexc_plugin.store.verify.findings import Fault
from tests.cli.tampering import tamper
from tests.conftest import Audit

from .conftest import Store

WRITER, CANCEL = "a" * 36, "00000000-0000-7000-8000-00000000000c"
only_sqlite = pytest.mark.parametrize("backend", ["sqlite"])


@only_sqlite
def test_rows_of_no_event_are_counted_as_they_are_now(audit: Audit, store: Store) -> None:
    (event,) = store(WRITER, "request", cancel_id=CANCEL, order_ids=["7", "8"])
    row = events.project(event)
    with queries.reading(audit.url) as connection:
        connection.execute(sa.text("SELECT count(*) FROM cancel_audit_order")).all()
        names = [each["name"] for each in audit.query("PRAGMA table_info(cancel_audit_order)")]
        copied = ", ".join("2" if name == "seq" else name for name in names)
        tamper(
            audit.path, f"INSERT INTO cancel_audit_order SELECT {copied} FROM cancel_audit_order"
        )
        orders = OrderRows(connection)
        orders.begin()
        assert list(orders.check(row)) == []
        (finding,) = orders.check_total()
    assert finding.message == "cancel_audit_order has 2 rows of no event"


@only_sqlite
def test_rows_of_no_event_are_those_of_the_stretch_alone(audit: Audit, store: Store) -> None:
    other = "b" * 36
    store(WRITER, "request", "request", "request", cancel_id=CANCEL, order_ids=["7"])
    store(other, "request", "request", "request", cancel_id=CANCEL, order_ids=["7"])
    tamper(audit.path, f"DELETE FROM cancel_audit_order WHERE seq = 2 AND writer_id = '{other}'")
    with queries.reading(audit.url) as connection:
        totals = []
        for writer_id in (WRITER, other):
            orders = OrderRows(connection, (writer_id, 2, 3))
            orders.begin()
            totals.append([(each.message, each.writer_id) for each in orders.check_total()])
    said = "cancel_audit_order has {} rows of no event"
    assert totals == [[(said.format(2), WRITER)], [(said.format(1), other)]]


@only_sqlite
def test_an_order_s_text_that_is_none_is_a_finding(audit: Audit, store: Store) -> None:
    (event,) = store(WRITER, "request", cancel_id=CANCEL, order_ids=["7", "8"])
    tamper(audit.path, "UPDATE cancel_audit_order SET order_id = CAST(x'ff' AS TEXT)")
    with queries.reading(audit.url) as connection:
        orders = OrderRows(connection)
        orders.begin()
        (finding,) = orders.check(events.project(event))
    assert finding.fault is Fault.ORDERS


def test_rows_of_a_writer_s_first_and_last_event_are_no_orphans(audit: Audit, store: Store) -> None:
    store(WRITER, "request", "request", cancel_id=CANCEL, order_ids=["7"])
    with queries.reading(audit.url) as connection:
        assert list(columns.find_orphans(connection)) == []
