"""Rules for the source that no linter of ours states alone."""

import ast
import re
from collections.abc import Iterator
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


# Where a bot's own thread runs, and a handler of its signals may throw.
CALLERS = ("audit", "exchange", "misspellings.py")
# `BaseException` kept in a name and raised by the same function, or by the one who waits for it.
KEPT = (
    "exchange/recording.py send",
    "exchange/waiting.py in_own_thread",
    "exchange/waiting.py work",
)


def _is_broad(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Name) and node.id in ("Exception", "BaseException")


def _swallowers(path: Path) -> Iterator[str]:
    """Functions that take every error for their own."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            handles = isinstance(node, ast.ExceptHandler) and (
                node.type is None or _is_broad(node.type)
            )
            text = ast.unparse(node)
            lets_through = "is_from_handler" in text or (
                handles and isinstance(node.body[-1], ast.Raise)
            )
            suppresses = (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).endswith("suppress")
                and any(map(_is_broad, node.args))
            )
            if (handles and not lets_through) or suppresses:
                yield f"{path.relative_to(PACKAGE)} {function.name}"


def test_what_a_handler_of_the_bots_throws_is_nowhere_taken_for_an_error_of_ours() -> None:
    paths = [path for name in CALLERS for path in [PACKAGE / name, *(PACKAGE / name).rglob("*.py")]]
    found = [each for path in paths if path.is_file() for each in _swallowers(path)]
    assert sorted(set(found)) == sorted(KEPT)


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
    "store/read/export_source.py": "two sources that share their batches",
}


def test_no_file_is_longer_than_three_hundred_lines_without_a_reason() -> None:
    long = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if len(path.read_text().splitlines()) > 300
    }
    assert long == LONG.keys()


# One thing in two places: a command and the room that does its work, a name for users and what is behind it.
TWICE = {
    "archiving",
    "audit",
    "evidence",
    "hosting",
    "pro",
    "reconcile",
    "report",
    "sandbox",
    "verify",
}


def test_no_name_of_a_module_has_two_meanings() -> None:
    places: dict[str, list[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        room = path.parent.relative_to(PACKAGE)
        name = room.name if path.name == "__init__.py" else path.stem
        places.setdefault(name, []).append(str(room))
    twice = {name: rooms for name, rooms in places.items() if len(rooms) > 1}
    assert twice.keys() <= TWICE, twice


# Irregular participles; the regular ones are known by their end.
DONE = {
    "begun",
    "built",
    "drawn",
    "found",
    "given",
    "kept",
    "known",
    "lost",
    "made",
    "said",
    "shown",
    "taken",
    "told",
}


def test_functions_are_verbs() -> None:
    """A function of a module or class is called for what it does, and not for what is done to what it returns."""
    done = [
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path in PACKAGE.rglob("*.py")
        for scope in ast.walk(ast.parse(path.read_text()))
        if isinstance(scope, ast.Module | ast.ClassDef)
        for node in scope.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.decorator_list
        if (name := node.name.strip("_")) in DONE
        or re.fullmatch(r"(?!embed|need|unresolved)[a-z]+ed", name)
    ]
    assert done == []


def test_every_room_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if ast.get_docstring(ast.parse(path.read_text())) is None
        and "__pyinstaller" not in path.parts
    ]
    assert silent == []
