"""One cancel in a process of its own, for strace to break."""

import ctypes
import logging
import os
import time
import uuid
from pathlib import Path
from typing import Any

import ccxt

from mexc_plugin import mexc
from mexc_plugin.store.write import recorders

WRITER = "00000000-0000-4000-8000-000000000001"
# prctl(2): lets a process that is no ancestor trace this one, where Yama would refuse it.
PR_SET_PTRACER, ANY = 0x59616D61, -1
# From being attached to being stopped at every system call.
SETTLING = 0.03


def when_traced(config: dict[str, Any], order_id: str, log: str) -> dict[str, Any]:
    """Wait for a tracer, then cancel; what the bot saw, and how many events it made."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 2)
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s")
    uuid.uuid4 = lambda: uuid.UUID(WRITER)  # so that the name of its spool is known beforehand
    wait_for_the_tracer()
    error = None
    try:
        exchange = mexc(config)
        exchange.cancel_order(order_id, "LTC/BTC")
    except ccxt.BaseError as raised:
        error = f"ccxt.{type(raised).__name__}"
    except BaseException as raised:
        error = f"{type(raised).__module__}.{type(raised).__name__}: {raised}"
    writer = recorders.recorder_for(config["options"]["audit"]["url"])
    recorders.close_all()
    return {"error": error, "sealed": writer._inbox.sealer.seq}


def wait_for_the_tracer(seconds: float = 30) -> None:
    """Block until somebody traces this process."""
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_long(ANY), 0, 0, 0)
    until = time.monotonic() + seconds
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        assert time.monotonic() < until, "nobody traces this process"
        time.sleep(0.002)
    time.sleep(SETTLING)
