"""How far an export of events came: for each writer, which of its sequence are out. Pure.

Not a time: a spool may be replayed days later, with events older than what was exported. And not one
number for each writer: while a spool waits, the events after it may be in the database already.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 1


@dataclass(slots=True)
class Writer:
    """What is out of one writer: runs of its sequence, and the hash of the last event in them.

    runs: first and last of each, both included, ascending, never touching.
    """

    runs: list[list[int]] = field(default_factory=list)
    hash: str | None = None

    @property
    def last(self) -> int:
        return self.runs[-1][1] if self.runs else 0

    def list_missing(self) -> list[tuple[int, int | None]]:
        """What is not out: first and last of each gap, and what comes after everything."""
        ends = [0, *(run[1] for run in self.runs)]
        starts: list[int | None] = [*(run[0] for run in self.runs), None]
        return [
            (end + 1, None if start is None else start - 1)
            for end, start in zip(ends, starts, strict=True)
            if start is None or end + 1 < start
        ]

    def add(self, sequence: Iterable[int], hash_: str) -> None:
        """These went out, ascending; hash_: of the last of them."""
        numbers = list(sequence)
        if numbers and numbers[-1] > self.last:
            self.hash = hash_
        self.runs = _join(sorted([*self.runs, *([number, number] for number in numbers)]))


class Positions:
    """How far an export came, as it is kept in a file between two exports."""

    def __init__(self) -> None:
        self.writers: dict[str, Writer] = {}

    def of(self, writer_id: str) -> Writer:
        return self.writers.setdefault(writer_id, Writer())

    def document(self) -> dict[str, Any]:
        """JSON values, for `read`."""
        writers = {
            writer_id: {"runs": writer.runs, "hash": writer.hash}
            for writer_id, writer in self.writers.items()
            if writer.runs
        }
        return {"version": VERSION, "writers": writers}

    @classmethod
    def read(cls, document: object) -> "Positions":
        """What `document` gave. Raises ValueError for anything else."""
        found = cls()
        if not isinstance(document, Mapping) or document.get("version") != VERSION:
            raise ValueError("no positions of an export")
        writers = document.get("writers")
        if not isinstance(writers, Mapping):
            raise ValueError("no writers in it")  # noqa: TRY004 - the value is wrong, not a type
        for writer_id, entry in writers.items():
            found.writers[str(writer_id)] = _writer(entry)
        return found


def _writer(entry: object) -> Writer:
    match entry:
        case {"runs": [*runs], "hash": str(hash_)} if runs and _ascend(runs):
            return Writer([list(run) for run in runs], hash_)
    raise ValueError("a writer has runs that ascend, and a hash")


def _ascend(runs: list[Any]) -> bool:
    before = -1
    for run in runs:
        match run:
            case [int(first), int(last)] if before + 1 < first <= last:
                before = last
            case _:
                return False
    return True


def _join(runs: list[list[int]]) -> list[list[int]]:
    joined: list[list[int]] = []
    for first, last in runs:
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return joined
