"""Rows of any columns as text, for people: a table, or a few lines a row where it does not fit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mexc_plugin.cli.terminal import Screen, cells
from mexc_plugin.review.text import visible

_GAP = "  "


def as_grid(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], screen: Screen
) -> Iterator[str]:
    """Aligned columns, nothing cut; below each other where a terminal is too narrow for them."""
    listed = list(rows)
    texts = [[_text(row[name], screen) for name in columns] for row in listed]
    columns = [_heading(name, listed, screen) for name in columns]
    widths = [max(map(cells, column)) for column in zip(columns, *texts, strict=True)]
    total = sum(widths) + len(_GAP) * (len(widths) - 1)
    if screen.width is not None and total > screen.width:
        yield from _stacked(texts, columns, screen)
    elif texts:
        yield screen.styled(_line(columns, widths), bold=True)
        for line in texts:
            yield _line(line, widths)


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
