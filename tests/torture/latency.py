"""System calls on the audit's files that take seconds, or for ever, by strace; and what a cancel notices of it."""

import asyncio
import contextlib
import os
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mexc_plugin import async_support, mexc, pro
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate

from .one_cancel import WRITER, wait_for_the_tracer
from .processes import Child
from .syscalls import strace

CLASSES: dict[str, Any] = {"sync": mexc, "async": async_support.mexc, "pro": pro.mexc}
DEADLINE_MS = 250
FOR_EVER_S = 3_600
CALLS = ("fdatasync", "fsync", "pwrite64", "write", "openat")


@dataclass(frozen=True)
class Slow:
    """One kind of call on the files of one part is delayed, each time. part: database, spool or both."""

    part: str
    call: str
    seconds: int

    def __str__(self) -> str:
        return f"{self.part}-{self.call}-{'ever' if self.seconds == FOR_EVER_S else f'{self.seconds}s'}"


def cancel_slowly(
    folder: Path, sandbox: Sandbox, slow: Slow, colour: str, count: int
) -> dict[str, Any]:
    """Some cancels with that delay: seconds that each took, and how often a call was delayed."""
    folder.mkdir()
    path = folder / "audit.db"
    if slow.part == "spool":
        path.write_bytes(b"this is no database" * 100)  # so that every event goes there
    else:
        made = engine.create(f"sqlite:///{path}")
        migrate.ensure(made)
        made.dispose()
    orders = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(count)]
    audit = {"url": f"sqlite:///{path}", "deadline_ms": DEADLINE_MS}
    config = {**sandbox.ccxt_config(), "options": {"audit": audit}}
    child = Child(cancel_when_traced, colour, config, orders)
    command = [strace(), "-f", "-qq", "-o", str(folder / "trace"), *_paths(folder, slow.part)]
    command += ["-e", f"trace={slow.call}", "-e", f"inject={slow.call}:delay_enter={slow.seconds}s"]
    with subprocess.Popen([*command, "-p", str(child.pid)]) as tracing:
        try:
            taken = child.last_result(60 + 2 * count)
        finally:
            _end(tracing)
    child.wait()
    delayed = (folder / "trace").read_text().count(f"{slow.call}(")
    return {"longest": max(taken), "cancels": len(taken), "delayed": delayed}


def cancel_when_traced(colour: str, config: dict[str, Any], orders: list[str]) -> list[float]:
    """Cancel one order after the other; seconds of each. Ends without closing anything."""
    uuid.uuid4 = lambda: uuid.UUID(WRITER)  # so that the name of its spool is known beforehand
    exchange = CLASSES[colour](config)

    async def on_loop() -> list[float]:
        await exchange.load_markets()
        wait_for_the_tracer()
        taken = []
        for order_id in orders:
            began = time.monotonic()
            await exchange.cancel_order(order_id, "LTC/BTC")
            taken.append(time.monotonic() - began)
        await exchange.close()
        return taken

    if colour != "sync":
        return asyncio.run(on_loop())
    exchange.load_markets()
    wait_for_the_tracer()
    taken = []
    for order_id in orders:
        began = time.monotonic()
        exchange.cancel_order(order_id, "LTC/BTC")
        taken.append(time.monotonic() - began)
    return taken


def _end(tracing: "subprocess.Popen[bytes]") -> None:
    """It writes its trace when it ends in order, which it does not while a call is delayed for ever."""
    tracing.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        tracing.wait(0.5)
    tracing.kill()


def _paths(folder: Path, part: str) -> list[str]:
    database = [f"audit.db{suffix}" for suffix in ("", "-wal", "-shm")]
    spool = [f"audit.db.{WRITER}.spool", f"audit.db.{WRITER}.new", ""]
    names = {"database": database, "spool": spool, "both": database + spool}[part]
    return [piece for name in names for piece in ("-P", os.fspath(folder / name))]
