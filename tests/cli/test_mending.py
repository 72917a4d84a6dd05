"""`audit reconcile` and `audit recover`, against a venue on loopback."""

import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import ccxt
import pytest

from mexc_plugin.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Fault, FaultKind, Sandbox
from mexc_plugin.store.write import recorders
from mexc_plugin.store.write.spool import spool_folder, spool_format
from tests import warm
from tests.cli.tampering import tamper
from tests.conftest import Audit, Bot
from tests.evidence.records import honest, sealed, store

KEYS = {"MEXC_API_KEY": DEFAULT_KEY, "MEXC_API_SECRET": DEFAULT_SECRET}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, **environment}
    return warm.run("-W", "error", "-m", "mexc_plugin", *arguments, env=given)


@pytest.fixture
def unknown(sandbox: Sandbox, audit: Audit) -> str:
    """An order whose cancel lost its answer."""
    bot = Bot("sync", {**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}})
    bot.load_markets()
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    with pytest.raises(ccxt.NetworkError):
        bot.cancel_order(order_id, "LTC/BTC")
    bot.close()
    recorders.close_all()
    return order_id


def test_reconcile_resolves_what_was_unknown_and_says_so(
    sandbox, audit: Audit, unknown: str
) -> None:
    arguments = ("audit", "reconcile", "--base-url", sandbox.url, "--database-url", audit.url)
    done = run(*arguments, **KEYS)
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "canceled")
    assert "1 resolved, 0 still unknown" in done.stderr
    assert audit.history()[0]["final_outcome"] == "canceled"
    again = run(*arguments, **KEYS)
    assert (again.returncode, again.stdout) == (0, "")
    assert "nothing to reconcile" in again.stderr
    assert DEFAULT_SECRET not in done.stdout + done.stderr + again.stderr


def test_what_another_key_left_unresolved_is_counted_with_its_fingerprint(
    sandbox, audit: Audit, unknown: str
) -> None:
    arguments = ("audit", "reconcile", "--base-url", sandbox.url, "--database-url", audit.url)
    done = run(*arguments, MEXC_API_KEY="other-key", MEXC_API_SECRET="other-secret")
    account = audit.history()[0]["account"]
    assert (done.returncode, done.stdout) == (0, "")
    assert f"1 attempt is left unresolved of other API keys: 1 of {account}; run it" in done.stderr
    named = ("--cancel-id", audit.history()[0]["cancel_id"])
    done = run(*arguments, *named, MEXC_API_KEY="other-key", MEXC_API_SECRET="other-secret")
    assert f"1 of {account}" in done.stderr
    assert "left" not in run(*arguments, **KEYS).stderr


def test_a_key_that_may_not_read_orders_is_told_what_it_lacks(
    sandbox, audit: Audit, unknown: str
) -> None:
    sandbox.inject(
        Fault(
            FaultKind.REFUSAL,
            method="GET",
            path="/api/v3/order",
            code=700007,
            message="No permission to access the endpoint.",
        )
    )
    arguments = ("audit", "reconcile", "--base-url", sandbox.url, "--database-url", audit.url)
    done = run(*arguments, "--format", "table", **KEYS)
    assert done.returncode == 3
    assert "the venue refused to say: 700007 No permission to access the endpoint.; " in done.stdout
    assert "allow the API key to read spot orders (SPOT_DEAL_READ)" in done.stdout


def test_one_cancel_is_named_by_the_beginning_of_its_id(
    sandbox, audit: Audit, unknown: str
) -> None:
    arguments = ("audit", "reconcile", "--base-url", sandbox.url, "--database-url", audit.url)
    (row,) = audit.history()
    none = run(*arguments, "--cancel-id", "ffff", **KEYS)
    assert (none.returncode, none.stdout) == (1, "")
    assert "no cancel 'ffff' is on record" in none.stderr
    done = run(*arguments, "--cancel-id", row["cancel_id"][:8], **KEYS)
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "canceled")


def test_a_dry_run_lists_and_needs_attention(sandbox, audit: Audit, unknown: str) -> None:
    done = run(
        "audit", "reconcile", "--dry-run", "--format", "table",
        "--base-url", sandbox.url, "--database-url", audit.url, **KEYS,
    )  # fmt: skip
    assert done.returncode == 3
    assert unknown in done.stdout
    assert "dry run" in done.stdout
    assert audit.events("reconciliation") == []


def test_a_cancel_of_a_process_that_died_is_found_and_resolved(sandbox, audit: Audit) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    sandbox.inject(Fault(FaultKind.DELAY_AFTER, seconds=30, times=1))
    config = {**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}}
    code = f"from mexc_plugin import mexc; mexc({config!r}).cancel_order({order_id!r}, 'LTC/BTC')"
    process = subprocess.Popen([sys.executable, "-c", code])
    while sandbox.order(order_id).status != "CANCELED":
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert audit.history()[0]["outcome"] == "pending"
    done = run("audit", "reconcile", "--base-url", sandbox.url, "--database-url", audit.url, **KEYS)
    result = json.loads(done.stdout)
    assert (result["was"], result["outcome"]) == ("pending", "canceled")
    assert audit.history()[0]["final_outcome"] == "canceled"


