"""What `audit ship` does in a second, and what a cancel costs while it copies the record that the bot writes.

    python -m benchmarks.shipping [--events N] [--blocks N]

The rate is that of one shipper with all of it waiting; processor time is the shipper's own. The cancels are one every
20 ms, in blocks of a second; the shipper is stopped (SIGSTOP) for every second block, and catches up in the others.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.databases import NAMES, databases
from benchmarks.figures import show, summary
from benchmarks.history import make
from benchmarks.subjects import SYMBOL, config, markets
from benchmarks.venue import canned
from mexc_plugin import mexc
from mexc_plugin.shipping.shipper import Shipper
from mexc_plugin.store.write import recorders

PAUSE_S = 0.02
BLOCK = 50
ALONE, BESIDE = "not shipped meanwhile", "shipped meanwhile"


def measure_rates(events: int) -> dict[str, dict[str, float]]:
    """By target: events a second, and the shipper's microseconds of processor time an event."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source.db"
        make(source, events, 1)
        with databases(Path(name)) as urls:
            for kind, url in urls.items():
                found[NAMES[kind]] = _rate(f"sqlite:///{source}", url, events)
    return found


def _rate(source: str, target: str, events: int) -> dict[str, float]:
    shipper = Shipper(source, target)
    wall, processor, copied = time.perf_counter(), time.process_time(), 0
    while more := shipper.look():
        copied += more
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    shipper.close()
    assert copied == events, shipper.refused
    return {"rate": round(events / wall), "cpu_us": round(processor / events * 1e6, 1)}


def measure_latency(blocks: int, known: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of cancels while the shipper runs, as multiples of those while it does not."""
    times: dict[str, list[float]] = {ALONE: [], BESIDE: []}
    with (
        tempfile.TemporaryDirectory() as name,
        canned() as url,
        databases(Path(name)) as urls,
    ):
        here = f"sqlite:///{name}/here.db"
        exchange = mexc(config(url, here))
        exchange.set_markets(known)
        exchange.cancel_order("1", SYMBOL)
        with _shipping(here, urls.get("postgresql") or urls["sqlite"]) as shipper:
            for n in range(-2, 2 * blocks):
                is_beside = n % 2 == 1
                shipper.send_signal(signal.SIGCONT if is_beside else signal.SIGSTOP)
                took = _block(exchange, 1000 + BLOCK * (n + 2))
                if n >= 0:  # the first two warm it up
                    times[BESIDE if is_beside else ALONE] += took
        exchange.session.close()
        recorders.close_all()
    return summary(times, ALONE)


def _block(exchange: Any, first: int) -> list[float]:
    took = []
    for n in range(BLOCK):
        time.sleep(PAUSE_S)
        started = time.perf_counter()
        exchange.cancel_order(str(first + n), SYMBOL)
        took.append(time.perf_counter() - started)
    return took


@contextlib.contextmanager
def _shipping(source: str, target: str) -> Iterator["subprocess.Popen[bytes]"]:
    """With the priority that the systemd unit gives it."""
    command = [sys.executable, "-m", "mexc_plugin", "audit", "ship", "--follow"]
    environment = os.environ | {"MEXC_PLUGIN_SHIP_TO": target}
    with subprocess.Popen(
        ["nice", "-n", "19", *command, "--db", source],
        env=environment,
        stderr=subprocess.DEVNULL,
    ) as shipper:
        time.sleep(3)
        try:
            yield shipper
            assert shipper.poll() is None, "the shipper ended"
        finally:
            shipper.kill()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--blocks", type=int, default=20)
    given = parser.parse_args()
    for name, each in measure_rates(given.events).items():
        print(f"{name:>20}  {each['rate']:7,}/s  {each['cpu_us']:6} us of processor an event")
    show("one cancel every 20 ms", measure_latency(given.blocks, markets()))


if __name__ == "__main__":
    main()
