"""What is known of the terminal, and text that is safe on one."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.review.showing import kind_of, show_time
from mexc_plugin.review.text import plain

# By the kind of the outcome, as on the pages; but a terminal has no grey that can be read on any ground.
_OF_KINDS = {
    "acknowledged": "green",
    "not found": "yellow",
    "refused": "red",
    "no effect": "cyan",
    "unresolved": "bright_magenta",
}
COLOURS = {outcome.value: _OF_KINDS[kind_of(outcome)] for outcome in Outcome}
# Between two columns.
GAP = "  "


@dataclass(frozen=True, slots=True)
class Screen:
    """Where stdout goes. width: columns of a terminal, None elsewhere: nothing is left out there.

    utc: whether times are shown in UTC, or in this machine's zone.
    """

    width: int | None = None
    colour: bool = False
    utc: bool = True

    @classmethod
    def detect(cls, *, utc: bool = True) -> "Screen":
        if not sys.stdout.isatty():
            return cls(colour=_wants_colour(default=False), utc=utc)
        colour = _wants_colour(default=os.environ.get("TERM") != "dumb")
        return cls(width=shutil.get_terminal_size().columns, colour=colour, utc=utc)

    @property
    def zone(self) -> str:
        return "UTC" if self.utc else "local"

    def clock(self, moment: datetime) -> datetime:
        """A time of the record, which is naive UTC, as it is shown: naive too."""
        if self.utc:
            return moment
        return moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)

    def time(self, moment: datetime) -> str:
        """A time of the record as every table shows it."""
        return show_time(self.clock(moment))

    def text(self, value: object) -> str:
        """A value of the record for people: times in the zone that is shown."""
        return self.time(value) if isinstance(value, datetime) else plain(value)

    def outcome(self, text: str, outcome: object) -> str:
        """The text in the colour of that outcome, where there are colours."""
        return self.style(text, COLOURS.get(str(outcome)))

    def style(self, text: str, colour: str | None = None, *, bold: bool | None = None) -> str:
        return click.style(text, fg=colour, bold=bold) if self.colour else text


def _wants_colour(*, default: bool) -> bool:
    """What NO_COLOR and FORCE_COLOR ask for; who sets both wants none, as Python itself has it."""
    if os.environ.get("NO_COLOR"):
        return False
    return default or os.environ.get("FORCE_COLOR", "0") not in ("", "0")


def cells(text: str) -> int:
    """How many columns a terminal needs for the text."""
    if text.isascii():
        return len(text)
    return sum(map(_cell, text))


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def total_width(widths: Sequence[int]) -> int:
    """How many columns a line needs whose texts are so wide."""
    return sum(widths) + len(GAP) * (len(widths) - 1)


def align(texts: Iterable[str], widths: Iterable[int]) -> str:
    """A line whose texts stand in columns of these widths."""
    padded = (text + " " * (width - cells(text)) for text, width in zip(texts, widths, strict=True))
    return GAP.join(padded).rstrip()


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits, with an ellipsis."""
    if cells(text) <= width:
        return text
    used = 0
    for number, char in enumerate(text):
        used += _cell(char)
        if used >= width:
            return text[:number].rstrip() + "…"
    return text


# What takes a line of progress off the terminal, while there is one.
clearing: list[Callable[[], None]] = []


def emit(lines: Iterable[str]) -> None:
    """Data: lines to stdout, none of them on a line of progress."""
    write = sys.stdout.write
    for line in lines:
        for clear in clearing:
            clear()
        write(line)
        write("\n")
    sys.stdout.flush()


def say(words: str) -> None:
    """Words: a line to stderr."""
    click.echo(words, err=True)