def test_reconcile_without_a_key_is_a_usage_error(audit: Audit, unknown: str) -> None:
    done = run("audit", "reconcile", "--database-url", audit.url)
    assert done.returncode == 2
    assert "MEXC_API_KEY and MEXC_API_SECRET" in done.stderr


def test_reconcile_without_an_audit_says_where_it_looked(tmp_path: Path) -> None:
    done = run("audit", "reconcile", "--database-url", f"sqlite:///{tmp_path}/no.db", **KEYS)
    assert done.returncode == 1
    assert "no.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_reconcile_with_a_wrong_secret_says_why(sandbox, audit: Audit, unknown: str) -> None:
    done = run(
        "audit", "reconcile", "--base-url", sandbox.url, "--database-url", audit.url,
        MEXC_API_KEY=DEFAULT_KEY, MEXC_API_SECRET="wrong-secret-of-this-account",
    )  # fmt: skip
    assert done.returncode in (1, 3)
    assert "700002" in done.stderr + done.stdout
    assert "wrong-secret" not in done.stderr + done.stdout


def test_recover_brings_spooled_events_home_and_verify_is_content_again(audit: Audit) -> None:
    code = f"""
import os, sqlite3
from mexc_plugin.store.write.writer import Writer
w = Writer({audit.url!r})
assert w.submit({{"kind": "request", "occurred_ns": 1, "cancel_id": "a", "attempt": 1}}, 10).wait(10)
lock = sqlite3.connect({str(audit.path)!r}, isolation_level=None)
lock.execute("BEGIN EXCLUSIVE")
assert w.submit({{"kind": "request", "occurred_ns": 2, "cancel_id": "b", "attempt": 1}}, 0.02).wait(20)
os._exit(9)
"""
    warm.run("-c", code)
    assert len(spool_folder.files(audit.url)) == 1
    before = run("audit", "verify", "--database-url", audit.url)
    assert "audit recover" in before.stderr
    done = run("audit", "recover", "--database-url", audit.url)
    assert (done.returncode, "1 events stored" in done.stderr) == (0, True)
    after = run("audit", "verify", "--database-url", audit.url)
    assert (after.returncode, "whole" in after.stdout) == (0, True)
    assert "no events wait" in run("audit", "recover", "--database-url", audit.url).stderr


def test_recover_from_a_broken_database_keeps_the_spool(audit: Audit) -> None:
    audit.path.write_bytes(b"no database" * 1000)
    waiting = audit.path.parent / f"{audit.path.name}.w.spool"
    waiting.write_bytes(b"")
    done = run("audit", "recover", "--database-url", audit.url)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert waiting.exists()


def test_recover_says_which_spools_are_left_and_fails_for_those_that_no_bot_has(
    audit: Audit,
) -> None:
    theirs, refused = (audit.path.with_name(f"{audit.path.name}.{name}.spool") for name in "ab")
    refused.mkdir()
    with theirs.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = run("audit", "recover", "--database-url", audit.url)
    assert done.returncode == 3
    assert "1 spool file is left to bots that still run" in done.stderr
    assert f"{refused.name} is left alone" in done.stderr
    assert "1 spool file is left; a line above says why" in done.stderr
    refused.rmdir()
    with theirs.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = run("audit", "recover", "--database-url", audit.url)
    assert (done.returncode, "above" in done.stderr) == (0, False)


def test_recover_ends_with_3_for_events_in_whose_place_another_row_is(audit: Audit) -> None:
    there = sealed(honest())
    store(audit.url, there[:5])
    others = sealed(honest()[3:], there[0].writer_id)
    folder, stem = spool_folder.place(audit.url)
    lines = map(spool_format.write_line, others[:2])
    (folder / f"{stem}.{there[0].writer_id}.spool").write_bytes(b"".join(lines))
    done = run("audit", "recover", "--database-url", audit.url)
    assert done.returncode == 3
    assert "another row is in the place of 2 events" in done.stderr
    assert "events of 1 spool file are kept aside" in done.stderr


@pytest.mark.parametrize(
    "statement",
    ["UPDATE cancel_audit_order SET outcome = 'rejected'", "DELETE FROM cancel_audit_order"],
)
def test_verify_sees_a_change_of_the_orders_of_a_cancel_all(
    sandbox, audit: Audit, statement: str
) -> None:
    bot = Bot("sync", {**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}})
    for _ in range(2):
        sandbox.place("LTCBTC", "BUY", "1", "0.002")
    bot.cancel_all_orders("LTC/BTC")
    bot.close()
    recorders.close_all()
    assert run("audit", "verify", "--database-url", audit.url).returncode == 0
    connection = sqlite3.connect(audit.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    tamper(audit.path, statement)
    done = run("audit", "verify", "--database-url", audit.url)
    assert done.returncode == 3
    assert "orders: " in done.stdout
