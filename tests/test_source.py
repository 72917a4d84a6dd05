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
