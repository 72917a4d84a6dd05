"""What left a record, by the notes of archives. Who signed them is for `audit verify` to ask. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TITLE = "mexc-plugin/archive/v1"
LINE = re.compile(
    r"writer (?P<writer>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}) "
    r"(?P<first>0|[1-9][0-9]{0,18}) (?P<last>0|[1-9][0-9]{0,18}) (?P<hash>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Left:
    """The events of a writer that left the record: first and last number, and the hash of the last."""

    writer_id: str
    first: int
    last: int
    hash: str


def read_left(note: str) -> Iterator[Left]:
    """What a note says that left; nothing where it is no archive's."""
    title, _, rest = note.partition("\n")
    if title == TITLE:
        for found in filter(None, map(LINE.fullmatch, rest.split("\n"))):
            yield Left(found["writer"], int(found["first"]), int(found["last"]), found["hash"])
