"""The tables of docs/evidence.md, made of the matrix: between two comments each."""

import os
import re
from pathlib import Path

from mexc_plugin.store.verify.findings import Degree

from . import bundle_files, chains, keyed, spools, statements, whole
from .rows import By, Row

PAGE = Path(__file__).resolve().parents[3] / "docs" / "evidence.md"
ROWS: list[Row] = [*statements.ROWS, *chains.ROWS, *keyed.ROWS, *whole.ROWS, *spools.ROWS]


def found(row: Row) -> str:
    if row.fault is None:
        return row.why or row.by.value
    degree = "" if row.degree is Degree.BROKEN else f", {row.degree.value}"
    return f"`{row.fault.value}`{degree}"


def table(head: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *lines])


def by(*wanted: By) -> list[Row]:
    return [row for row in ROWS if row.by in wanted]


def tables() -> dict[str, str]:
    """By the name that the comment around each has."""
    head = ["what somebody does", "to", "needs"]

    def lines(*wanted: By) -> list[list[str]]:
        return [[row.does, row.to, row.needs, found(row)] for row in by(*wanted)]

    def witnessed(*wanted: By) -> list[list[str]]:
        return [
            [*line, row.by.value] for row, line in zip(by(*wanted), lines(*wanted), strict=True)
        ]

    return {
        "alone": table([*head, "found"], lines(By.VERIFY, By.NO_NEED)),
        "witnesses": table(
            [*head, "found", "with"], witnessed(By.CHECKPOINT, By.PUBLIC_KEY, By.WRITER_KEY)
        ),
        "nothing": table([*head, "why it cannot be seen"], lines(By.NOTHING)),
        "bundles": table(
            ["what is done to a bundle", "found"],
            [[name, f"`{fault.value}`"] for name, (_, fault) in bundle_files.BROKEN.items()],
        ),
    }


def check() -> None:
    """Whether the page has them. Raises AssertionError; with WRITE_ANSWERS=1 it has them then."""
    text = made = PAGE.read_text()
    for name, content in tables().items():
        form = re.compile(rf"(<!-- tamper matrix: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        assert form.search(made), f"no place for the table '{name}' in {PAGE.name}"
        made = form.sub(lambda m, content=content: f"{m[1]}\n{content}\n\n{m[2]}", made)  # type: ignore[misc]
    if os.environ.get("WRITE_ANSWERS"):
        PAGE.write_text(made)
    else:
        assert text == made, "the tables are not those of the matrix; WRITE_ANSWERS=1 makes them"
