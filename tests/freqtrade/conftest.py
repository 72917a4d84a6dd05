"""freqtrade in live mode against a sandbox, started with `mexc-plugin run` or without it."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mexc_plugin.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Sandbox
from mexc_plugin.sandbox.configuration import ccxt_urls

# Only `make test-freqtrade` sets it, to the folder with the programs of freqtrade's environment.
PROGRAMS = os.environ.get("FREQTRADE_PROGRAMS")
collect_ignore_glob = [] if PROGRAMS else ["test_*.py"]

HERE = Path(__file__).parent
USER, PASSWORD = "tester", "worth-nothing"
STARTS_WITHIN_S = 60
ENDS_WITHIN_S = 30
UNFILLED_TIMEOUT_S = 4
THIRTY_SECONDS_STOP = "retrying in 30 seconds"

Value = TypeVar("Value")


def wait_for(what: Callable[[], Value], seconds: float = 30) -> Value:
    """The first true value of `what`. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.05)
    raise TimeoutError(f"nothing came of {what} in {seconds} s")


def configuration(sandbox: Sandbox, folder: Path, port: int, **changes: Any) -> dict[str, Any]:
    """As freqtrade's documentation has it for live trading; only the venue's address is ours."""
    ccxt_config = {"urls": ccxt_urls(sandbox.url), "enableRateLimit": False}
    return {
        "dry_run": False,
        "db_url": f"sqlite:///{folder}/trades.sqlite",
        "max_open_trades": 1,
        "stake_currency": "USDT",
        "stake_amount": 100,
        "unfilledtimeout": {"entry": UNFILLED_TIMEOUT_S, "exit": 60, "unit": "seconds"},
        "entry_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
        "exit_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
        "exchange": {
            "name": "mexc",
            "key": DEFAULT_KEY,
            "secret": DEFAULT_SECRET,
            "enable_ws": False,
            "ccxt_sync_config": ccxt_config,
            "ccxt_async_config": ccxt_config,
            "pair_whitelist": ["BTC/USDT"],
        },
        "pairlists": [{"method": "StaticPairList"}],
        "telegram": {"enabled": False, "token": "", "chat_id": ""},
        "api_server": {
            "enabled": True,
            "listen_ip_address": "127.0.0.1",
            "listen_port": port,
            "username": USER,
            "password": PASSWORD,
            "jwt_secret_key": "worth-nothing-either-but-long-enough",
        },
        "internals": {"process_throttle_secs": 1},
        "initial_state": "running",
        **changes,
    }


class Refused(Exception):
    """What freqtrade's REST API says when it does not do what it was asked."""


class Freqtrade:
    """A running freqtrade: its REST API, its log, and the orders that it has at the venue."""

    def __init__(self, sandbox: Sandbox, folder: Path, port: int, process: Any) -> None:
        self._sandbox = sandbox
        self._api = f"http://127.0.0.1:{port}/api/v1/"
        self._log = folder / "freqtrade.log"
        self.process = process

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            self._api + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode(errors="replace")) from None

    def is_up(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"freqtrade ended with {self.process.returncode}:\n{self.log}")
        try:
            return self.call("GET", "ping") == {"status": "pong"}
        except OSError:
            return False

    def new_order(self) -> str:
        """The id of an open order at the venue that is placed from now on."""
        known = {order.order_id for order in self._sandbox.orders()}

        def found() -> str | None:
            orders = [order for order in self._sandbox.orders() if order.is_open]
            return next((o.order_id for o in orders if o.order_id not in known), None)

        return wait_for(found)

    def trade_of(self, order_id: str) -> int:
        """The id of freqtrade's trade that has this order."""

        def found() -> int | None:
            for trade in self.call("GET", "status"):
                if order_id in [order["order_id"] for order in trade["orders"]]:
                    return int(trade["trade_id"])
            return None

        return wait_for(found)

    def cancels_of(self, order_id: str) -> int:
        """How many cancels of this order arrived at the venue."""
        return sum(a.params.get("orderId") == order_id for a in self._sandbox.arrivals)


def environment(folder: Path) -> dict[str, str]:
    """This one, with freqtrade's programs, and the bot owner's own sitecustomize."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not re.match("MEXC|(https?|all)_proxy", k, re.IGNORECASE)
    }
    return {
        **kept,
        "PATH": os.pathsep.join([str(PROGRAMS), os.environ["PATH"]]),
        "PYTHONPATH": str(HERE / "guard"),
        "LOOPBACK_ONLY_LOG": str(folder / "elsewhere.log"),
        "HOME": str(folder),
    }


@contextmanager
def running(sandbox: Sandbox, folder: Path, *before: str, **changes: Any) -> Iterator[Freqtrade]:
    """freqtrade from its start to its orderly end; `before`: the words before `freqtrade`."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    (folder / "config.json").write_text(json.dumps(configuration(sandbox, folder, port, **changes)))
    # The environment's programs by their names, as its owner types them.
    command = [
        *before,
        *("freqtrade", "trade", "--config", str(folder / "config.json")),
        *("--strategy", "NeverFilled", "--strategy-path", str(HERE)),
        *("--userdir", str(folder)),
    ]
    with (folder / "freqtrade.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    bot = Freqtrade(sandbox, folder, port, process)
    try:
        wait_for(bot.is_up, STARTS_WITHIN_S)
        yield bot
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
