"""Cancels in a program's last moments: sent, on record, and nothing hangs.

Each program is a process of its own. What it could not put into the database any more, the next bot brings there.
"""

import json
import subprocess
import sys

import pytest

from mexc_plugin import mexc
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.write import recorders
from mexc_plugin.store.write.spool import spool_folder
from tests.conftest import Audit, assert_complete

START = """
import asyncio, atexit, json, sys, threading, time
config, colour, ids = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3:]

def cancel():
    order_id = ids.pop(0)
    if colour == "sync":
        exchange.cancel_order(order_id, "LTC/BTC")
    else:
        asyncio.run(cancel_on_loop(order_id))

async def cancel_on_loop(order_id):
    exchange = mexc(config)
    await exchange.load_markets()
    await exchange.cancel_order(order_id, "LTC/BTC")
    await exchange.close()
"""
MAKE = """
if colour == "sync":
    from mexc_plugin import mexc
    exchange = mexc(config)
    exchange.load_markets()
else:
    from mexc_plugin.async_support import mexc
    exchange = mexc(config)
"""
AT_THE_END = """
class Position:
    def __init__(self):
        self.cancel = exchange.cancel_order
        self.order_id = ids.pop(0)
    def __del__(self):
        self.cancel(self.order_id, "LTC/BTC")
"""
# How each program ends, and how many cancels that is.
WAYS = {
    "__del__ while all is well": (START + MAKE + AT_THE_END + "Position()", 1),
    "__del__ of a global as Python ends": (START + MAKE + AT_THE_END + "last = Position()", 1),
    "__del__ of a circle as Python ends": (
        START + MAKE + AT_THE_END + "last = Position(); last.self = last",
        1,
    ),
    "__del__ twice as Python ends": (
        START + MAKE + AT_THE_END + "first, last = Position(), Position()",
        2,
    ),
    "atexit, registered after": (START + MAKE + "atexit.register(cancel)", 1),
    "atexit, registered before": (START + "atexit.register(cancel)" + MAKE, 1),
    "atexit before and after": (START + "atexit.register(cancel)" + MAKE + "atexit.register(cancel)", 2),
    "atexit before, then __del__": (
        START + "atexit.register(cancel)" + MAKE + AT_THE_END + "last = Position()",
        2,
    ),
    "atexit, and nothing was cancelled or prepared before": (
        START
        + "secret = config.pop('secret'), config.pop('apiKey')\n"
        + MAKE
        + "exchange.secret, exchange.apiKey = secret\nconfig['secret'], config['apiKey'] = secret\n"
        + "atexit.register(cancel)",
        1,
    ),
    "a thread that still runs": (
        START
        + MAKE
        + "def work():\n    time.sleep(0.3)\n    cancel()\n    cancel()\n"
        + "threading.Thread(target=work).start()",
        2,
    ),
}  # fmt: skip


