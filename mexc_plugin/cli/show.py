"""`audit show`: one cancel as a story, every event with what it changed, what was sent and what came back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.audit.events import COLUMNS
from mexc_plugin.cli import options
from mexc_plugin.cli.display import clock, count, pager
from mexc_plugin.cli.filters import storable
from mexc_plugin.cli.naming import find_one
from mexc_plugin.cli.options import Chosen
from mexc_plugin.cli.pager import emit_paged
from mexc_plugin.cli.problems import Exit
from mexc_plugin.cli.render import array
from mexc_plugin.cli.terminal import Screen, say
from mexc_plugin.review.events import FIELDS, Findings, Row, changes, checked, document, reindent
from mexc_plugin.review.showing import duration
from mexc_plugin.review.text import encode, visible

if TYPE_CHECKING:
    from mexc_plugin.store.verify import Finding

SIDES = ("request", "response", "error")


@click.command()
@click.argument("cancel_id", callback=storable)
@clock
@pager
@options.output("table", "json", "jsonl")
@options.database
def show(cancel_id: str, database: Chosen, form: str, utc: bool, pager: bool) -> None:
    """Show every event of one cancel, oldest first, and whether the chain around them holds.

    CANCEL_ID is an id from `audit list`, or as much of its beginning as names only one; an order's
    id or client order id does too, where it was cancelled once. Exit 3 when a chain is broken.
    """
    from mexc_plugin.store import queries, surroundings

    with queries.reading(database.url) as connection:
        events = list(queries.events(connection, find_one(connection, cancel_id)))
        findings = surroundings.findings(connection, events)
    emit_paged(RENDERERS[form](events, findings, Screen.detect(utc=utc)), wanted=pager)
    if broken := sum(map(len, findings.values())):
        say(f"the chain is broken here: {count(broken, 'finding', 'findings')}")
        raise click.exceptions.Exit(Exit.ATTENTION)


def as_json(rows: Iterable[Row], findings: Findings, _screen: Screen) -> Iterator[str]:
    """One array of documents."""
    return array(checked(row, findings) for row in rows)


def as_jsonl(rows: Iterable[Row], findings: Findings, _screen: Screen) -> Iterator[str]:
    """One document a line."""
    for row in rows:
        yield encode(checked(row, findings))


def as_text(rows: Iterable[Row], findings: Findings, screen: Screen) -> Iterator[str]:
    """For people: each event with its time, what it changed, and the raw words of both sides."""
    known: dict[str, Any] = {}
    before: Row | None = None
    for row in rows:
        if before is None:
            title = f"cancel {visible(str(row['cancel_id']))} ({screen.zone})"
            yield screen.styled(title, bold=True)
        yield ""
        yield _headline(row, before, screen)
        for name, was, now in changes(known, row):
            yield f"  {name}: {'' if was is None else f'{visible(str(was))} → '}{visible(str(now))}"
        known |= {name: row[name] for name in FIELDS if row[name] is not None}
        yield from _raw(document(row))
        yield f"  writer: {visible(str(row['writer_id']))} seq {row['seq']}"
        yield f"  hash: {visible(str(row['hash']))}"
        yield from _chain(findings[row["writer_id"], row["seq"]], screen)
        before = row


RENDERERS: dict[str, Callable[[Iterable[Row], Findings, Screen], Iterator[str]]] = {
    "table": as_text,
    "json": as_json,
    "jsonl": as_jsonl,
}


def _headline(row: Row, before: Row | None, screen: Screen) -> str:
    parts = [screen.time(row["occurred_at"])]
    if before is not None:
        nanoseconds = row["occurred_ns"] - before["occurred_ns"]
        sign = "-" if nanoseconds < 0 else "+"  # the wall clock may have been set meanwhile
        parts.append(sign + duration(abs(nanoseconds) // 1000))
    parts.append(visible(str(row["kind"])))
    if row["attempt"] is not None:
        parts.append(f"attempt {row['attempt']}")
    if row["outcome"] is not None:
        parts.append(screen.outcome(visible(str(row["outcome"])), row["outcome"]))
    if row["latency_us"] is not None:
        parts.append(f"after {row['latency_us'] / 1000:.3f} ms")
    return "  ".join(parts)


def _chain(found: Sequence["Finding"], screen: Screen) -> Iterator[str]:
    if not found:
        yield "  chain: holds, as do the links to its neighbours"
    for item in found:
        yield screen.styled(f"  chain: {item.fault}: {visible(item.message)}", "red")


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
