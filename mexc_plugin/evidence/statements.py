"""What a signed note states: how far the record was (a checkpoint), or what left it (an archive).

Text in, values out, and back. There is one way to write a statement: a text that is not written so is none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mexc_plugin.audit import archive_notes, naive_utc
from mexc_plugin.audit.events import timestamp_text
from mexc_plugin.errors import EvidenceError

CHECKPOINT = "mexc-plugin/checkpoint/v1"
ARCHIVE = archive_notes.TITLE
Left = archive_notes.Left
_WRITER = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_HASH = r"[0-9a-f]{64}"
_NUMBER = r"0|[1-9][0-9]{0,18}"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
_HEAD = re.compile(
    rf"events (?P<events>{_NUMBER})\ntime (?P<time>{_TIME})\nprevious (?P<previous>{_HASH}|-)\n"
)
_BUNDLE = re.compile(rf"bundle ({_HASH})\n")
_LAST = re.compile(rf"writer (?P<writer>{_WRITER}) (?P<last>{_NUMBER}) (?P<hash>{_HASH})")
_WRITER_ID = re.compile(_WRITER)
_SHA256 = re.compile(_HASH)
MAX_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of a writer: its number, and its hash."""

    writer_id: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the record was. writers: sorted, each once.

    events: how many it has or had; taken_ns: when, whole microseconds; previous: SHA-256 of the note before.
    """

    events: int
    taken_ns: int
    previous: str | None
    writers: tuple[Head, ...]

    kind = "checkpoint"


@dataclass(frozen=True, slots=True)
class Archive:
    """What left the record. events: in the bundle; bundle: SHA-256 of its file; else as a Checkpoint."""

    events: int
    taken_ns: int
    previous: str | None
    bundle: str
    writers: tuple[Left, ...]

    kind = "archive"


Statement = Checkpoint | Archive


def may_be_stated(writer_id: object, seq: object, hash_: object) -> bool:
    """Whether a statement can name this event: those of every program of ours can be."""
    return (
        isinstance(writer_id, str)
        and isinstance(seq, int)
        and 1 <= seq <= MAX_NUMBER
        and _WRITER_ID.fullmatch(writer_id) is not None
        and is_hash(hash_)
    )


def is_hash(value: object) -> bool:
    """Whether it is a SHA-256 as all of ours are written."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def write(statement: Statement) -> str:
    """The text of a statement; what is in it must be what `parse` takes."""
    is_archive = isinstance(statement, Archive)
    time = timestamp_text(statement.taken_ns).replace(" ", "T")
    lines = [
        ARCHIVE if is_archive else CHECKPOINT,
        f"events {statement.events}",
        f"time {time}Z",
        f"previous {statement.previous or '-'}",
    ]
    if isinstance(statement, Archive):
        lines.append(f"bundle {statement.bundle}")
        lines += [f"writer {w.writer_id} {w.first} {w.last} {w.hash}" for w in statement.writers]
    else:
        lines += [f"writer {w.writer_id} {w.seq} {w.hash}" for w in statement.writers]
    return "\n".join(lines) + "\n"


def parse(text: str) -> Statement:
    """The statement of a text. Raises EvidenceError for every other text."""
    title, _, rest = text.partition("\n")
    if title not in (CHECKPOINT, ARCHIVE):
        raise EvidenceError(
            f"it is no checkpoint and no archive of a record: its first line is neither "
            f"{CHECKPOINT} nor {ARCHIVE}"
        )
    head = _HEAD.match(rest)
    if head is None:
        raise EvidenceError("its lines 2 to 4 are not: events, time and previous")
    events, taken_ns = _number(head["events"]), _moment(head["time"])
    previous = None if head["previous"] == "-" else head["previous"]
    rest = rest[head.end() :]
    if title == CHECKPOINT:
        heads = tuple(
            Head(found["writer"], _number(found["last"]), found["hash"])
            for found in _writers(rest, _LAST, 4)
        )
        return Checkpoint(events, taken_ns, previous, heads)
    bundle = _BUNDLE.match(rest)
    if bundle is None:
        raise EvidenceError("its line 5 is not: bundle")
    left = tuple(
        Left(found["writer"], _number(found["first"]), _number(found["last"]), found["hash"])
        for found in _writers(rest[bundle.end() :], archive_notes.LINE, 5)
    )
    if any(not 1 <= each.first <= each.last for each in left):
        raise EvidenceError("a writer's first number is after its last")
    return Archive(events, taken_ns, previous, bundle[1], left)


def _writers(text: str, form: re.Pattern[str], before: int) -> Sequence[re.Match[str]]:
    """The lines of the writers. before: how many lines stand above them."""
    found: list[re.Match[str]] = []
    if not text:
        return found
    if not text.endswith("\n"):
        raise EvidenceError("its last line has no end")
    for number, line in enumerate(text[:-1].split("\n"), before + 1):
        match = form.fullmatch(line)
        if match is None:
            raise EvidenceError(f"its line {number} is not that of a writer")
        if found and match["writer"] <= found[-1]["writer"]:
            raise EvidenceError(f"its line {number} is not in the order of the writers")
        found.append(match)
    if any(match["last"] == "0" for match in found):
        raise EvidenceError("a writer's last number is 0")
    return found


def _number(text: str) -> int:
    number = int(text)
    if number > MAX_NUMBER:
        raise EvidenceError(f"{text} is no number of a record")
    return number


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise EvidenceError(f"{text} is no time") from None
    return naive_utc.to_ns(naive_utc.without_zone(moment))
