"""`config`: each setting, and who says so."""

import os
from collections.abc import Iterator
from typing import Any

import click

from mexc_plugin import settings_file
from mexc_plugin.cli.options import common
from mexc_plugin.cli.output.formats import RENDERERS
from mexc_plugin.cli.output.grid import as_grid
from mexc_plugin.cli.output.terminal import Screen, emit, say
from mexc_plugin.config import OPTION_KEYS, VARIABLES, find

COLUMNS = ("setting", "value", "from", "variable")


@click.command()
@common.output("table", "json", "jsonl", "csv")
@common.spool
@common.database
def config(database: common.Chosen, form: str) -> None:
    """Print each setting, where it comes from, and the variable that would set it. No passwords.

    What a bot says itself, in options["audit"] or in install(), beats all of these.
    """
    rows, screen = list(_rows(database)), Screen.detect()
    if form == "table":
        # On a narrow terminal: they are named after the settings.
        emit(as_grid(rows, COLUMNS, screen, droppable=("variable",)))
    else:
        emit(list(RENDERERS[form](rows, COLUMNS, screen)))
    say(_file_in_words())


def _rows(database: common.Chosen) -> Iterator[dict[str, Any]]:
    from mexc_plugin.store.connect.error_messages import name_of
    from mexc_plugin.store.write.spool import spool_folder

    for key in OPTION_KEYS:
        found = find(key)
        value, source = found.value, found.source or found.by
        if key == "url":
            value, source = name_of(database.url), database.source or database.by
        elif key == "spool":
            value = spool_folder.place(database.url, database.spool)[0]
            source = "option" if database.spool not in (None, found.value) else source
        elif value is not None:
            value = str(value)
        source = {"option": "command line"}.get(source, source)
        yield {"setting": key, "value": value, "from": source, "variable": VARIABLES[key]}


def _file_in_words() -> str:
    path = settings_file.named_path(os.environ) or settings_file.usual_path()
    if path is None:
        return f"no settings file: there is no home for one; name it with ${settings_file.VARIABLE}"
    return f"settings file: {path}" + ("" if os.path.lexists(path) else " (not there)")
