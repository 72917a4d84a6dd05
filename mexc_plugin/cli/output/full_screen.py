"""The whole terminal for a while: what was on it comes back, however the program ends.

The other page of the terminal is used, without its cursor, and keys come without Enter. All of that is undone by leaving
the `with`, by an exception, by a signal that ends a program, and while the program is stopped (Ctrl-Z). SIGKILL alone
leaves it to `reset`.
"""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterable, Iterator
from types import FrameType

from mexc_plugin.posix import termios, tty

# Other page, no cursor, no wrapping; and back.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Ended(BaseException):
    """A signal asked the program to end. No `except Exception` takes it for something else."""


@contextlib.contextmanager
def signals_end_it() -> Iterator[None]:
    """SIGTERM and its like raise Ended, once: what is being undone then is undone to its end."""

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        raise Ended

    before = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_possible() -> bool:
    """Whether there is a terminal that can do it, with keys."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return is_terminal and os.environ.get("TERM", "dumb") != "dumb"


class FullScreen:
    """To be entered with `with`, in the main thread."""

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno()
        self._page = sys.stdout.fileno()
        self._kept = termios.tcgetattr(self._keys)
        self._on_stop = signal.getsignal(signal.SIGTSTP)

    def __enter__(self) -> "FullScreen":
        signal.signal(signal.SIGTSTP, self._stop)
        try:
            self._take()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # A second Ctrl-C must not come in between.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTSTP, self._on_stop)
        self._give_back()
        signal.signal(signal.SIGINT, before)

    def show(self, lines: Iterable[str]) -> None:
        """Draw the page over what was there."""
        self._write("\x1b[H" + "\r\n".join(f"{line}\x1b[K" for line in lines) + "\x1b[J")

    def key(self, seconds: float) -> str:
        """The key that is pressed within that time, empty for none. Raises Ended where the terminal is gone."""
        ready, _, _ = select.select([self._keys], [], [], seconds)
        if not ready:
            return ""
        with contextlib.suppress(OSError):
            if key := os.read(self._keys, 1):
                return key.decode(errors="replace")
        raise Ended

    def _take(self) -> None:
        tty.setcbreak(self._keys, termios.TCSANOW)
        self._write(_ENTER)

    def _give_back(self) -> None:
        # A terminal that is gone needs nothing any more; one that was stopped (Ctrl-S) would keep us.
        with contextlib.suppress(OSError, termios.error):
            termios.tcflow(self._page, termios.TCOON)
            self._write(_LEAVE)
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._keys, termios.TCSANOW, self._kept)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        """Ctrl-Z: the shell gets its terminal, and we go on when it says so."""
        self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._stop)
        self._take()

    def _write(self, text: str) -> None:
        data = text.encode(errors="replace")
        while data:
            data = data[os.write(self._page, data) :]
