"""`audit watch` goes on over a restart of its server, and has that told."""

import json
from datetime import timedelta
from typing import Any

import pytest

from mexc_plugin.cli.alerting import sentry
from mexc_plugin.cli.alerting.calling import Caller
from mexc_plugin.cli.alerting.looks import Looker
from mexc_plugin.cli.alerting.sentry import Plan
from mexc_plugin.cli.options.common import Chosen
from tests.cli.conftest import Ledger
from tests.cli.test_watch import Lines, ago, wait_until
from tests.store.audits import ServerAudit
from tests.store.conftest import SERVERS
from tests.store.proxy import Proxy


@pytest.mark.parametrize("backend", SERVERS)
def test_it_says_that_the_server_is_gone_and_goes_on_when_it_is_back(
    audit: ServerAudit, behind_proxy: ServerAudit, proxy: Proxy
) -> None:
    ledger = Ledger(audit.url)
    ledger.cancel(at=ago(5))
    with Lines("--db", behind_proxy.url) as shown:
        assert shown.words().startswith("watching ")
        proxy.shut()
        assert "cannot be reached" in shown.words()
        meanwhile = ledger.cancel("rejected", at=ago())
        proxy.open()
        assert shown.words() == "database: that is over\n"
        assert meanwhile in shown.line()
        assert shown.interrupt() == 130


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_a_server_that_says_nothing_is_told_and_watched_on(
    audit: ServerAudit, behind_proxy: ServerAudit, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentry, "SLOW_S", 0.5)
    monkeypatch.setattr(sentry, "LASTING", timedelta(seconds=1))
    Ledger(audit.url).cancel(at=ago(5))
    call = Remembering()
    looker = Looker(Chosen(behind_proxy.url, "option"), shortens=False)
    plan = Plan(0.2, timedelta(minutes=5), 0.1)
    watching = sentry.Sentry(looker, plan, [Caller(call)], "the record")
    watching.start()
    wait_until(lambda: watching.view.glance)
    proxy.freeze()
    wait_until(lambda: call.said)
    assert call.said[0]["text"] == "the record does not answer"
    proxy.thaw()
    wait_until(lambda: not watching.view.trouble)
    watching.stop()
    watching.join()
    assert watching.failure is None


class Remembering:
    """A call that keeps what it is given."""

    name = "the memory"

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def call(self, document: bytes, _limit_s: float) -> None:
        self.said.append(json.loads(document))

    def stop(self) -> None: ...
