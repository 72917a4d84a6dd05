"""Opens a bundle, which may be anything that somebody sent: nothing of it is unpacked to disk, and no part is trusted."""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from mexc_plugin.errors import EvidenceError
from mexc_plugin.evidence.offline import bundle_format
from mexc_plugin.evidence.offline.bundle_format import (
    EVENT_LINE,
    EVENTS_NAME,
    LARGEST,
    MANIFEST,
    MOST_UNPACKED,
    SEAL_BYTES,
    Part,
)

_PIECE = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_COUNT = re.compile(rb'^\{"events":([0-9]{1,18}),')


@dataclass(frozen=True, slots=True)
class Line:
    """One event, as its line has it."""

    prev_hash: str
    hash: str
    payload: str


class Bundle:
    """A bundle that is as it was written, and has the files that one has. Its content is still anybody's.

    writers: their ids, sorted; sha256: of the file; expected: how many events it says it has.
    Every method raises EvidenceError for what no bundle is.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.sha256 = _unseal(file)
        with _read_carefully():
            self._zipped = zipfile.ZipFile(file)
            entries = self._zipped.infolist()
            size = file.seek(0, io.SEEK_END)
        if any(entry.compress_type not in _METHODS for entry in entries):
            raise EvidenceError("it is no ZIP as bundles are: of a method that they do not use")
        if sum(entry.file_size for entry in entries) > MOST_UNPACKED * size + LARGEST:
            raise EvidenceError(
                f"it unpacks to more than {MOST_UNPACKED} times its size, as no bundle does"
            )
        if not entries or entries[0].header_offset != 0:
            raise EvidenceError(
                "it is no ZIP as bundles are: something stands before its first file"
            )
        names = [entry.filename for entry in entries]
        self.writers = [found[1] for name in names if (found := EVENTS_NAME.fullmatch(name))]
        self._notes = [
            bundle_format.note_name(number) for number in range(1, len(names) - len(self.writers))
        ]
        writers = sorted(set(self.writers))
        if names != [*map(bundle_format.events_name, writers), *self._notes, MANIFEST]:
            raise EvidenceError("the files in it are not those of a bundle, in their order")
        self._manifest = self._read(MANIFEST)
        count = _COUNT.search(self._manifest)
        self.expected = int(count[1]) if count else 0

    def require(self, manifest: bytes) -> None:
        """Raise EvidenceError unless this is its manifest."""
        if self._manifest != manifest:
            raise EvidenceError("its manifest does not say what the files in it are")

    def notes(self) -> Iterator[tuple[Part, bytes]]:
        """The signed notes, oldest first."""
        for name in self._notes:
            note = self._read(name)
            yield Part(name, len(note), hashlib.sha256(note).hexdigest()), note

    def events(self, writer_id: str) -> "Events":
        """A writer's events."""
        return Events(self._zipped, bundle_format.events_name(writer_id))

    def _read(self, name: str) -> bytes:
        with _read_carefully(), self._zipped.open(name) as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise EvidenceError(f"{name} in it is too large")
        return content


class Events:
    """A file of events, line by line; when it was read, `part` says what the file was."""

    part: Part

    def __init__(self, zipped: zipfile.ZipFile, name: str) -> None:
        self._zipped = zipped
        self._name = name

    def __iter__(self) -> Iterator[Line]:
        digest, size, number = hashlib.sha256(), 0, 0
        with _read_carefully(), self._zipped.open(self._name) as raw:
            file = io.BufferedReader(raw, _PIECE)  # type: ignore[type-var]
            while line := file.readline(LARGEST + 1):
                digest.update(line)
                size += len(line)
                number += 1
                yield self._parse(line, number)
        self.part = Part(self._name, size, digest.hexdigest())

    def _parse(self, line: bytes, number: int) -> Line:
        found = EVENT_LINE.fullmatch(line) if len(line) <= LARGEST else None
        try:
            if found is not None:
                return Line(found[1].decode(), found[2].decode(), found[3].decode())
        except UnicodeDecodeError:
            pass
        raise EvidenceError(f"line {number} of {self._name} in it is no event")


def _unseal(file: BinaryIO) -> str:
    """The SHA-256 of the whole file, which ends with that of all before its last bytes."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    digest, left = hashlib.sha256(), size - SEAL_BYTES
    while left > 0 and (piece := file.read(min(left, _PIECE))):
        digest.update(piece)
        left -= len(piece)
    seal = bundle_format.seal(digest.hexdigest())
    if left or file.read() != seal:
        raise EvidenceError(
            "it was damaged, cut or changed, or is no bundle: it does not end with the SHA-256 of "
            "the rest; get it anew"
        )
    digest.update(seal)
    return digest.hexdigest()


@contextmanager
def _read_carefully() -> Iterator[None]:
    """What a ZIP that was made up brings the library to raise becomes EvidenceError."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        KeyError,
        OverflowError,
    ) as error:
        raise EvidenceError(f"it is no ZIP as bundles are: {error}") from None
