"""Calls on the audit's files and sockets that take seconds, or for ever, and what a cancel notices of it.

On files by strace. A socket of a driver's never blocks in a call: what takes long there is the network's answer, so a
proxy keeps that back.
"""

import asyncio
import contextlib
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mexc_plugin import async_support, mexc, pro
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write.spool import spool_folder
from tests.store.proxy import Proxy

from .one_cancel import WRITER, wait_for_the_tracer
from .processes import Child
from .syscalls import strace

CLASSES: dict[str, Any] = {"sync": mexc, "async": async_support.mexc, "pro": pro.mexc}
DEADLINE_MS = 250
FOR_EVER_S = 3_600
CALLS = ("fdatasync", "fsync", "pwrite64", "write", "openat")
SOCKET_CALLS = ("connect", "recv")


@dataclass(frozen=True)
class Slow:
    """One kind of call is delayed, each time. part: whose files, database, spool or both; or the server's name."""

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

    return _time_cancels(exchange, colour, orders, wait_for_the_tracer)


def cancel_on_slow_sockets(
    folder: Path, sandbox: Sandbox, slow: Slow, colour: str, count: int, pause: float, url: str
) -> dict[str, Any]:
    """Some cancels of a bot that had its database open, and whose server then takes so long to answer a call.

    url: an empty database on TCP. Returns the longest in seconds, and how many spools there were.
    """
    folder.mkdir()
    made = engine.create(url)
    migrate.ensure(made)
    made.dispose()
    at = engine.parse(url)
    orders = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(count + 1)]
    with Proxy((at.host or "", at.port or 0)) as proxy, contextlib.ExitStack() as kept:
        behind = at.set(port=proxy.port).render_as_string(hide_password=False)
        audit = {"url": behind, "deadline_ms": DEADLINE_MS}
        config = {**sandbox.ccxt_config(), "options": {"audit": audit}}
        child = Child(cancel_when_slow, colour, config, orders, pause, str(folder))
        _wait_for(folder / "open")
        if slow.call == "recv":
            proxy.freeze() if slow.seconds == FOR_EVER_S else proxy.delay_answers(slow.seconds)
        else:
            for ignoring in proxy.ignore():
                kept.enter_context(ignoring)
        (folder / "slow").touch()
        if slow.call == "connect" and slow.seconds != FOR_EVER_S:
            time.sleep(slow.seconds)
            kept.close()
            proxy.open()
        taken = child.last_result(60 + (2 + pause) * count)
        spools = len(spool_folder.files(behind))
    child.wait()
    return {"longest": max(taken), "cancels": len(taken), "spools": spools}


def cancel_when_slow(
    colour: str, config: dict[str, Any], orders: list[str], pause: float, folder: str
) -> list[float]:
    """Cancel once with the database open, then the others when the parent has slowed it down; seconds of these."""

    def wait() -> None:
        (Path(folder) / "open").touch()
        _wait_for(Path(folder) / "slow")

    return _time_cancels(CLASSES[colour](config), colour, orders[1:], wait, orders[:1], pause)


def _wait_for(path: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} never comes"
        time.sleep(0.005)


def _time_cancels(
    exchange: Any,
    colour: str,
    orders: list[str],
    wait: Callable[[], None],
    before: Sequence[str] = (),
    pause: float = 0.0,
) -> list[float]:
    """Seconds of each cancel, one after the other. before: those that are cancelled before the wait."""

    async def on_loop() -> list[float]:
        await exchange.load_markets()
        for order_id in before:
            await exchange.cancel_order(order_id, "LTC/BTC")
        wait()
        taken = []
        for order_id in orders:
            began = time.monotonic()
            await exchange.cancel_order(order_id, "LTC/BTC")
            taken.append(time.monotonic() - began)
            await asyncio.sleep(pause)
        await exchange.close()
        return taken

    if colour != "sync":
        return asyncio.run(on_loop())
    exchange.load_markets()
    for order_id in before:
        exchange.cancel_order(order_id, "LTC/BTC")
    wait()
    taken = []
    for order_id in orders:
        began = time.monotonic()
        exchange.cancel_order(order_id, "LTC/BTC")
        taken.append(time.monotonic() - began)
        time.sleep(pause)
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