def end(
    sandbox: Sandbox, audit: Audit, program: str, colour: str, cancels: int, **own: object
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and check what reached the venue."""
    options = {"audit": {"url": audit.url, **own}}
    config = {**sandbox.ccxt_config(), "options": options}
    ids = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(cancels)]
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(config), colour, *ids],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(arrival.params["orderId"] for arrival in sandbox.arrivals) == ids, done.stderr
    assert "lost" not in done.stderr
    return done


def assert_on_record(sandbox: Sandbox, audit: Audit) -> None:
    """The next bot starts; then every request and every answer is in the database."""
    mexc({**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}}).session.close()
    recorders.close_all()
    assert spool_folder.files(audit.url) == []
    # urllib3 imports something to read an answer with, which fails as Python takes itself apart; plain ccxt hears none.
    assert {row["outcome"] for row in audit.history()} <= {"canceled", "unknown"}
    assert_complete(sandbox, audit)


@pytest.mark.parametrize("way", WAYS)
def test_a_cancel_at_the_end_is_sent_and_on_record(
    sandbox: Sandbox, audit: Audit, way: str
) -> None:
    program, cancels = WAYS[way]
    end(sandbox, audit, program, "sync", cancels)
    assert_on_record(sandbox, audit)


# A loop cannot be run while Python takes itself apart.
@pytest.mark.parametrize("way", [way for way in WAYS if "__del__" not in way])
def test_a_cancel_at_the_end_is_sent_and_on_record_by_the_async_class(
    sandbox: Sandbox, audit: Audit, way: str
) -> None:
    program, cancels = WAYS[way]
    end(sandbox, audit, program, "async", cancels)
    assert_on_record(sandbox, audit)


# After `close_all` comes a cancel, and so another writer; then a thread takes a lock of that one for ever, and is frozen
# with it as Python takes itself apart. The thread knows nothing of this module, which would not be taken apart else.
FROZEN = """
HOLD = '''
import time
from mexc_plugin.store.write import recorders

def hold():
    with recorders.recorder_for(url).{lock}:
        is_held.set()
        time.sleep(3600)
'''

def late():
    cancel()
    is_held = threading.Event()
    names = dict(url=config["options"]["audit"]["url"], is_held=is_held)
    exec(HOLD, names)
    threading.Thread(target=names["hold"], daemon=True).start()
    is_held.wait()

atexit.register(late)
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="no thread starts that late there")
@pytest.mark.parametrize("lock", ["_inbox._lock", "_spool.lock"])
def test_a_lock_in_the_hand_of_a_frozen_thread_hangs_no_cancel(
    sandbox: Sandbox, audit: Audit, lock: str
) -> None:
    program = START + FROZEN.format(lock=lock) + MAKE + AT_THE_END + "last = Position()"
    end(sandbox, audit, program, "sync", 2)
    assert_on_record(sandbox, audit)


# No thread can be started, and a handler comes while this thread has a lock of the writer's.
WITHOUT_THREADS = """
import signal
from mexc_plugin import real_threads; from mexc_plugin.store.write import recorders

def refuse(*_):
    raise RuntimeError("can't start new thread")

recorders.close_all()
real_threads.start_new_thread = refuse
writer = recorders.recorder_for(config["options"]["audit"]["url"])
signal.signal(signal.SIGALRM, lambda *_: cancel())
with writer.{lock}:
    signal.raise_signal(signal.SIGALRM)
cancel()
"""


@pytest.mark.parametrize("lock", ["_inbox._lock", "_spool.lock"])
def test_a_lock_in_the_hand_of_the_thread_that_cancels_hangs_no_cancel(
    sandbox: Sandbox, audit: Audit, lock: str
) -> None:
    program = START + MAKE + WITHOUT_THREADS.format(lock=lock)
    end(sandbox, audit, program, "sync", 2, deadline_ms=100)
    assert_on_record(sandbox, audit)


def test_daemon_threads_that_are_stopped_in_the_middle_leave_a_whole_record(
    sandbox: Sandbox, audit: Audit
) -> None:
    program = (
        START
        + MAKE
        + "def work():\n    own = mexc(config)\n    own.set_markets(exchange.markets)\n"
        "    while True:\n        try:\n            own.cancel_order('9', 'LTC/BTC')\n"
        "        except Exception:\n            pass\n"
        "for _ in range(3):\n    threading.Thread(target=work, daemon=True).start()\n"
        "time.sleep(0.3)\ncancel()"
    )
    options = {"audit": {"url": audit.url}}
    config = {**sandbox.ccxt_config(), "enableRateLimit": False, "options": options}
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(config), "sync", order_id],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    mexc({**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}}).session.close()
    recorders.close_all()
    assert len(audit.events("request")) >= len(sandbox.arrivals) > 3
    kinds: dict[str, list[str]] = {}
    for event in audit.query("SELECT writer_id, kind FROM cancel_audit ORDER BY writer_id, seq"):
        kinds.setdefault(event["writer_id"], []).append(event["kind"])
    assert all("stop" not in each[:-1] for each in kinds.values())
