"""Several writers, killed, forked, locked out of their database, answered in every odd way: nothing but notes."""

import contextlib
import os
import time
from pathlib import Path

import ccxt

from mexc_plugin import mexc
from mexc_plugin.evidence import verifying
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.store.verify.findings import Degree
from mexc_plugin.store.verify.findings import Fault as Found
from mexc_plugin.store.write import recorders
from tests.conftest import Audit
from tests.torture import ledger
from tests.torture.processes import Child
from tests.torture.victims import cancel_for_ever

SYMBOL = "LTC/BTC"


def place(sandbox: Sandbox) -> str:
    return sandbox.place("LTCBTC", "BUY", "1", "0.002")


def cancel(exchange: mexc, order_id: str) -> None:
    with contextlib.suppress(ccxt.BaseError):
        exchange.cancel_order(order_id, SYMBOL)


def kill_one(sandbox: Sandbox, config: dict[str, object], folder: Path) -> None:
    before = len(sandbox.arrivals)
    orders = [place(sandbox) for _ in range(5)]
    victim = Child(cancel_for_ever, "threads", config, orders, str(folder / "returned"))
    until = time.monotonic() + 60
    while len(sandbox.arrivals) < before + 3 and time.monotonic() < until:
        time.sleep(0.01)
    victim.kill()


def fork_one(exchange: mexc, order_id: str) -> None:
    child = os.fork()
    if not child:
        cancel(exchange, order_id)
        recorders.close_all()
        os._exit(0)
    os.waitpid(child, 0)


def test_nothing_but_notes_on_an_honest_record(
    sandbox: Sandbox, audit: Audit, tmp_path: Path
) -> None:
    options = {"audit": {"url": audit.url, "deadline_ms": 200}, "recvWindow": 60_000}
    config = {**sandbox.ccxt_config(), "timeout": 3_000, "options": options}
    exchange = mexc(config)
    exchange.load_markets()
    for kind in FaultKind:
        sandbox.inject(Fault(kind, times=1, seconds=0.05))
        cancel(exchange, place(sandbox))
        sandbox.clear_faults()
        cancel(exchange, "9" * 18)
    place(sandbox)
    exchange.cancel_all_orders(SYMBOL)
    with audit.locked():
        cancel(exchange, place(sandbox))
    kill_one(sandbox, config, tmp_path)
    fork_one(exchange, place(sandbox))
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    cancel(exchange, place(sandbox))
    sandbox.clear_faults()
    exchange.reconcile_cancels()
    recorders.close_all()
    ledger.replay(audit.url)
    plan = verifying.make_plan(audit.url)
    findings = list(verifying.verify(audit.url, plan, jobs=2))
    assert [item for item in findings if item.degree is not Degree.NOTED] == []
    assert {Found.NO_STOP, Found.MARKED} <= {item.fault for item in findings}
    assert audit.events("reconciliation")
    assert plan.writers >= 3
