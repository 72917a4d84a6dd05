"""A disk whose power can be cut: remembers every write and every sync, in order, and what an
application was told is safe; from that, what the platter holds after a cut at any moment.

What is assumed, and it is the harsh side of what POSIX allows:

- A write is safe when a sync of its file began after it and returned. Until then each of its
  512-byte sectors may or may not be there, whatever came later.
- A new file's name is safe when it was there at the start, when its folder was synced, or, for
  SQLite's own journals, with their first sync: SQLite's unix VFS syncs the folder then.
- A deletion is safe when SQLite asked for the folder to be synced, or when the folder was synced.
"""

import random
from dataclasses import dataclass, field
from enum import Enum

SECTOR = 512


class Survivors(Enum):
    """What becomes of writes that were not synced."""

    NONE = "nothing unsynced survives"
    WHOLE = "a random choice of unsynced writes survives"
    TORN = "a random choice of unsynced sectors survives"


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that happened: write, truncate, sync, create, named, delete, or acknowledged."""

    kind: str
    file: str = ""
    offset: int = 0
    data: bytes = b""


@dataclass
class Disk:
    """The operations so far, on top of files that were safe at the start."""

    base: dict[str, bytes] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)

    def note(self, kind: str, file: str = "", offset: int = 0, data: bytes = b"") -> None:
        self.ops.append(Op(kind, file, offset, data))

    def acknowledged(self, at: int) -> int:
        """How many transactions the application was told are safe before the cut at that op."""
        return sum(op.kind == "acknowledged" for op in self.ops[:at])

    def after_cut(self, at: int, survivors: Survivors, chance: random.Random) -> dict[str, bytes]:
        """The files after the power went before operation number `at`."""
        ops = self.ops[:at]
        safe_until, named = _safe(ops, set(self.base))
        files = {name: bytearray(content) for name, content in self.base.items()}
        for number, op in enumerate(ops):
            if op.kind not in ("write", "truncate", "delete"):
                continue
            is_safe = number < safe_until.get(op.file, 0)
            if op.kind == "delete":
                if op.offset or (survivors is not Survivors.NONE and chance.random() < 0.5):
                    files.pop(op.file, None)
                continue
            content = files.setdefault(op.file, bytearray())
            if op.kind == "truncate":
                if is_safe or (survivors is not Survivors.NONE and chance.random() < 0.5):
                    _truncate(content, op.offset)
            elif is_safe:
                _write(content, op.offset, op.data)
            else:
                _perhaps(content, op, survivors, chance)
        lucky = survivors is not Survivors.NONE
        return {
            name: bytes(content)
            for name, content in files.items()
            if name in named or (lucky and chance.random() < 0.5)
        }


def _safe(ops: list[Op], named: set[str]) -> tuple[dict[str, int], set[str]]:
    """Up to which operation each file's content is safe, and which files' names are."""
    until: dict[str, int] = {}
    for number, op in enumerate(ops):
        if op.kind == "sync":
            until[op.file] = number
        elif op.kind == "named":
            named.add(op.file)
    return until, named


def _perhaps(content: bytearray, op: Op, survivors: Survivors, chance: random.Random) -> None:
    if survivors is Survivors.WHOLE and chance.random() < 0.5:
        _write(content, op.offset, op.data)
    elif survivors is Survivors.TORN:
        for start in range(0, len(op.data), SECTOR):
            if chance.random() < 0.5:
                _write(content, op.offset + start, op.data[start : start + SECTOR])


def _write(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _truncate(content: bytearray, size: int) -> None:
    if len(content) > size:
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
