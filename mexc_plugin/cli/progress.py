"""How far a long command is, on stderr, where that is a terminal."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import click

_STEPS = 1_000


@contextlib.contextmanager
def progress(label: str) -> Iterator[Callable[[int, float], None]]:
    """Gives a function that is told the rows so far and how much of the whole that is, 0 to 1."""
    if not sys.stderr.isatty():
        yield lambda _rows, _share: None
        return
    began = time.monotonic()
    with click.progressbar(
        length=_STEPS,
        label=label,
        file=sys.stderr,
        item_show_func=lambda item: item,
    ) as bar:

        def tell(rows: int, share: float) -> None:
            rate = rows / max(time.monotonic() - began, 1e-9)
            bar.update(max(0, int(share * _STEPS) - bar.pos), f"{rows:,} rows, {rate:,.0f}/s")

        yield tell
