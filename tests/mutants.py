"""Small changes to the product, one at a time, and whether a test notices: `make mutants`.

    python -m tests.mutants --seed 9 --count 150 --jobs 2 [ROOM…]

Changes are drawn with a seed over the rooms' lines. Each meets the room's own tests, and those that pass these meet the
wider ones. Works on copies below build/mutants; the report there names those that survived.
"""

import argparse
import ast
import concurrent.futures
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "mutants"
# The tests that a change in a room meets: its own, then the wider ones.
EXCHANGE = tuple(
    f"tests/exchange/test_{name}.py"
    for name in (
        "on_record",
        "not_sent",
        "odd_input",
        "pacing",
        "replaced_layers",
        "logging",
        "drop_in",
        "first_use",
    )
)
SUITES: dict[str, tuple[tuple[str, ...], ...]] = {
    "venue": (
        ("tests/venue", "tests/test_pure.py"),
        ("tests/test_faults.py", "tests/test_adapter.py", "tests/test_completeness.py"),
    ),
    "audit": (
        ("tests/audit", "tests/test_pure.py", "tests/test_store.py", "tests/test_writer.py"),
        (*EXCHANGE, "tests/test_adapter.py", "tests/test_attacks.py", "tests/cli/test_verify.py"),
    ),
    "exchange": (
        ("tests/test_faults.py", "tests/test_adapter.py", *EXCHANGE),
        (
            "tests/test_completeness.py",
            "tests/test_attacks.py",
            "tests/test_contract.py",
            "tests/exchange/test_surface.py",
        ),
    ),
    "write": (
        (
            "tests/test_spool.py",
            "tests/test_endurance.py",
            "tests/torture/test_turns.py",
            "tests/torture/test_losses.py",
            "tests/test_writer.py",
            "tests/test_store.py",
        ),
        ("tests/exchange/test_endings.py", "tests/test_attacks.py", "tests/test_containers.py"),
    ),
}
# A room is a folder of the product; the write path is a part of one.
WRITE = tuple(
    f"store/{name}.py"
    for name in (
        "checkpoints",
        "database",
        "real_threads",
        "recorders",
        "sealer",
        "spool",
        "spool_folder",
        "turns",
        "workers",
        "writer",
    )
)
FILES: dict[str, tuple[str, ...]] = {"write": WRITE}
CHOSEN = "not postgresql and not mariadb and not pro"
LONGEST_S = 240

# An operator as it is written, and what it becomes.
SWAPS: dict[type, tuple[str, str]] = {
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.And: ("and", "or"), ast.Or: ("or", "and"),
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "//"), ast.FloorDiv: ("//", "*"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: a stretch of a file (character offsets), and what stands there instead."""

    path: str
    line: int
    start: int
    end: int
    instead: str

    def apply(self, source: str) -> str:
        return source[: self.start] + self.instead + source[self.end :]

    def describe(self, source: str) -> str:
        return f"{self.path}:{self.line}: {source[self.start : self.end]!r} -> {self.instead!r}"


class _Finder(ast.NodeVisitor):
    """All changes of one file. Texts of errors, docstrings, annotations and logging are left alone."""

    def __init__(self, path: str, source: str) -> None:
        self._path, self._source = path, source
        lines = source.splitlines(keepends=True)
        self._starts = [sum(map(len, lines[:n])) for n in range(len(lines))]
        self._lines = lines
        self._depth = 0
        self.found: list[Mutant] = []

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
        self.found.append(Mutant(self._path, node.lineno, start, end, instead))

    def _between(self, left: ast.AST, right: ast.AST, old: str, new: str, at: ast.AST) -> None:
        start, end = self._span(left)[1], self._span(right)[0]
        where = self._source.find(old, start, end)
        if where >= 0:
            self._add(at, new, (where, where + len(old)))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._depth += 1
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(default)
        for statement in node.body:
            self.visit(statement)
        self._depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the visitor's own interface

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        text = ast.unparse(node.value)
        if not text.startswith(("log.", "self._say_once")) and self._depth:
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
        if self._depth and isinstance(node.targets[0], ast.Attribute):
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


def find_mutants(rooms: tuple[str, ...]) -> Iterator[Mutant]:
    """Every change of the rooms that is still Python."""
    for room in rooms:
        product = ROOT / "mexc_plugin"
        for path in sorted(product.glob(f"{room}/*.py")) or [
            product / name for name in FILES[room]
        ]:
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


def pass_tests(root: Path, suites: tuple[str, ...]) -> bool:
    """Whether the tests pass. A run that takes too long has not passed."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:randomly",
        "-k",
        CHOSEN,
        *suites,
    ]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, timeout=LONGEST_S, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def is_noticed(mutant: Mutant, copy: Path) -> bool:
    """Whether a test notices the change, made in a copy of the project."""
    target = copy / mutant.path
    source = target.read_text()
    target.write_text(mutant.apply(source))
    try:
        room = target.parent.name if target.parent.name in SUITES else "write"
        return not all(pass_tests(copy, suites) for suites in SUITES[room])
    finally:
        target.write_text(source)


def _copies(count: int) -> list[Path]:
    copies = []
    for number in range(count):
        copy = BUILD / f"copy-{number}"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        for name in ("mexc_plugin", "tests", "migrations", "docs", "benchmarks"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "cli.py", "README.md"):
            shutil.copy(ROOT / name, copy / name)
        copies.append(copy)
    return copies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "rooms", nargs="*", default=("venue", "audit", "exchange"), help=", ".join(SUITES)
    )
    chosen = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    all_of_them = list(find_mutants(tuple(chosen.rooms)))
    drawn = random.Random(chosen.seed).sample(all_of_them, min(chosen.count, len(all_of_them)))
    copies = _copies(chosen.jobs)
    survivors: list[Mutant] = []

    def work(number: int) -> None:
        for mutant in drawn[number :: chosen.jobs]:
            noticed = is_noticed(mutant, copies[number])
            words = mutant.describe((ROOT / mutant.path).read_text())
            print("noticed " if noticed else "SURVIVED", words, flush=True)
            if not noticed:
                survivors.append(mutant)

    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        list(pool.map(work, range(chosen.jobs)))
    caught = len(drawn) - len(survivors)
    summary = [f"{caught} of {len(drawn)} noticed ({caught / len(drawn):.0%}), seed {chosen.seed}"]
    summary += [f"  {m.describe((ROOT / m.path).read_text())}" for m in survivors]
    (BUILD / "report.txt").write_text("\n".join(summary) + "\n")
    print("\n".join(summary))


if __name__ == "__main__":
    main()
