"""Rules for the source that no linter of ours states alone."""

import ast
from pathlib import Path

import mexc_plugin

PACKAGE = Path(mexc_plugin.__file__).parent


def test_no_assert_decides_anything_at_run_time() -> None:
    """`python -O` leaves them out, and a bot that handles ccxt's errors does not handle AssertionError."""
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Name) and node.id == "AssertionError")
    ]
    assert found == []


def test_no_folder_has_more_than_seventeen_files() -> None:
    folders = [PACKAGE, *(path for path in PACKAGE.rglob("*") if path.is_dir())]
    sizes = {
        str(folder.relative_to(PACKAGE)): sum(
            1 for path in folder.iterdir() if path.suffix in (".py", ".pyi")
        )
        for folder in folders
    }
    assert {name: size for name, size in sizes.items() if size > 17} == {}


# Files of more than 300 lines, each with what holds it together.
LONG = {
    "exchange/cancels/methods.py": "ccxt's signatures take several lines each",
    "review/charts/drawings.py": "one function for each picture",
    "store/read/exporting.py": "two sources that share their batches",
    "store/write/inserts.py": "one connection, from opening to closing",
    "store/write/spool.py": "one file format: to be split into format, file and replay",
    "store/write/writer.py": "two threads that share their state: to be split into storer and keeper",
}


def test_no_file_is_longer_than_three_hundred_lines_without_a_reason() -> None:
    long = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if len(path.read_text().splitlines()) > 300
    }
    assert long == LONG.keys()


def test_every_room_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if ast.get_docstring(ast.parse(path.read_text())) is None
        and "__pyinstaller" not in path.parts
    ]
    assert silent == []
