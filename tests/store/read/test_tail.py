"""`audit tail -f` goes on over a restart of its server."""

import pytest

from mexc_plugin.store.read import page_token, queries
from mexc_plugin.store.schema.tables import HISTORY_COLUMNS
from tests.cli.conftest import Ledger
from tests.cli.test_tail import Followed
from tests.store.audits import Audit, ServerAudit
from tests.store.conftest import SERVERS
from tests.store.proxy import Proxy


@pytest.mark.parametrize("backend", SERVERS)
def test_follow_says_once_that_the_server_is_gone_and_goes_on_when_it_is_back(
    audit: ServerAudit, behind_proxy: ServerAudit, proxy: Proxy
) -> None:
    ledger = Ledger(audit.url)
    ledger.cancel()
    with Followed("--database-url", behind_proxy.url) as shown:
        shown.row()
        proxy.shut()
        assert "waiting for it" in shown.words()
        meanwhile = ledger.cancel(at=5)
        proxy.open()
        assert shown.row()["cancel_id"] == meanwhile
        assert "is back" in shown.words()
        assert shown.interrupt() == 130
        assert shown.more_words() == []


def test_a_cursor_and_a_page_are_the_same_on_every_database(audit: Audit, prepare) -> None:
    prepare(audit)
    ledger = Ledger(audit.url)
    made = [ledger.cancel(at=second) for second in range(3)]
    with queries.reading(audit.url) as connection:
        (newest,) = queries.history(connection, queries.Filters(), 1)
        place = page_token.locate(connection, page_token.write(newest))
        rest = list(queries.history(connection, queries.Filters(), after=place))
    assert [row["cancel_id"] for row in rest] == made[1::-1]
    assert tuple(newest) == HISTORY_COLUMNS


@pytest.fixture
def prepare(run):
    return lambda audit: run("db", "upgrade", "--database-url", audit.url)
