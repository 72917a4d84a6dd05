"""A million events that nobody tampered with: `audit verify` finds nothing that is broken, and nothing to doubt.

Sixteen processes record at once. All the time one of them is killed and another begins, each forks, its clock is
set, the database is locked for longer than a bot waits, and what is unknown is asked for at the end.
"""

import random
import resource
import time
from collections import Counter
from pathlib import Path

from mexc_plugin import mexc
from mexc_plugin.audit.redaction import account_fingerprint
from mexc_plugin.evidence import verifying
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.verify.findings import Degree, Fault
from mexc_plugin.store.write import recorders
from tests.conftest import Audit

from . import honest, ledger
from .processes import Child
from .scale import keep, scaled
from .victims import cancel_for_ever

EVENTS = scaled(6_000, 1_000_000)
WRITERS = scaled(4, 16)
# In seconds: how long the record is locked, how often that is, and how often somebody is killed.
LOCKED, LOCK_EVERY, KILL_EVERY = scaled((0.5, 2, 1), (3, 60, 10))
LIMIT = scaled(120, 3_600)
SEED = 20_261_126


def test_nothing_but_notes_on_a_million_honest_events(
    audit: Audit, sandbox: Sandbox, tmp_path: Path
) -> None:
    made = engine.create(audit.url)
    migrate.ensure(made)
    made.dispose()
    begun = time.monotonic()
    killed = _record(audit, sandbox, tmp_path)
    options = {"audit": {"url": audit.url, "deadline_ms": 2_000}, "recvWindow": 60_000}
    exchange = mexc({**sandbox.ccxt_config(), "timeout": 60_000, "options": options})
    asked = exchange.reconcile_cancels()
    recorders.close_all()
    recorded = time.monotonic() - begun
    replayed = ledger.replay(audit.url)
    plan = verifying.make_plan(audit.url)
    used, begun = _used(), time.monotonic()
    findings = list(verifying.verify(audit.url, plan))
    cpu, seconds = _used() - used, time.monotonic() - begun
    notes = Counter(item.fault.value for item in findings if item.degree is Degree.NOTED)
    keep(
        "no_false_alarm",
        events=plan.events,
        writers=plan.writers,
        at_once=WRITERS,
        killed=killed,
        spooled=audit.query("SELECT count(*) AS n FROM cancel_audit WHERE payload LIKE '%\"spooled\":%'")[0]["n"],
        replayed_at_the_end=replayed,
        reconciled=sum(item["outcome"] is not None for item in asked),
        noted=sum(notes.values()),
        recording_seconds=round(recorded),
        verify_seconds=round(seconds, 1),
        verify_cpu_seconds=round(cpu, 1),
    )  # fmt: skip
    assert [item for item in findings if item.degree is not Degree.NOTED] == []
    assert plan.events >= EVENTS
    assert killed >= 2
    assert {Fault.NO_STOP, Fault.MARKED, Fault.TIME} <= {item.fault for item in findings}
    assert audit.query("SELECT count(*) AS n FROM cancel_audit WHERE kind = 'reconciliation'")[0][
        "n"
    ]


def _record(audit: Audit, sandbox: Sandbox, folder: Path) -> int:
    """Until there are enough, and each trouble has come; returns how many were killed."""
    rng = random.Random(SEED)
    ends = folder / "ends"
    account = account_fingerprint(str(sandbox.ccxt_config()["apiKey"]))
    config = {**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}}
    seeds = iter(range(10**6))

    def bot(place: int) -> Child:
        if place == 0:  # the whole adapter, on the wire
            orders = [_place(sandbox) for _ in range(20)]
            return Child(cancel_for_ever, "sync", config, orders, str(folder / "returned"))
        orders = [_place(sandbox) for _ in range(scaled(20, 100))]
        for order_id in orders[::2]:
            sandbox.fill(order_id)
        return Child(honest.cancel_until, audit.url, ends, account, next(seeds), orders)

    bots = [bot(place) for place in range(WRITERS)]
    killed = locked = 0
    locked_at = killed_at = begun = time.monotonic()
    while _count(audit) < EVENTS or not killed or not locked:
        time.sleep(scaled(0.2, 2))
        now = time.monotonic()
        assert now - begun < LIMIT, f"{_count(audit)} events after {now - begun:.0f} s"
        if now - locked_at > LOCK_EVERY:
            with audit.locked():
                time.sleep(LOCKED)
            locked, locked_at = locked + 1, time.monotonic()
        if now - killed_at > KILL_EVERY:
            place = rng.randrange(WRITERS)
            bots[place].kill()
            bots[place] = bot(place)
            killed, killed_at = killed + 1, time.monotonic()
    bots[0].kill()
    ends.touch()
    for child in bots[1:]:
        child.result(120)
    return killed + 1


def _place(sandbox: Sandbox) -> str:
    return sandbox.place("LTCBTC", "BUY", "1", "0.002")


def _count(audit: Audit) -> int:
    return int(audit.query("SELECT count(*) AS n FROM cancel_audit")[0]["n"])


def _used() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime
