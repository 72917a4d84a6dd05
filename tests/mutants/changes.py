"""Small changes to the product: every one that a file has room for."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# An operator as it is written, and what it becomes.
SWAPS: dict[type, tuple[str, str]] = {
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.And: ("and", "or"), ast.Or: ("or", "and"),
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "//"), ast.FloorDiv: ("//", "*"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: a stretch of a file (character offsets), what stands there, and what does instead.

    first, last: the lines of its statement, without the statements within that; function: the first line of
    the function that it stands in, None for what runs when the module is imported.
    """

    path: str
    line: int
    start: int
    end: int
    old: str
    instead: str
    first: int
    last: int
    function: int | None

    def apply(self, source: str) -> str:
        return source[: self.start] + self.instead + source[self.end :]

    def describe(self, source: str) -> str:
        column = self.start - source.rfind("\n", 0, self.start)
        return f"{self.path}:{self.line}:{column}: {self.old!r} -> {self.instead!r}"


class _Finder(ast.NodeVisitor):
    """All changes of one file. Texts of errors, docstrings, annotations and logging are left alone."""

    def __init__(self, path: str, source: str) -> None:
        self._path, self._source = path, source
        lines = source.splitlines(keepends=True)
        self._starts = [sum(map(len, lines[:n])) for n in range(len(lines))]
        self._lines = lines
        self._functions: list[int] = []
        self._statement = (1, 1)
        self.found: list[Mutant] = []

    def visit(self, node: ast.AST) -> None:
        outer = self._statement
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno
            self._statement = (node.lineno, last)
        super().visit(node)
        self._statement = outer

    def _offset(self, line: int, column: int) -> int:
        text = self._lines[line - 1].encode()[:column].decode()
        return self._starts[line - 1] + len(text)

    def _span(self, node: ast.AST) -> tuple[int, int]:
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def _add(self, node: ast.AST, instead: str, span: tuple[int, int] | None = None) -> None:
        start, end = span or self._span(node)
        function = self._functions[0] if self._functions else None
        self.found.append(
            Mutant(
                self._path,
                node.lineno,
                start,
                end,
                self._source[start:end],
                instead,
                *self._statement,
                function,
            )
        )

    def _between(self, left: ast.AST, right: ast.AST, old: str, new: str, at: ast.AST) -> None:
        start, end = self._span(left)[1], self._span(right)[0]
        where = self._source.find(old, start, end)
        if where >= 0:
            self._add(at, new, (where, where + len(old)))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(default)
        self._functions.append(node.lineno)
        for statement in node.body:
            self.visit(statement)
        self._functions.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the visitor's own interface

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        text = ast.unparse(node.value)
        if not text.startswith(("log.", "self._say_once")) and self._functions:
            self._add(node, "pass")
        if not text.startswith("log."):
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._add(node, "pass")

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in ast.unparse(node.test):
            return
        self._add(node.test, f"not ({ast.get_source_segment(self._source, node.test)})")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and ast.unparse(node.value) != "None":
            self._add(node.value, "None")
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if self._functions and isinstance(node.targets[0], ast.Attribute):
            self._add(node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._add(node, "pass")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
            self._swap(left, operator, right, node)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._swap(left, node.op, right, node)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.BitOr):
            return  # types, and dicts joined by name
        self._swap(node.left, node.op, node.right, node)
        self.generic_visit(node)

    def _swap(self, left: ast.AST, operator: ast.AST, right: ast.AST, at: ast.AST) -> None:
        if type(operator) in SWAPS:
            old, new = SWAPS[type(operator)]
            self._between(left, right, old, new, at)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._add(node, f"({ast.get_source_segment(self._source, node.operand)})")
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self._add(key, '"mutated"')
            self.visit(value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._add(node, str(not node.value))
        elif isinstance(node.value, int):
            self._add(node, str(node.value + 1))
        elif isinstance(node.value, str) and node.value and " " not in node.value:
            self._add(node, '"mutated"')


def find_sources(room: str) -> list[Path]:
    """The files of a room: a folder's, one, or those whose names begin so. Below tools/ it is no room."""
    at = ROOT / room if room.startswith("tools/") else ROOT / "mexc_plugin" / room
    if at.is_file():
        return [at]
    return sorted(at.rglob("*.py") if at.is_dir() else at.parent.glob(f"{at.name}*.py"))


def find_mutants(paths: Iterable[Path]) -> Iterator[Mutant]:
    """Every change of these files that is still Python."""
    for path in paths:
        source = path.read_text()
        name = str(path.relative_to(ROOT))
        finder = _Finder(name, source)
        finder.visit(ast.parse(source))
        for mutant in finder.found:
            try:
                ast.parse(mutant.apply(source))
            except SyntaxError:
                continue
            yield mutant
