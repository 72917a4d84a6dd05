"""Long output goes through a pager, where stdout is a terminal: as git does it.

Not click's own: that of 8.1 takes Ctrl-C, while a query still runs, for the end of the text, and none of
them leaves what fits on the screen alone.
"""

import contextlib
import itertools
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from typing import IO, cast

from mexc_plugin.cli.output.terminal import emit

VARIABLES = ("MEXC_PLUGIN_PAGER", "PAGER")
DEFAULT = "less"
# What less does where nobody said otherwise: end at once if it fits, pass colours, leave the screen.
LESS = "FRX"


def emit_paged(lines: Iterable[str], *, wanted: bool = True) -> None:
    """Data: lines to stdout, through the pager if there are more than the terminal has.

    A reader that leaves the pager early has seen enough: that is no error.
    """
    pager = _pager() if wanted and sys.stdout.isatty() else None
    if pager is None:
        emit(lines)
        return
    rest = iter(lines)
    screenful = list(itertools.islice(rest, shutil.get_terminal_size().lines - 1))
    following = list(itertools.islice(rest, 1))
    if not following:
        emit(screenful)
        return
    _page(pager, itertools.chain(screenful, following, rest))


def _pager() -> str | None:
    """The pager's command; None where there is none, or none is wanted."""
    given = next((value for name in VARIABLES if (value := os.environ.get(name)) is not None), None)
    command = DEFAULT if given is None else given.strip()
    try:
        program = next(iter(shlex.split(command)), "")
    except ValueError:
        return None
    return command if program not in ("", "cat") and shutil.which(program) else None


def _page(pager: str, lines: Iterable[str]) -> None:
    environment = {"LESS": LESS, "LV": "-c"} | os.environ
    sys.stdout.flush()
    # The user's own variable, for a shell to read, as git does.
    with subprocess.Popen(pager, shell=True, stdin=subprocess.PIPE, env=environment) as process:  # noqa: S602
        lines_in = cast("IO[bytes]", process.stdin)  # it is a pipe
        try:
            with contextlib.suppress(BrokenPipeError):
                for line in lines:
                    lines_in.write(f"{line}\n".encode(errors="backslashreplace"))
        finally:
            with contextlib.suppress(BrokenPipeError):
                lines_in.close()
            _wait(process)


def _wait(process: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C is the pager's own while it is open."""
    while True:
        try:
            process.wait()
        except KeyboardInterrupt:
            continue
        return
