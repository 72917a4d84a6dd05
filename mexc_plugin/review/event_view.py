"""One event as it is shown: what is in it, and its bodies laid out. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mexc_plugin.audit import canonical
from mexc_plugin.audit.events import INTEGER_COLUMNS, TEXT_COLUMNS

if TYPE_CHECKING:
    from mexc_plugin.store.verify.record import Finding

Row = Mapping[str, Any]
# What is wrong with events, by writer and sequence; nothing where the chain holds.
Findings = Mapping[tuple[str, int], Sequence["Finding"]]

# Said in an event's headline already.
HEADLINE = ("kind", "attempt", "outcome", "cancel_id", "latency_us")
FIELDS = tuple(name for name in (*TEXT_COLUMNS, *INTEGER_COLUMNS) if name not in HEADLINE)

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def document(row: Row) -> dict[str, Any]:
    """An event's payload with its hashes; a payload that cannot be read is given as it stands."""
    try:
        found = canonical.decode(row["payload"])
    except (ValueError, RecursionError):
        found = {"payload": row["payload"], "writer_id": row["writer_id"], "seq": row["seq"]}
    return found | {"prev_hash": row["prev_hash"], "hash": row["hash"]}


def check_event(row: Row, findings: Findings) -> dict[str, Any]:
    """The document of an event; `chain` is what is wrong with it, empty where it holds."""
    found = findings[row["writer_id"], row["seq"]]
    return document(row) | {
        "chain": [{"fault": str(item.fault), "message": item.message} for item in found]
    }


def reindent(text: str) -> str | None:
    """JSON with line breaks and blanks, every number as it was written; None if it is not JSON."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return "".join(_laid_out(_TOKEN.findall(text)))


def _laid_out(words: list[str]) -> Iterator[str]:
    depth = 0
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in "{[":
            depth += 1
            yield word if following in "}]" else word + _line(depth)
        elif word in "}]":
            depth -= 1
            yield word
        else:
            yield {",": "," + _line(depth), ":": ": "}.get(word, word)
        if following and following in "}]" and word not in "{[":
            yield _line(depth - 1)


def _line(depth: int) -> str:
    return "\n" + "  " * depth
