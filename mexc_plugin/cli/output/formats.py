"""Rows of `cancel_history` as text: one renderer for each format."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from mexc_plugin.cli.output.grid import as_grid
from mexc_plugin.cli.output.table import as_table
from mexc_plugin.cli.output.terminal import Screen
from mexc_plugin.review.text import encode, plain, visible

Row = Mapping[str, Any]
Lines = Iterator[str]
Renderer = Callable[[Iterable[Row], Sequence[str], Screen], Lines]

# With the wide forms that some spreadsheets take for the same; and our own mark, so that it can be undone.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
MARK = "'"

_NUMBER = re.compile(r"[-+]?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?")


def cell(value: object) -> str:
    """A CSV cell that no spreadsheet takes for a formula and no terminal for a command.

    Text that starts like a formula, or with an apostrophe, gets an apostrophe in front.
    """
    if value is None:
        return ""
    text = plain(value)
    if text.startswith((*FORMULA_STARTS, MARK)) and not _NUMBER.fullmatch(text):
        text = MARK + text
    return visible(text)


def array(values: Iterable[object]) -> Iterator[str]:
    """One JSON array, a line for each value."""
    empty = True
    for value in values:
        yield ("[" if empty else ",") + encode(value)
        empty = False
    yield "[]" if empty else "]"


def as_json(rows: Iterable[Row], columns: Sequence[str], _screen: Screen) -> Iterator[str]:
    """One array, a line for each row."""
    return array(_order(row, columns) for row in rows)


def as_jsonl(rows: Iterable[Row], columns: Sequence[str], _screen: Screen) -> Iterator[str]:
    """One object a line."""
    for row in rows:
        yield encode(_order(row, columns))


def as_csv(rows: Iterable[Row], columns: Sequence[str], _screen: Screen) -> Iterator[str]:
    """A line of names, then one line for each row."""
    yield _csv_line(columns)
    for row in rows:
        yield _csv_line(cell(row[name]) for name in columns)


RENDERERS: dict[str, Renderer] = {
    "table": as_table,
    "json": as_json,
    "jsonl": as_jsonl,
    "csv": as_csv,
}


def renderer(form: str, columns: Sequence[str] | None) -> Callable[[Iterable[Row], Screen], Lines]:
    """How attempts are printed in that format; columns: only these of the view, in this order."""
    from mexc_plugin.store.schema.tables import HISTORY_COLUMNS

    if form == "table" and columns:
        return lambda rows, screen: as_grid(rows, columns, screen)
    render, names = RENDERERS[form], columns or HISTORY_COLUMNS
    return lambda rows, screen: render(rows, names, screen)


def _order(row: Row, columns: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in columns}


def _csv_line(values: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()
