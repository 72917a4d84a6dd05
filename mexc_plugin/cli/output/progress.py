"""How far a long command is: one line on stderr, where that is a terminal, which goes when it is done."""

import contextlib
import itertools
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import click

from mexc_plugin.cli.output.terminal import cells, clearing, cut

Row = TypeVar("Row")

_WIDEST_BAR = 30
_NARROWEST_BAR = 8
_EVERY_S = 0.1
# A command that is done by then says nothing of the time.
_SOON_S = 1.0


class Line:
    """The line. It fits the terminal, so that it can be written over."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._began = time.monotonic()
        self._shown = 0.0

    def tell(self, rows: int, share: float) -> None:
        """rows: so far; share: how much of the whole that is, 0 to 1."""
        now = time.monotonic()
        if now - self._shown < _EVERY_S:
            return
        self._shown = now
        rate = rows / max(now - self._began, 1e-9)
        share = min(1.0, max(0.0, share))
        self.write(with_bar(self._label, share, f"{rows:,} rows, {rate:,.0f}/s", _columns()))

    def tick(self) -> None:
        """Say how long it has taken, where nobody knows how long it will."""
        self.write(cut(f"{self._label} {time.monotonic() - self._began:.0f} s …", _columns()))

    def clear(self) -> None:
        """Take the line away."""
        self.write("")

    @staticmethod
    def write(text: str) -> None:
        """Put a text in its place, without an end of a line."""
        click.echo(f"\r{text}\x1b[K", err=True, nl=False)


def with_bar(label: str, share: float, words: str, columns: int) -> str:
    """Label, bar, percent and words: the bar gets what room there is, or goes."""
    text = f"{label}  {share:4.0%}  {words}"
    room = min(_WIDEST_BAR, columns - cells(text) - len(" []"))
    if room < _NARROWEST_BAR:
        return cut(text, columns)
    done = round(room * share)
    return f"{label} [{'#' * done}{'-' * (room - done)}]  {share:4.0%}  {words}"


@contextlib.contextmanager
def progress(label: str) -> Iterator[Callable[[int, float], None]]:
    """Gives a function that is told the rows so far and how much of the whole that is, 0 to 1."""
    with line(label) as shown:
        yield shown.tell if shown else lambda _rows, _share: None


@contextlib.contextmanager
def line(label: str) -> Iterator[Line | None]:
    """The line as long as it is needed; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    shown = Line(label)
    clearing.append(shown.clear)
    try:
        yield shown
    finally:
        clearing.remove(shown.clear)
        shown.clear()


@contextlib.contextmanager
def waiting(label: str) -> Iterator[None]:
    """Count the seconds meanwhile: of what is one question to the database, nobody knows how far it is."""
    with line(label) as shown:
        if shown is None:
            yield
            return
        done = threading.Event()

        def tick() -> None:
            while not done.wait(_SOON_S):
                shown.tick()

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def await_first(rows: Iterable[Row], label: str) -> Iterator[Row]:
    """The same rows; the seconds are counted until the first is there."""
    rest = iter(rows)
    with waiting(label):
        first = list(itertools.islice(rest, 1))
    yield from itertools.chain(first, rest)


def _columns() -> int:
    columns = 0
    with contextlib.suppress(OSError, ValueError):
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    # The last column stays free: some terminals go to the next line after it.
    return (columns or shutil.get_terminal_size().columns) - 1
