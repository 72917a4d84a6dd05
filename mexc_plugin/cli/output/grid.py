"""Rows of any columns as text, for people: a table, whose rows are folded where it does not fit."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mexc_plugin.cli.output.terminal import GAP, Screen, align, cells, cut, say, total_width
from mexc_plugin.review.text import visible

# No column of words gets narrower: a time is as wide.
LEAST_WORDS = 23
# A row that needs more lines is easier to read with a name before each value.
MOST_LINES = 4


def as_grid(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    screen: Screen,
    droppable: Sequence[str] = (),
) -> Iterator[str]:
    """Aligned columns. Where a terminal is too narrow, first empty columns go, and the droppable ones in
    their order; then sentences are cut, nothing else; then each row is folded into a few lines, and the heading with it.
    The droppable ones that went are named behind it, on stderr.
    """
    listed = list(rows)
    gone = _choose_columns(listed, columns, screen, droppable)
    columns = [name for name in columns if name not in gone]
    texts = [[_text(row[name], screen) for name in columns] for row in listed]
    columns = [_heading(name, listed, screen) for name in columns]
    widths = [max(map(cells, column)) for column in zip(columns, *texts, strict=True)]
    if screen.width is not None:
        _narrow(widths, texts, screen.width)
    folds = _folds(widths, screen.width)
    if len(folds) > MOST_LINES or max(widths, default=0) > (screen.width or math.inf):
        yield from _stack(texts, columns, screen)
    elif texts:
        for line in _fold(columns, widths, folds):
            yield screen.style(line, bold=True)
        for values in texts:
            yield from _fold(
                [cut(*pair) for pair in zip(values, widths, strict=True)], widths, folds
            )
    lost = [name for name in droppable if name in gone and any(row[name] for row in listed)]
    if lost:
        say(f"no room for {', '.join(lost)}; a wider terminal shows all")


def _choose_columns(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    screen: Screen,
    droppable: Sequence[str],
) -> Sequence[str]:
    """As many of the empty and droppable columns as it takes, in their order, none where there is room."""
    empty = [name for name in columns if rows and all(row[name] is None for row in rows)]
    droppable = [*empty, *droppable]
    widths = {
        name: max(
            map(cells, [_heading(name, rows, screen), *(_text(row[name], screen) for row in rows)])
        )
        for name in columns
    }
    for number in range(len(droppable) + 1):
        kept = [width for name, width in widths.items() if name not in droppable[:number]]
        if screen.width is None or total_width(kept) <= screen.width:
            return droppable[:number]
    return droppable


def _folds(widths: Sequence[int], most: int | None) -> list[slice]:
    """Which columns stand on each line of a row; every line but the first is indented."""
    folds: list[slice] = []
    begin = 0
    for end in range(1, len(widths) + 1):
        indent = len(GAP) if folds else 0
        following = widths[begin : end + 1]
        if end == len(widths) or (most is not None and indent + total_width(following) > most):
            folds.append(slice(begin, end))
            begin = end
    return folds


def _fold(texts: Sequence[str], widths: Sequence[int], folds: Sequence[slice]) -> Iterator[str]:
    for number, fold in enumerate(folds):
        yield (GAP if number else "") + align(texts[fold], widths[fold])


def _narrow(widths: list[int], texts: Sequence[Sequence[str]], most: int) -> None:
    """Take from the widest columns of words what is too much. An id has no blank and stays whole."""
    wordy = [n for n in range(len(widths)) if any(" " in line[n] for line in texts)]
    while wordy and (excess := total_width(widths) - most) > 0:
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


def _stack(texts: Iterable[Sequence[str]], columns: Sequence[str], screen: Screen) -> Iterator[str]:
    width = max(map(cells, columns))
    for number, line in enumerate(texts, 1):
        yield screen.style(f"-- {number} --", bold=True)
        for name, text in zip(columns, line, strict=True):
            if text:
                yield f"{name}{' ' * (width - cells(name))}{GAP}{text}"
