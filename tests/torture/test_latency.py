"""A disk or a server that takes two seconds, or for ever, holds no cancel for longer than its budget."""

from pathlib import Path

import pytest

from mexc_plugin.sandbox import Sandbox

from . import servers
from .latency import (
    CALLS,
    DEADLINE_MS,
    FOR_EVER_S,
    SOCKET_CALLS,
    Slow,
    cancel_on_slow_sockets,
    cancel_slowly,
)
from .scale import LONG, keep, scaled

# One event's budget each for request and response, and what a process adds that is traced at every call. The short
# form runs beside anything.
LIMIT_S = 2 * DEADLINE_MS / 1000 + scaled(1.5, 0.1)
CASES = (
    [
        Slow(part, call, seconds)
        for part in ("database", "spool", "both")
        for call in CALLS
        for seconds in (2, FOR_EVER_S)
    ]
    if LONG
    else [
        Slow("database", "fdatasync", 2),
        Slow("database", "pwrite64", FOR_EVER_S),
        Slow("spool", "fdatasync", FOR_EVER_S),
        Slow("both", "openat", 2),
        Slow("both", "fdatasync", FOR_EVER_S),
    ]
)
SOCKET_CASES = (
    [
        Slow(server, call, seconds)
        for server in ("postgresql", "mariadb")
        for call in SOCKET_CALLS
        for seconds in (2, FOR_EVER_S)
    ]
    if LONG
    else [Slow("postgresql", "connect", FOR_EVER_S), Slow("postgresql", "recv", 2)]
)
COLOURS = ["sync", "async", "pro"] if LONG else ["sync", "async"]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("slow", CASES, ids=str)
def test_a_slow_disk_holds_no_cancel_beyond_its_budget(
    tmp_path: Path, sandbox: Sandbox, slow: Slow, colour: str
) -> None:
    count = scaled(3, 6)
    figures = cancel_slowly(tmp_path / "slow", sandbox, slow, colour, count)
    keep(f"latency_{slow}_{colour}", limit_s=LIMIT_S, **figures)
    assert len(sandbox.arrivals) == count
    assert figures["longest"] < LIMIT_S, figures


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("slow", SOCKET_CASES, ids=str)
def test_a_slow_server_holds_no_cancel_beyond_its_budget(
    tmp_path: Path, sandbox: Sandbox, own_servers: servers.Running, slow: Slow, colour: str
) -> None:
    count, pause = scaled((3, 0.0), (20, 0.2))
    url = own_servers.of(slow.part).fresh()
    figures = cancel_on_slow_sockets(tmp_path / "slow", sandbox, slow, colour, count, pause, url)
    keep(f"latency_{slow}_{colour}", limit_s=LIMIT_S, **figures)
    assert len(sandbox.arrivals) == count + 1
    assert figures["longest"] < LIMIT_S, figures
    # Else the server was in time.
    assert figures["spools"] == 1 or (slow.call, slow.seconds) == ("connect", 2)
