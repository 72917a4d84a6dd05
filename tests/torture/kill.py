"""SIGKILL at random moments of a process that cancels, and what must be true after each."""

import json
import random
import sqlite3
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mexc_plugin.sandbox import Sandbox

from . import ledger
from .processes import Child
from .scale import scaled
from .victims import cancel_for_ever

KILLS_PER_DATABASE = 50
ORDERS = 30
LATEST = scaled(0.2, 0.4)  # seconds after the first cancel of a victim


@dataclass
class Figures:
    """What all kills of a run add up to."""

    kills: int = 0
    arrivals: int = 0
    unrecorded: int = 0
    intact: int = 0
    pending: int = 0
    spooled: int = 0
    torn: int = 0
    events: int = 0
    findings: list[str] = field(default_factory=list)


class Killing:
    """One database and one venue, for a number of kills."""

    def __init__(self, folder: Path, sandbox: Sandbox, log: Path, figures: Figures) -> None:
        self.path = folder / "audit.db"
        self.url = f"sqlite:///{self.path}"
        self._sandbox, self._log, self._figures = sandbox, log, figures
        self._rowid = 0
        self._arrived = 0

    def once(self, chance: random.Random) -> None:
        """Start a victim, kill it, look."""
        colour = chance.choice(["sync", "threads", "async"])
        locked = chance.random() < 0.25  # then it writes to the spool when it dies
        orders = [self._sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(ORDERS)]
        config = {**self._sandbox.ccxt_config(), "options": {"audit": {"url": self.url}}}
        before = self._sandbox_count()
        victim = Child(cancel_for_ever, colour, config, orders)
        self._until_first_arrival(before)
        lock = self._lock(chance) if locked else None
        time.sleep(chance.uniform(0, LATEST))
        victim.kill()
        if lock is not None:
            lock.close()
        self._let_the_venue_finish()
        self._look()

    def finish(self) -> None:
        """What holds of the whole database, whatever came late."""
        payloads = [row[1] for row in self._rows(0)]
        recorded = ledger.requests_of(payloads)
        missing = Counter(ledger.arrived(self._log)) - recorded
        self._figures.unrecorded += missing.total()
        self._figures.events += len(payloads)
        self._figures.arrivals += len(ledger.arrived(self._log))
        self._figures.findings += [str(found) for found in ledger.findings(self.url)]

    def _look(self) -> None:
        figures = self._figures
        figures.kills += 1
        figures.intact += ledger.is_intact(self.path)
        waiting = ledger.spooled(self.url)
        figures.spooled += len(waiting)
        new = ledger.arrived(self._log, self._arrived)
        rows = self._rows(self._rowid)
        payloads = [row[1] for row in rows] + [event.payload for event in waiting]
        missing = Counter(new) - ledger.requests_of(payloads)
        figures.unrecorded += missing.total()
        figures.pending += self._pending(payloads)
        ledger.replay(self.url)
        figures.torn += len(list(self.path.parent.glob("*.torn")))
        writers = {row[2] for row in self._rows(self._rowid)}
        found = ledger.findings(self.url, writers) if writers else []
        figures.findings += [str(finding) for finding in found]
        self._arrived += len(new)
        self._rowid = max((row[0] for row in self._rows(self._rowid)), default=self._rowid)

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

    def _until_first_arrival(self, before: int) -> None:
        until = time.monotonic() + 30
        while self._sandbox_count() == before:
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


def run(folder: Path, kills: int, seed: int) -> Figures:
    """So many kills, with a new database and a new venue now and then."""
    chance = random.Random(seed)
    figures = Figures()
    while figures.kills < kills:
        here = folder / f"{figures.kills:04d}"
        here.mkdir()
        log = here / "venue.jsonl"
        with Sandbox(log_path=log).serve() as sandbox:
            killing = Killing(here, sandbox, log, figures)
            for _ in range(min(KILLS_PER_DATABASE, kills - figures.kills)):
                killing.once(chance)
            killing.finish()
        for path in here.iterdir():
            path.unlink()
    return figures
