"""How somebody is told: a command with JSON on its standard input, a POST to a web address.

A call is made in a thread of its own and has so many seconds. A command that takes longer is killed with all that it
started; an address that takes longer is given up. Nobody waits for either, and the thread keeps no program from ending.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mexc_plugin import __version__

LIMIT_S = 30.0
# Not for a command that somebody else wrote. The rest of the environment it needs to look at the record.
SECRETS = ("MEXC_API_KEY", "MEXC_API_SECRET", "MEXC_PLUGIN_AUTH_TOKEN", "MEXC_PLUGIN_WEBHOOK")
# Calls that were given up may hang for ever: so many at most.
MOST_HANGING = 8
_ENDING_S = 1.0


class CallFailed(Exception):
    """Nobody was told; the message says why, without what may be secret in a URL."""


@dataclass(frozen=True, slots=True)
class Execute:
    """Runs a command. is_quiet: nothing of what it prints is shown. Raises ValueError for one that cannot be meant."""

    words: tuple[str, ...]
    is_quiet: bool = False
    running: "list[subprocess.Popen[bytes]]" = field(
        default_factory=list, repr=False, compare=False
    )

    @classmethod
    def of(cls, line: str, *, is_quiet: bool = False) -> "Execute":
        words = tuple(shlex.split(line))
        if not words or shutil.which(words[0]) is None:
            what = f"there is no program {words[0]!r}" if words else "names no command"
            raise ValueError(f"{what}; for words that a shell understands write: sh -c '…'")
        return cls(words, is_quiet)

    @property
    def name(self) -> str:
        """Which call it is, for people."""
        return f"the command {os.path.basename(self.words[0])}"  # noqa: PTH119 - text in, text out

    def call(self, document: bytes, limit_s: float) -> None:
        """Run it to its end. Raises CallFailed."""
        kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
        shown = subprocess.DEVNULL if self.is_quiet else sys.stderr.fileno()
        try:
            process = subprocess.Popen(  # noqa: S603 - what the user asked for
                self.words,
                stdin=subprocess.PIPE,
                stdout=shown,
                stderr=shown,
                env=kept,
                start_new_session=True,
            )
        except OSError as error:
            raise CallFailed(f"it cannot be started: {error.strerror}") from None
        self.running.append(process)
        try:
            with process:
                try:
                    process.communicate(document, timeout=limit_s)
                except subprocess.TimeoutExpired:
                    _kill(process)
                    raise
        except subprocess.TimeoutExpired:
            raise CallFailed(f"it took more than {limit_s:g} s and was killed") from None
        finally:
            self.running.remove(process)
        if process.returncode:
            raise CallFailed(f"it ended with {process.returncode}")

    def stop(self) -> None:
        """Kill what runs, with all that it started."""
        for process in list(self.running):
            _kill(process)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """With all that it started. Not one that has ended: its number may be another's by now."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A POST that is sent elsewhere would arrive as a GET, without what it says."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - urllib's
        return None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts JSON. Raises ValueError for an address that is none, without showing it."""

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or not self.url.isascii() or not self.url.isprintable() or " " in self.url:
            raise ValueError("is no address; write it like https://hooks.example/path")
        if parts.username is not None or parts.password is not None:
            raise ValueError("names a user, which is not sent; write the address without")

    @property
    def name(self) -> str:
        """Which call it is, for people; the path may be a secret."""
        return f"the webhook at {urlsplit(self.url).hostname}"

    def call(self, document: bytes, limit_s: float) -> None:
        """Post it. Raises CallFailed."""
        headers = {"Content-Type": "application/json", "User-Agent": f"mexc-plugin/{__version__}"}
        request = urllib.request.Request(self.url, document, headers, method="POST")  # noqa: S310 - checked above
        opener = urllib.request.build_opener(_NoRedirects())
        try:
            opener.open(request, timeout=limit_s).close()
        except urllib.error.HTTPError as error:
            error.close()
            raise CallFailed(f"it answered {error.code}") from None
        except Exception as error:  # noqa: BLE001 - anybody may answer anything
            reason = getattr(error, "reason", error)
            words = getattr(reason, "strerror", None) or type(reason).__name__
            raise CallFailed(f"it cannot be reached: {words}") from None

    def stop(self) -> None:
        """Nothing of it outlives the program."""


class Caller:
    """Makes one call at a time, in a thread of its own. failure: why nobody was told by the last one, None if somebody was."""

    def __init__(self, call: Execute | Webhook, limit_s: float = LIMIT_S) -> None:
        self.name = call.name
        self.failure: str | None = None
        self._call = call
        self._limit_s = limit_s
        self._began = 0.0
        self._thread: threading.Thread | None = None
        self._hanging: list[threading.Thread] = []

    def start(self, document: bytes) -> None:
        """Begin a call, where none is being made. Nothing is awaited."""
        self.failure = None
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if len(self._hanging) >= MOST_HANGING:
            self.failure = f"{MOST_HANGING} calls before it still hang"
            return
        self._began = time.monotonic()
        self._thread = threading.Thread(
            target=self._run, args=(document,), name="mexc-plugin-call", daemon=True
        )
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether a call is being made. One that takes too long is given up here."""
        if self._thread is None or not self._thread.is_alive():
            return False
        # A command is killed in time by its own thread, which needs a moment for that.
        if time.monotonic() - self._began < self._limit_s + 1:
            return True
        self._hanging.append(self._thread)
        self._thread = None
        self.failure = f"it took more than {self._limit_s:g} s"
        return False

    def close(self) -> None:
        """Give a call that is being made a moment, and end it."""
        if self._thread is not None:
            self._thread.join(_ENDING_S)
        self._call.stop()

    def _run(self, document: bytes) -> None:
        try:
            self._call.call(document, self._limit_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, the watching goes on
            if self._thread is threading.current_thread():
                is_said = isinstance(error, CallFailed)
                self.failure = str(error) if is_said else type(error).__name__
