"""Power cuts: the product's own statements on a disk that tells afterwards what was safe."""

import os
import random
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.events import Event
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write.inserts import Inserts
from mexc_plugin.store.write.spool import spool_file, spool_replay

from .disk import Disk, Survivors

TRANSACTIONS = 250
VFS = "torture"
# How SQLite opens the files whose folder it syncs together with their first sync.
_JOURNALS = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL


class RecordingVFS(apsw.VFS):
    """Passes everything on to the real file system and notes it on the disk."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        super().__init__(VFS, base="", maxpathname=1024)

    def xOpen(self, name: Any, flags: list[int]) -> "RecordingFile":
        return RecordingFile(self.disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.disk.note("delete", Path(filename).name, int(syncdir))


class RecordingFile(apsw.VFSFile):
    """One open file. It has no shared memory, so SQLite keeps the WAL's index on the heap."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        given = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(given).name
        self._names_with_sync = bool(flags[0] & _JOURNALS)
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._disk.note("write", self._name, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self._disk.note("truncate", self._name, newsize)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._disk.note("sync", self._name)
        if self._names_with_sync:
            self._disk.note("named", self._name)


class Adapter:
    """An apsw connection that looks to the product's listeners and inserts like its own."""

    isolation_level: str | None = None
    rowcount = -1

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.statements: list[str] = []
        self._rows: list[Any] = []

    def execute(self, statement: str, row: tuple[Any, ...] | None = None) -> "Adapter":
        self.statements.append(statement)
        self._rows = self._connection.execute(statement, row).fetchall()
        return self

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None

    def create_function(self, *args: Any, **kwargs: Any) -> None:
        """SQLAlchemy's own REGEXP: nothing here uses it."""


@dataclass(frozen=True)
class Cut:
    """One cut: what was acknowledged, and what a reader found afterwards."""

    acknowledged: int
    found: int
    lost: int
    intact: bool


@dataclass
class Recorded:
    """One run of the product on the disk: transaction n (from 1) held the events batches[n-1]."""

    disk: Disk
    batches: list[list[Event]]
    statements: list[str]


def chained(count: int, chance: random.Random) -> list[list[Event]]:
    """Transactions of one to five events of the usual size, in one chain."""
    batches, last, seq = [], chain.GENESIS, 0
    for _ in range(count):
        batch = []
        for _ in range(chance.choice([1, 1, 1, 2, 5])):
            seq += 1
            draft = {
                "kind": "request",
                "occurred_ns": time.time_ns(),
                "cancel_id": f"c{seq}",
                "attempt": 1,
                "order_id": f"{seq:018d}",
                "request": {"url": "x" * chance.randint(300, 900)},
            }
            batch.append(events.seal(draft, "00000000-0000-4000-8000-000000000000", seq, last))
            last = batch[-1].hash
        batches.append(batch)
    return batches


def record(folder: Path, synchronous: str | None, chance: random.Random) -> Recorded:
    """Run the product's settings and inserts on a recording disk; synchronous: instead of its own."""
    path = folder / "audit.db"
    engine = engines.create(f"sqlite:///{path}")
    migrate.ensure(engine)
    engine.dispose()
    disk = Disk({path.name: path.read_bytes()})
    vfs = RecordingVFS(disk)
    connection = apsw.Connection(str(path), vfs=VFS)
    # The shim has no shared memory. This changes who may read meanwhile, not what is synced.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    adapter = Adapter(connection)
    for listener in engine.pool.dispatch.connect:
        listener(adapter, None)
    if synchronous is not None:
        adapter.execute(f"PRAGMA synchronous = {synchronous}")
    inserts = Inserts(engine.dialect, "BEGIN IMMEDIATE")
    batches = chained(TRANSACTIONS, chance)
    for batch in batches:
        inserts.run(adapter, batch, lambda: None)
        disk.note("acknowledged")
    recorded = Recorded(disk, batches, adapter.statements)
    recorded.disk.ops = list(disk.ops)  # closing the connection is no part of the run
    connection.close()
    vfs.unregister()
    return recorded


def cut(recorded: Recorded, folder: Path, survivors: Survivors, chance: random.Random) -> Cut:
    """Cut the power at a random operation, boot, and read with an ordinary SQLite."""
    disk = recorded.disk
    at = chance.randrange(len(disk.ops) + 1)
    for name, content in disk.after_cut(at, survivors, chance).items():
        (folder / name).write_bytes(content)
    acknowledged = disk.acknowledged(at)
    safe = {event.seq for batch in recorded.batches[:acknowledged] for event in batch}
    with closing(sqlite3.connect(folder / "audit.db")) as connection:
        intact = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT seq, payload, prev_hash, hash FROM cancel_audit")
        found = {seq for seq, payload, prev, own in rows if chain.link(prev, payload) == own}
    for path in folder.iterdir():
        path.unlink()
    whole = found == set(range(1, len(found) + 1))
    return Cut(len(safe), len(found), len(safe - found), intact and whole)


class RecordingOs:
    """Stands for `os` in the spool's module: does what it is told and notes it on the disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, fd: int, data: Any) -> int:
        offset = os.lseek(fd, 0, os.SEEK_CUR)  # its end is that of the room that it has
        written = os.write(fd, data)
        self._disk.note("write", "spool", offset, bytes(data[:written]))
        return written

    def ftruncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)
        self._disk.note("truncate", "spool", size)

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)
        self._disk.note("sync", "spool")

    def fsync(self, fd: int) -> None:
        os.fsync(fd)
        # The only thing that the spool syncs this way is the folder that names it.
        self._disk.note("named", "spool")


def record_spool(folder: Path, disk: Disk, chance: random.Random) -> Recorded:
    """Append batches to a spool; a RecordingOs is in place of its `os` meanwhile."""
    made = spool_file.Spool(f"sqlite:///{folder}/audit.db", "00000000-0000-4000-8000-000000000000")
    batches = chained(60, chance)
    for batch in batches:
        made.append(batch)
        disk.note("acknowledged")
    made.close()
    return Recorded(disk, batches, [])


def cut_spool(recorded: Recorded, path: Path, survivors: Survivors, chance: random.Random) -> Cut:
    """Cut the power at a random operation of the spool's, and read what is left of it."""
    at = chance.randrange(len(recorded.disk.ops) + 1)
    path.write_bytes(recorded.disk.after_cut(at, survivors, chance).get("spool", b""))
    acknowledged = recorded.disk.acknowledged(at)
    safe = {event.seq for batch in recorded.batches[:acknowledged] for event in batch}
    found = {event.seq for event in spool_replay.read(path).events}
    return Cut(len(safe), len(found), len(safe - found), intact=True)
