"""Databases that stop answering while bots cancel, and what that does to the bots."""

import contextlib
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mexc_plugin.sandbox import Sandbox

from . import servers
from .processes import Child
from .scale import scaled
from .victims import paced, started_late

DEADLINE_MS = 250
# What a machine with few cores adds to a wait: waking up, one fsync of the spool, one request. The
# short form runs beside anything: it tells a deadline from none, and the long one measures.
TOLERANCE_MS = scaled(1_500, 100)
LAG_MS = scaled(500, 5)
PAUSE = 0.02

Freeze = Callable[[], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Database:
    """One under test: its URL, and how it is made to stop answering."""

    name: str
    url: str
    frozen: Freeze


@dataclass(frozen=True)
class Figures:
    """Milliseconds, of the cancels that met the freeze and of the others."""

    cancels: int
    met: int
    longest: float
    longest_before: float
    late: int
    lag_p99: float
    lag_longest: float
    lag_p99_before: float


def database(name: str, folder: Path, running: servers.Running) -> Database:
    """A new one: a file in that folder, or one on a server of our own."""
    if name == "sqlite":
        path = folder / "audit.db"
        return Database(name, f"sqlite:///{path}", lambda: _locked(path))
    server = running.of(name)
    return Database(name, server.fresh(), server.frozen)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.close()


def freeze_while_cancelling(
    database: Database, sandbox: Sandbox, colour: str, seconds: float
) -> Figures:
    """A bot cancels at a steady pace; its database is frozen for some seconds in the middle."""
    count = int((seconds + 4) / PAUSE)
    orders = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(count)]
    config = {
        **sandbox.ccxt_config(),
        "options": {"audit": {"url": database.url, "deadline_ms": DEADLINE_MS}},
    }
    before = len(sandbox.arrivals)
    bot = Child(paced, colour, config, orders, PAUSE)
    until = time.monotonic() + 60
    while len(sandbox.arrivals) < before + 50:
        assert time.monotonic() < until, "the bot sends nothing"
        time.sleep(0.01)
    with database.frozen():
        start = time.monotonic()
        time.sleep(seconds)
        end = time.monotonic()
    return figures(bot.result(seconds + 60), start, end)


def figures(result: dict[str, Any], start: float, end: float) -> Figures:
    """The cancels and lags that fell into the freeze, against the rest."""
    met = [took for began, took in result["taken"] if began < end and began + took > start]
    # The first few pay for connections; what came after the freeze pays for the replay.
    rest = [took for began, took in result["taken"][5:] if began + took <= start]
    during = [lag for began, lag in result["lags"] if start <= began < end]
    calm = [lag for began, lag in result["lags"] if began < start]
    limit = (DEADLINE_MS + TOLERANCE_MS) / 1000 + max(rest)
    return Figures(
        cancels=len(result["taken"]),
        met=len(met),
        longest=_ms(max(met)),
        longest_before=_ms(max(rest)),
        late=sum(took > limit for _began, took in result["taken"]),
        lag_p99=_ms(_p99(during)),
        lag_longest=_ms(max(during, default=0)),
        lag_p99_before=_ms(_p99(calm)),
    )


def start_while_frozen(database: Database, sandbox: Sandbox, colour: str) -> dict[str, float]:
    """A bot that starts while its database is frozen: seconds to build it, and of its cancels."""
    orders = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(5)]
    config = {
        **sandbox.ccxt_config(),
        "options": {"audit": {"url": database.url, "deadline_ms": DEADLINE_MS}},
    }
    with database.frozen():
        bot = Child(started_late, colour, config, orders)
        result: dict[str, float] = bot.result(60)
    return result


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else 0.0


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
