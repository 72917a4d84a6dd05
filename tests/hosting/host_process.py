"""A bot that makes and uses records, and says what it changed for everybody else in its process.

python -m tests.hosting.host_process CONFIG URL OTHER_URL ORDERS
"""

import asyncio
import decimal
import gc
import json
import locale
import logging
import os
import random
import signal
import socket
import sqlite3
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What a bot has loaded itself.
import alembic.command
import alembic.context
import alembic.ddl.impl
import alembic.op
import ccxt  # noqa: F401
import requests  # noqa: F401
import sqlalchemy as sa

NEVER_SET = "never set"


def loggers() -> dict[str, list[Any]]:
    names = [n for n in logging.root.manager.loggerDict if not n.startswith("mexc_plugin")]
    found = {name: logging.getLogger(name) for name in names} | {"root": logging.root}
    return {
        name: [each.level, each.disabled, each.propagate, each.handlers, each.filters]
        for name, each in found.items()
    }


def listeners(cls: Any) -> dict[str, int]:
    """Those of the class itself: of every engine in the process."""
    events = sorted(cls.dispatch._event_names)
    return {name: len(getattr(cls.dispatch, name)._clslevel.get(cls, ())) for name in events}


def umask() -> int:
    there = os.umask(0)
    os.umask(there)
    return there


STATE: dict[str, Callable[[], Any]] = {
    "loggers": loggers,
    "logging": lambda: [logging.root.manager.disable, logging.getLoggerClass(), logging.getLogRecordFactory()],
    "warnings": lambda: [*warnings.filters, warnings.showwarning],
    "hooks": lambda: [sys.excepthook, threading.excepthook, sys.unraisablehook, sys.displayhook],
    "signals": lambda: {n.name: signal.getsignal(n) for n in signal.Signals},
    "sqlite3": lambda: [[*sqlite3.adapters.items()], sqlite3.converters],
    "alembic": lambda: [vars(each).get("_proxy", NEVER_SET) for each in (alembic.op, alembic.context)],
    "alembic's dialects": lambda: alembic.ddl.impl._impls,
    "every engine": lambda: [listeners(sa.Engine), listeners(sa.pool.Pool)],
    "MySQL's dialect": lambda: "sqlalchemy.dialects.mysql" in sys.modules,
    "interpreter": lambda: [sys.getswitchinterval(), sys.getrecursionlimit(), sys.path, threading.stack_size()],
    "garbage": lambda: [gc.isenabled(), gc.get_threshold()],
    "numbers": lambda: [decimal.getcontext(), hash(random.getstate()), locale.setlocale(locale.LC_ALL)],
    "system": lambda: [Path.cwd(), dict(os.environ), umask(), socket.getdefaulttimeout()],
    "asyncio": lambda: asyncio.get_event_loop_policy().__class__,
}  # fmt: skip


def state() -> dict[str, Any]:
    return {name: json.loads(json.dumps(read(), default=repr)) for name, read in STATE.items()}


def main(config: str, url: str, other: str, orders: str) -> None:
    sa.create_engine("sqlite://").connect().close()  # as a bot has done that migrates
    before = state()
    from mexc_plugin import mexc

    exchange = mexc({**json.loads(config), "options": {"audit": {"url": url}}})
    for order in json.loads(orders):
        exchange.cancel_order(order, "LTC/BTC")
    from mexc_plugin.store.connect import engine
    from mexc_plugin.store.schema import migrate
    from mexc_plugin.store.write import recorders

    recorders.close_all()
    made = engine.create(other)
    migrate.upgrade(made)
    migrate.downgrade(made, "0001")
    migrate.upgrade(made)
    migrate.check(made)
    made.dispose()
    after = state()
    changed = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    print(json.dumps(changed))


if __name__ == "__main__":
    main(*sys.argv[1:])
