"""Connections that are lost, idle for too long, frozen or not there yet: nobody sees an error."""

import logging
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.write import storer
from mexc_plugin.store.write.spool import spool_folder
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit, MakeBot, logged
from tests.store.audits import ServerAudit
from tests.store.conftest import SERVERS
from tests.store.proxy import Proxy
from tests.store.servers import Server
from tests.store.write.test_store import assert_chain_holds, draft, seqs

SYMBOL = "LTC/BTC"


@pytest.fixture(params=SERVERS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits, shorter."""
    monkeypatch.setattr(storer, "BUSY_TIMEOUT_MS", 500)
    monkeypatch.setattr(storer, "PROBE_S", 0.2)


def eventually_stored(audit: Audit, count: int, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while len(seqs(audit)) < count and time.monotonic() < until:
        time.sleep(0.05)
    assert seqs(audit) == list(range(1, count + 1))
    assert_chain_holds(audit)


def cut(server: Server, audit: ServerAudit) -> None:
    audit.close()
    assert server.cut(audit.name) > 0


def test_an_event_after_a_lost_connection_is_stored_and_nobody_hears_of_it(
    server: Server, audit: ServerAudit, caplog
) -> None:
    made = Writer(audit.url)
    for n in range(3):
        receipt = made.submit(draft(n), 20)
        assert receipt.wait(20)
        assert receipt.place is Place.DATABASE
        cut(server, audit)
    made.close()
    assert caplog.records == []
    assert seqs(audit) == [1, 2, 3, 4, 5]
    assert_chain_holds(audit)


def test_a_connection_that_is_lost_inside_a_transaction_loses_nothing(
    server: Server, audit: ServerAudit, caplog
) -> None:
    made = Writer(audit.url)
    assert made.submit(draft(), 20).wait(20)
    with audit.locked():
        receipt = made.submit(draft(1), 20)
        assert not receipt.wait(0.3)
        cut(server, audit)  # the one that holds the lock too
        assert receipt.wait(20)
    made.close()
    assert receipt.place is Place.DATABASE
    assert caplog.records == []
    assert seqs(audit) == [1, 2, 3, 4]
    assert_chain_holds(audit)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_bot_cancels_over_a_lost_connection(
    make_bot: MakeBot, sandbox, server: Server, audit: ServerAudit, caplog
) -> None:
    bot = make_bot()
    for _ in range(3):
        order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
        assert bot.cancel_order(order_id, SYMBOL)["id"] == order_id
        cut(server, audit)
    assert [row["final_outcome"] for row in audit.history()] == ["canceled"] * 3
    assert caplog.records == []
    assert_chain_holds(audit)


@pytest.fixture
def soon_idle() -> Iterator[None]:
    """Every connection is ended by the server after a second without a word."""
    says = {
        "postgresql": "SET idle_session_timeout = '1s'",
        "mysql": "SET SESSION wait_timeout = 1",
    }

    def connected(connection, _record) -> None:
        kind = "mysql" if "pymysql" in type(connection).__module__ else "postgresql"
        with connection.cursor() as cursor:
            cursor.execute(says[kind])
        connection.commit()

    event.listen(sa.engine.Engine, "connect", connected)
    yield
    event.remove(sa.engine.Engine, "connect", connected)


def test_a_connection_that_was_idle_for_too_long_is_made_anew(
    soon_idle, audit: ServerAudit, caplog
) -> None:
    made = Writer(audit.url)
    for n in range(2):
        receipt = made.submit(draft(n), 20)
        assert receipt.wait(20)
        assert receipt.place is Place.DATABASE
        time.sleep(1.5)
    made.close()
    assert caplog.records == []
    assert seqs(audit) == [1, 2, 3, 4]


def test_what_was_recorded_before_the_server_was_there_is_stored_when_it_is(
    behind_proxy: ServerAudit, proxy: Proxy, quick, caplog
) -> None:
    proxy.shut()
    made = Writer(behind_proxy.url)
    made.prepare()
    receipts = [made.submit(draft(n)) for n in range(5)]
    assert [receipt.wait(20) for receipt in receipts] == [True] * 5
    assert {receipt.place for receipt in receipts} == {Place.SPOOL}
    assert [record.levelname for record in logged(caplog, "audit")] == ["ERROR"]
    proxy.open()
    made.submit(draft(5))
    eventually_stored(behind_proxy, 7)
    made.close()
    assert [record.levelno for record in logged(caplog, "audit", 2)] == [
        logging.ERROR,
        logging.WARNING,
    ]
    assert spool_folder.files(behind_proxy.url) == []
    behind_proxy.close()


def test_a_server_that_freezes_gives_the_writer_s_thread_free_again(
    behind_proxy: ServerAudit, proxy: Proxy, quick
) -> None:
    made = Writer(behind_proxy.url)
    assert made.submit(draft(), 20).wait(20)
    proxy.freeze()
    since = time.monotonic()
    late = made.submit(draft(1), 0.4)
    assert not late.wait(0.2)
    assert late.wait(10)
    assert late.place is Place.SPOOL
    while time.monotonic() - since < 20 and not made._breaker.has_failed:
        time.sleep(0.05)
    assert time.monotonic() - since < 12
    assert len(seqs(behind_proxy)) == 2
    proxy.thaw()
    made.submit(draft(2))
    eventually_stored(behind_proxy, 4)
    made.close()
    behind_proxy.close()


def test_a_network_that_breaks_and_comes_back_leaves_one_whole_chain(
    behind_proxy: ServerAudit, proxy: Proxy, quick
) -> None:
    made = Writer(behind_proxy.url)
    for n in range(30):
        receipt = made.submit(draft(n), 5)
        if n % 10 == 4:
            proxy.shut()
        if n % 10 == 8:
            proxy.open()
        assert receipt.wait(10)
    eventually_stored(behind_proxy, 31)
    made.close()
    behind_proxy.close()
