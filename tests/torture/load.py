"""Many writers at once: what runs in each process, and how long it was kept waiting."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.write import recorders, storer
from mexc_plugin.store.write.write_queue import Turns
from mexc_plugin.store.write.writer import Writer

DEADLINE = 0.25


@dataclass
class Load:
    """What one process saw: where its events went, and its waits in seconds."""

    places: dict[str, int] = field(default_factory=dict)
    longest: float = 0.0
    late: int = 0
    seconds: float = 0.0

    def add(self, place: Place, took: float) -> None:
        self.places[place.value] = self.places.get(place.value, 0) + 1
        self.longest = max(self.longest, took)
        self.late += took > DEADLINE + 0.1


def drafts(n: int) -> list[dict[str, Any]]:
    """A request and its response, as large as real ones."""
    common = {
        "cancel_id": str(uuid.uuid4()),
        "attempt": 1,
        "symbol": "LTC/BTC",
        "order_id": f"{n:018d}",
        "host": "torture",
    }
    url = "https://venue.invalid/api/v3/order?" + "x" * 200
    answer = {"status": 200, "headers": {"h": "v" * 150}, "body": "y" * 300}
    return [
        common | {"kind": "request", "request": {"method": "DELETE", "url": url, "headers": {}}},
        common | {"kind": "response", "outcome": "canceled", "response": answer, "latency_us": 1},
    ]


def cancels(url: str, count: int, start_at: float, deadline: float = DEADLINE) -> Load:
    """So many cancels, one after the other, each with its two events."""
    writer = recorders.recorder_for(url)
    writer.prepare()
    time.sleep(max(0.0, start_at - time.time()))
    load = Load()
    begun = time.monotonic()
    for n in range(count):
        for draft in drafts(n):
            started = time.monotonic()
            place = writer.commit(draft | {"occurred_ns": time.time_ns()}, deadline)
            load.add(place, time.monotonic() - started)
    load.seconds = time.monotonic() - begun
    recorders.close_all()
    return load


def in_threads(url: str, threads: int, count: int) -> list[Load]:
    """The same in threads of this process, which share one writer."""
    writer = recorders.recorder_for(url)
    writer.prepare()
    loads = [Load() for _ in range(threads)]

    def work(load: Load) -> None:
        for n in range(count):
            for draft in drafts(n):
                started = time.monotonic()
                place = writer.commit(draft | {"occurred_ns": time.time_ns()}, 10)
                load.add(place, time.monotonic() - started)

    running = [threading.Thread(target=work, args=(load,)) for load in loads]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    recorders.close_all()
    return loads


def prefork(url: str, children: int, count: int) -> int:
    """A parent that has cancelled forks children that cancel, and is closed while they do.

    Returns how many cancels were acknowledged, its own among them.
    """
    own = cancels_left_open(url, 5)
    pids = []
    for number in range(children):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                load = cancels(url, count, 0, deadline=10)
                code = 0 if sum(load.places.values()) == 2 * count else 2
                if number % 2 == 0:
                    recorders.close_all()
            finally:
                os._exit(code)
        pids.append(pid)
    own += cancels_left_open(url, 5)
    time.sleep(0.2)
    recorders.close_all()
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0, "a child failed"
    return own + children * count


def cancels_left_open(url: str, count: int) -> int:
    """A few cancels of a process that then keeps its connection."""
    writer = recorders.recorder_for(url)
    writer.prepare()
    for n in range(count):
        for draft in drafts(n):
            writer.commit(draft | {"occurred_ns": time.time_ns()}, 10)
    return count


def two_writers_of_one_file(url: str, other: str, count: int) -> None:
    """The same file by two URLs, another process that closes it, and then a kill."""
    cancels_left_open(url, count)
    second = recorders.recorder_for(other)
    second.prepare()
    second.close()
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"from tests.torture import load; load.cancels({url!r}, {count}, 0)",
        ],
        check=True,
    )
    cancels_left_open(url, count)
    os.kill(os.getpid(), signal.SIGKILL)


def hold_a_turn(database: str) -> None:
    """Take a turn at a file, and keep it until killed."""
    assert Turns(Path(database)).take(10)
    time.sleep(600)


def writers(url: str, count: int, cancels_each: int, deadline: float = 2.0) -> Load:
    """So many writers in this process, each with a connection and a chain of its own, all at once."""
    return _writers(url, count, deadline, lambda n: n < cancels_each)


def writers_until(
    url: str, count: int, ends: Path, pause: float, at_once: int | None = None
) -> Load:
    """The same until a file is there, with a pause after each cancel, and the budget of a bot.

    at_once: how many of them begin at the same time; None for all.
    """

    def goes_on(n: int) -> bool:
        time.sleep(pause * (n > 0))
        return not ends.exists()

    return _writers(url, count, DEADLINE, goes_on, at_once)


def _writers(
    url: str,
    count: int,
    deadline: float,
    goes_on: Callable[[int], bool],
    at_once: int | None = None,
) -> Load:
    made = [Writer(url) for _ in range(count)]
    loads = [Load() for _ in made]
    beginning = threading.Semaphore(at_once or count)

    def work(writer: Writer, load: Load) -> None:
        with beginning:
            writer.prepare()
        for n in itertools.takewhile(goes_on, itertools.count()):
            for draft in drafts(n):
                started = time.monotonic()
                place = writer.commit(draft | {"occurred_ns": time.time_ns()}, deadline)
                load.add(place, time.monotonic() - started)
        writer.close()

    running = [threading.Thread(target=work, args=pair) for pair in zip(made, loads, strict=True)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return merged(loads)


def merged(loads: Sequence[Load]) -> Load:
    """All that several saw, as one."""
    places = sum((Counter(load.places) for load in loads), Counter[str]())
    return Load(dict(places), max(load.longest for load in loads), sum(load.late for load in loads))


def crowd(url: str, count: int, ends: Path, patience_ms: int, pause: float) -> Load:
    """Writers that begin a few at a time; patience_ms: what each waits for a lock, instead of its usual time."""
    storer.BUSY_TIMEOUT_MS = patience_ms
    return writers_until(url, count, ends, pause, 5)
