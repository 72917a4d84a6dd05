"""SIGKILL at random moments of a process that cancels, and what must be true after each."""

import json
import random
import shutil
import sqlite3
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.write import writer

from . import ledger
from .processes import Child
from .scale import scaled
from .victims import cancel_for_ever

KILLS_PER_DATABASE = 50
ORDERS = 30
LATEST = scaled(0.2, 0.4)  # seconds after the first cancel of a victim
AT_ONCE = scaled(1, 2)
PATIENCE = 120
LOCKED = 0.25  # of the victims find their database locked
# A bot goes on when its budget is over, on record or not: a busy machine is not to use it up. What is locked is given up
# for the spool as early as if there were little of it.
DEADLINE_MS = 5_000
SPOOL_AFTER_MS = 70


@dataclass
class Figures:
    """What all kills of a run add up to."""

    kills: int = 0
    locked: int = 0
    arrivals: int = 0
    unrecorded: int = 0
    returned: int = 0
    unanswered: int = 0
    broken: int = 0
    pending: int = 0
    spooled: int = 0
    inherited: int = 0
    torn: int = 0
    events: int = 0
    findings: list[str] = field(default_factory=list)


class Killing:
    """One database and one venue, for a number of kills."""

    def __init__(self, folder: Path, sandbox: Sandbox, log: Path, figures: Figures) -> None:
        self.path = folder / "audit.db"
        self.url = f"sqlite:///{self.path}"
        self._sandbox, self._log, self._figures = sandbox, log, figures
        self._heard = folder / "returned"
        self._rowid = 0
        self._arrived = 0
        self._returned = 0
        self._spooled: set[tuple[str, int]] = set()

    def once(self, chance: random.Random) -> None:
        """Start a victim, kill it, look."""
        colour = chance.choice(["sync", "threads", "async"])
        locked = chance.random() < LOCKED
        orders = [self._sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(ORDERS)]
        audit = {"url": self.url, "deadline_ms": DEADLINE_MS}
        # A busy machine is no fault of the venue: ccxt's own 10 s are not to end a victim.
        options = {"audit": audit, "recvWindow": 60_000}
        config = {**self._sandbox.ccxt_config(), "timeout": PATIENCE * 1000, "options": options}
        before = self._sandbox_count()
        # Where the database is locked, it is the spool that the victim dies over.
        share = SPOOL_AFTER_MS / DEADLINE_MS if locked else writer.SPOOL_SHARE
        victim = Child(_be_victim, share, colour, config, orders, str(self._heard))
        self._until_first_arrival(before, victim)
        lock = self._lock(chance) if locked else None
        time.sleep(chance.uniform(0, LATEST))
        victim.kill()
        if lock is not None:
            lock.close()
        self._let_the_venue_finish()
        self._figures.kills += 1
        self._figures.locked += locked
        # What is left alone here, the next victim replays, and may be killed at it.
        self._look(recover=chance.random() < 0.5)

    def finish(self) -> None:
        """What holds of the whole database, whatever came late."""
        self._look(recover=True)
        figures = self._figures
        payloads = [row[1] for row in self._rows(0)]
        arrived = Counter(ledger.arrived(self._log))
        figures.unrecorded += (arrived - ledger.requests_of(payloads)).total()
        figures.arrivals += arrived.total()
        figures.returned += self._returned
        figures.events += len(payloads)
        figures.torn += len(list(self.path.parent.glob("*.torn")))
        figures.findings += [str(found) for found in ledger.findings(self.url)]

    def _look(self, *, recover: bool) -> None:
        figures = self._figures
        figures.broken += not ledger.is_intact(self.path)
        waiting = ledger.spooled(self.url)
        self._count_spooled({(event.writer_id, event.seq) for event in waiting})
        new = ledger.arrived(self._log, self._arrived)
        rows = self._rows(self._rowid)
        payloads = [row[1] for row in rows] + [event.payload for event in waiting]
        figures.unrecorded += (Counter(new) - ledger.requests_of(payloads)).total()
        heard = self._heard.read_text().split()[self._returned :] if self._heard.exists() else []
        figures.unanswered += (Counter(heard) - ledger.answers_of(payloads)).total()
        if not recover:
            return
        ledger.replay(self.url)
        self._spooled = set()
        rows = self._rows(self._rowid)
        figures.pending += self._pending([row[1] for row in rows])
        writers = {row[2] for row in rows}
        found = ledger.findings(self.url, writers) if writers else []
        figures.findings += [str(finding) for finding in found]
        self._arrived += len(new)
        self._returned += len(heard)
        self._rowid = max((row[0] for row in rows), default=self._rowid)

    def _count_spooled(self, waiting: set[tuple[str, int]]) -> None:
        """Those of this kill, and those of an earlier one that its victim replayed."""
        self._figures.spooled += len(waiting - self._spooled)
        self._figures.inherited += len(self._spooled - waiting)
        self._spooled = waiting

    def _pending(self, payloads: list[str]) -> int:
        """Requests without an answer, which the view must show as `pending`."""
        documents = [json.loads(payload) for payload in payloads]
        attempts = {
            kind: {(d["cancel_id"], d["attempt"]) for d in documents if d["kind"] == kind}
            for kind in ("request", "response")
        }
        unanswered = attempts["request"] - attempts["response"]
        connection = sqlite3.connect(self.path)
        shown = set(
            connection.execute(
                "SELECT cancel_id, attempt FROM cancel_history WHERE outcome = 'pending'"
            )
        )
        stored = {
            (row[0], row[1])
            for row in connection.execute(
                "SELECT cancel_id, attempt FROM cancel_audit WHERE kind = 'request'"
            )
        }
        connection.close()
        if not (unanswered & stored) <= shown:
            self._figures.findings.append("an unanswered request is not pending in the view")
        return len(unanswered)

    def _rows(self, after: int) -> list[tuple[int, str, str]]:
        connection = sqlite3.connect(self.path)
        query = "SELECT rowid, payload, writer_id FROM cancel_audit WHERE rowid > ?"
        try:
            return connection.execute(query, (after,)).fetchall()
        finally:
            connection.close()

    def _lock(self, chance: random.Random) -> sqlite3.Connection:
        time.sleep(chance.uniform(0, 0.05))
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=10)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def _sandbox_count(self) -> int:
        return len(self._sandbox._arrivals._arrivals)  # a copy of them all would take too long

    def _until_first_arrival(self, before: int, victim: Child) -> None:
        until = time.monotonic() + PATIENCE
        while self._sandbox_count() == before:
            if victim.has_ended:
                victim.kill()  # which says why
            assert time.monotonic() < until, "the victim sends nothing"
            time.sleep(0.001)

    def _let_the_venue_finish(self) -> None:
        """What was sent before the kill has arrived, and is in the venue's log."""
        for _ in range(2):
            urllib.request.urlopen(f"{self._sandbox.url}/api/v3/time").close()
        until = time.monotonic() + 5
        while not all(arrival.done for arrival in self._sandbox._arrivals._arrivals[-20:]):
            assert time.monotonic() < until, "the venue does not finish"
            time.sleep(0.001)


def _be_victim(share: float, *arguments: Any) -> None:
    writer.SPOOL_SHARE = share
    cancel_for_ever(*arguments)


def run(folder: Path, kills: int, seed: int) -> Figures:
    """So many kills, with a new database and a new venue now and then."""
    chance = random.Random(seed)
    parts = [
        (folder / f"{first:04d}", min(KILLS_PER_DATABASE, kills - first), chance.random())
        for first in range(0, kills, KILLS_PER_DATABASE)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return total(list(pool.map(_one_database, *zip(*parts, strict=True))))


def total(parts: list[Figures]) -> Figures:
    """Their sum, name by name."""
    rows = [astuple(part) for part in parts]
    return Figures(*(sum(column[1:], column[0]) for column in zip(*rows, strict=True)))


def _one_database(folder: Path, kills: int, seed: float) -> Figures:
    chance, figures, log = random.Random(seed), Figures(), folder / "venue.jsonl"
    folder.mkdir()
    with Sandbox(log_path=log).serve() as sandbox:
        killing = Killing(folder, sandbox, log, figures)
        for _ in range(kills):
            killing.once(chance)
        killing.finish()
    shutil.rmtree(folder)
    return figures
