"""One cancel as a story: every event with what it changed, what was sent and what came back."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mexc_plugin.audit import canonical
from mexc_plugin.audit.events import COLUMNS, INTEGER_COLUMNS, TEXT_COLUMNS
from mexc_plugin.cli.render import array, encode, plain
from mexc_plugin.cli.terminal import Screen, visible

Row = Mapping[str, Any]

# Said in an event's headline already.
HEADLINE = ("kind", "attempt", "outcome", "cancel_id", "latency_us")
SIDES = ("request", "response", "error")
FIELDS = tuple(name for name in (*TEXT_COLUMNS, *INTEGER_COLUMNS) if name not in HEADLINE)

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def document(row: Row) -> dict[str, Any]:
    """An event's payload with its hashes; a payload that cannot be read is given as it stands."""
    try:
        found = canonical.decode(row["payload"])
    except (ValueError, RecursionError):
        found = {"payload": row["payload"], "writer_id": row["writer_id"], "seq": row["seq"]}
    return found | {"prev_hash": row["prev_hash"], "hash": row["hash"]}


def as_json(rows: Iterable[Row], _screen: Screen) -> Iterator[str]:
    """One array of documents."""
    return array(document(row) for row in rows)


def as_jsonl(rows: Iterable[Row], _screen: Screen) -> Iterator[str]:
    """One document a line."""
    for row in rows:
        yield encode(document(row))


def as_text(rows: Iterable[Row], screen: Screen) -> Iterator[str]:
    """For people: each event with its time, what it changed, and the raw words of both sides."""
    known: dict[str, Any] = {}
    for row in rows:
        if not known:
            yield screen.styled(f"cancel {visible(str(row['cancel_id']))}", bold=True)
        yield ""
        yield _headline(row, screen)
        for name, before, now in changes(known, row):
            was = "" if before is None else f"{visible(str(before))} → "
            yield f"  {name}: {was}{visible(str(now))}"
        known |= {name: row[name] for name in FIELDS if row[name] is not None}
        yield from _raw(document(row))
        yield f"  writer: {visible(str(row['writer_id']))} seq {row['seq']}"
        yield f"  hash: {visible(str(row['hash']))}"


RENDERERS: dict[str, Callable[[Iterable[Row], Screen], Iterator[str]]] = {
    "table": as_text,
    "json": as_json,
    "jsonl": as_jsonl,
}


def changes(known: Mapping[str, Any], row: Row) -> list[tuple[str, Any, Any]]:
    """What this event says for the first time or says differently: name, before, now."""
    return [
        (name, known.get(name), row[name])
        for name in FIELDS
        if row[name] is not None and row[name] != known.get(name)
    ]


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


def _headline(row: Row, screen: Screen) -> str:
    parts = [plain(row["occurred_at"]), visible(str(row["kind"]))]
    if row["attempt"] is not None:
        parts.append(f"attempt {row['attempt']}")
    if row["outcome"] is not None:
        parts.append(screen.outcome(visible(str(row["outcome"])), row["outcome"]))
    if row["latency_us"] is not None:
        parts.append(f"after {row['latency_us'] / 1000:.3f} ms")
    return "  ".join(parts)


def _raw(found: Mapping[str, Any]) -> Iterator[str]:
    """What a payload holds beyond the columns: raw words of both sides first, whatever their shape."""
    others = sorted(set(found) - set(SIDES) - (set(COLUMNS) - {"payload"}) - {"v"})
    for name in (*SIDES, *others):
        part = found.get(name)
        if isinstance(part, Mapping):
            yield f"  {visible(name)}:"
            for key, value in part.items():
                yield from _labelled(str(key), value)
        elif isinstance(part, list):
            yield f"  {visible(name)}:"
            yield from (f"    {encode(item)}" for item in part)
        elif part is not None:
            yield f"  {visible(name)}: {visible(str(part))}"


def _labelled(name: str, value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield f"    {visible(name)}:"
        for key, item in value.items():
            yield f"      {visible(f'{key}: {item}')}"
    elif isinstance(value, str) and (laid_out := _block(name, value)):
        yield f"    {visible(name)}:"
        for line in laid_out.split("\n"):
            yield f"      {visible(line)}"
    elif value is not None:
        yield f"    {visible(name)}: {visible(str(value))}"


def _block(name: str, value: str) -> str | None:
    if name != "body":
        return None
    return reindent(value) or (value if "\n" in value else None)
