"""One cancel with one system call after the other made to fail, by strace."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate
from tests.store import whole

from . import ledger
from .one_cancel import WRITER, when_traced
from .processes import Child

CALLS = ("pwrite64", "fdatasync", "fsync", "openat", "write", "ftruncate")
ERRORS = ("EIO", "ENOSPC")
LOST = re.compile(r"(\d+) events lost")


@dataclass(frozen=True)
class Fault:
    """The nth call of a kind on the audit's files fails; or that one and every one after it."""

    call: str
    error: str
    nth: int
    for_good: bool = False

    def __str__(self) -> str:
        return f"{self.call}:error={self.error}:when={self.nth}{'+' if self.for_good else ''}"


@dataclass(frozen=True)
class Result:
    """What one broken cancel left."""

    fault: Fault
    hit: bool
    sent: bool
    error: str | None
    sealed: int
    stored: int
    spooled: int
    lost: int
    unaccounted: int
    intact: bool
    problems: tuple[str, ...]
    log: str

    @property
    def is_good(self) -> bool:
        """Sent; nothing but ccxt's errors; every event stored, spooled or counted as lost."""
        only_ccxt = self.error is None or self.error.startswith("ccxt.")
        return (
            self.sent and only_ccxt and self.unaccounted == 0 and not self.problems and self.intact
        )


def strace() -> str:
    """Where strace is. Raises AssertionError when it is not installed: no test is skipped."""
    found = shutil.which("strace")
    assert found, "strace is missing; run: apt-get install -y strace"
    return found


def inject(folder: Path, sandbox: Sandbox, fault: Fault, *, broken: bool = False) -> Result:
    """One cancel with this fault. broken: the database is none, so that all goes to the spool."""
    folder.mkdir()
    path = folder / "audit.db"
    url = f"sqlite:///{path}"
    if broken:
        path.write_bytes(b"this is no database" * 100)
    else:
        made = engine.create(url)
        migrate.ensure(made)
        made.dispose()
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    config = {**sandbox.ccxt_config(), "options": {"audit": {"url": url, "deadline_ms": 2_000}}}
    said, log = _traced(folder, fault, config, order_id)
    hit = "(INJECTED)" in (folder / "trace").read_text()
    sent = any(str(a.params.get("orderId")) == order_id for a in sandbox.arrivals)
    if broken:
        path.unlink()
    return _look(fault, url, path, hit, sent, said, log)


def _traced(
    folder: Path, fault: Fault, config: dict[str, Any], order_id: str
) -> tuple[dict[str, Any], str]:
    """What the cancelling process said, and what it wrote to its log."""
    log = folder / "log"
    child = Child(when_traced, config, order_id, str(log))
    command = [strace(), "-f", "-qq", "-o", str(folder / "trace"), *_paths(folder)]
    command += ["-e", f"trace={fault.call}", "-e", f"inject={fault}", "-p", str(child.pid)]
    with subprocess.Popen(command) as tracing:
        try:
            said = child.result(60)
        except AssertionError as error:
            said = {"error": f"died: {error}", "sealed": 0}
        assert tracing.wait(30) == 0, "strace failed"
    return said, log.read_text()


def _paths(folder: Path) -> list[str]:
    names = [f"audit.db{suffix}" for suffix in ("", "-wal", "-shm", "-journal", "-turn")]
    names += [f"audit.db.{WRITER}.spool", f"audit.db.{WRITER}.new"]
    paths = [str(folder), *(str(folder / name) for name in names)]
    return [part for path in paths for part in ("-P", path)]


def _look(
    fault: Fault,
    url: str,
    path: Path,
    hit: bool,
    sent: bool,
    said: dict[str, Any],
    log: str,
) -> Result:
    spooled = {event.seq for event in ledger.spooled(url)}
    intact = not path.exists() or ledger.is_intact(path)
    ledger.replay(url)
    found, problems = _stored(url) if path.exists() else (set(), ())  # nothing was left to replay
    lost = sum(int(number) for number in LOST.findall(log))
    missing = set(range(1, said["sealed"] + 1)) - found
    return Result(
        fault=fault,
        hit=hit,
        sent=sent,
        error=said["error"],
        sealed=said["sealed"],
        stored=len(found - spooled),
        spooled=len(spooled),
        lost=lost,
        # Less may be missing: an insert whose sync failed may be there after all.
        unaccounted=max(0, len(missing) - lost),
        intact=intact,
        problems=problems,
        log=log,
    )


def _stored(url: str) -> tuple[set[int], tuple[str, ...]]:
    """The events in the database, and what verify says but that some were lost."""
    with ledger.queries.reading(url) as connection:
        found = {row["seq"] for row in whole.read_chained(connection)}
    findings = ledger.findings(url)
    lost = ledger.record.Fault.LOST
    return found, tuple(str(finding) for finding in findings if finding.fault is not lost)


def every(
    folder: Path, sandbox: Sandbox, call: str, error: str, *, for_good: bool, broken: bool
) -> list[Result]:
    """Fail the first call, the second, and so on, until a cancel makes no more of them."""
    results: list[Result] = []
    while True:
        fault = Fault(call, error, len(results) + 1, for_good)
        result = inject(folder / "case", sandbox, fault, broken=broken)
        shutil.rmtree(folder / "case")
        if not result.hit:
            return results
        results.append(result)
