"""Rows of any columns as text, for people: a table, or a few lines a row where it does not fit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mexc_plugin.cli.output.terminal import Screen, cells, cut
from mexc_plugin.review.text import visible

_GAP = "  "
# No column of words gets narrower: a time is as wide.
LEAST_WORDS = 23


def as_grid(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], screen: Screen
) -> Iterator[str]:
    """Aligned columns. Where a terminal is too narrow, sentences are cut, nothing else; then each row
    becomes a few lines.
    """
    listed = list(rows)
    texts = [[_text(row[name], screen) for name in columns] for row in listed]
    columns = [_heading(name, listed, screen) for name in columns]
    widths = [max(map(cells, column)) for column in zip(columns, *texts, strict=True)]
    if screen.width is not None:
        _narrow(widths, texts, screen.width)
    if screen.width is not None and _total(widths) > screen.width:
        yield from _stacked(texts, columns, screen)
    elif texts:
        yield screen.styled(_line(columns, widths), bold=True)
        for line in texts:
            yield _line([cut(*pair) for pair in zip(line, widths, strict=True)], widths)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _narrow(widths: list[int], texts: Sequence[Sequence[str]], most: int) -> None:
    """Take from the widest columns of words what is too much. An id has no blank and stays whole."""
    wordy = [n for n in range(len(widths)) if any(" " in line[n] for line in texts)]
    while wordy and (excess := _total(widths) - most) > 0:
        widest = max(wordy, key=lambda n: widths[n])
        if widths[widest] <= LEAST_WORDS:
            return
        others = max((widths[n] for n in wordy if n != widest), default=0)
        aim = max(LEAST_WORDS, widths[widest] - excess, min(others, widths[widest] - 1))
        widths[widest] = aim


def _heading(name: str, rows: Sequence[Mapping[str, Any]], screen: Screen) -> str:
    """A column of times says its zone."""
    value = next((row[name] for row in rows if row[name] is not None), None)
    return f"{name} ({screen.zone})" if isinstance(value, datetime) else name


def _text(value: object, screen: Screen) -> str:
    return "" if value is None else visible(screen.text(value))


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    padded = (text + " " * (width - cells(text)) for text, width in zip(texts, widths, strict=True))
    return _GAP.join(padded).rstrip()


def _stacked(
    texts: Iterable[Sequence[str]], columns: Sequence[str], screen: Screen
) -> Iterator[str]:
    width = max(map(cells, columns))
    for number, line in enumerate(texts, 1):
        yield screen.styled(f"-- {number} --", bold=True)
        for name, text in zip(columns, line, strict=True):
            if text:
                yield f"{name}{' ' * (width - cells(name))}{_GAP}{text}"
