"""`audit show`: one cancel, in a sentence, event by event, and in the raw words of both sides."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from mexc_plugin.cli.database.servers import reading
from mexc_plugin.cli.exit_codes import Exit
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.completing import complete_cancels
from mexc_plugin.cli.options.display import clock, count, pager
from mexc_plugin.cli.options.filter_options import storable
from mexc_plugin.cli.options.naming import find_one
from mexc_plugin.cli.output.formats import array
from mexc_plugin.cli.output.pager import emit_paged
from mexc_plugin.cli.output.table import wrap
from mexc_plugin.cli.output.terminal import Screen, say
from mexc_plugin.review.event_view import Findings, Row, check_event
from mexc_plugin.review.showing import duration
from mexc_plugin.review.story import Step, name_of, steps
from mexc_plugin.review.summary import summarize
from mexc_plugin.review.text import encode, visible

if TYPE_CHECKING:
    from mexc_plugin.store.verify.record import Finding


@click.command()
@click.argument("cancel_id", callback=storable, shell_complete=complete_cancels)
@clock
@pager
@common.output("table", "json", "jsonl")
@common.database
def show(cancel_id: str, database: common.Chosen, form: str, utc: bool, pager: bool) -> None:
    """Tell what happened to one cancel, then every event, oldest first, then the raw words.

    CANCEL_ID is an id from `audit list`, or as much of its beginning as names only one; an order's
    id or client order id does too, where it was cancelled once. Exit 3 when the chain around it is broken.
    """
    from mexc_plugin.store.read import queries
    from mexc_plugin.store.verify import neighbours

    with reading(database.url) as connection:
        found = find_one(connection, cancel_id)
        attempts = queries.attempts(connection, found)
        events = list(queries.events(connection, found))
        findings = neighbours.findings(connection, events)
    if form == "table":
        lines = as_text(events, findings, attempts, Screen.detect(utc=utc))
    else:
        documents = (check_event(row, findings) for row in events)
        lines = array(documents) if form == "json" else map(encode, documents)
    emit_paged(lines, wanted=pager)
    if broken := sum(map(len, findings.values())):
        say(f"the chain is broken here: {count(broken, 'finding', 'findings')}")
        raise click.exceptions.Exit(Exit.ATTENTION)


def as_text(
    rows: Iterable[Row], findings: Findings, attempts: Sequence[Row], screen: Screen
) -> Iterator[str]:
    """For people: what happened in a sentence, then when, then the raw words of both sides."""
    told = list(steps(rows, findings))
    for step in told[:1]:
        yield screen.style(f"cancel {visible(str(step.row['cancel_id']))}", bold=True)
    for line in summarize(attempts, lambda moment: f"{screen.time(moment)} {screen.zone}"):
        yield from _sentence(visible(line), screen)
    yield ""
    yield screen.style(f"Timeline ({screen.zone})", bold=True)
    for step in told:
        yield _headline(step, screen)
        for change in step.changes:
            was = "" if change.before is None else f"{visible(str(change.before))} → "
            yield f"  {change.name}: {was}{visible(str(change.now))}"
        yield from _chain(step.findings, screen)
    for step in told:
        yield ""
        yield screen.style(f"Raw words: {_what(step.row)}", bold=True)
        yield from _raw(step)
        yield f"  writer: {visible(str(step.row['writer_id']))} seq {step.row['seq']}"
        yield f"  hash: {visible(str(step.row['hash']))}"


def _sentence(line: str, screen: Screen) -> Iterator[str]:
    """A sentence, broken between words; a command, which is indented, stays in one piece."""
    if screen.width is None or line.startswith(" "):
        yield line
    else:
        yield from wrap(line.split(" "), screen.width, gap=" ", indent="")


def _what(row: Row) -> str:
    name = visible(name_of(row))
    return name if row["attempt"] is None else f"{name}  attempt {row['attempt']}"


def _headline(step: Step, screen: Screen) -> str:
    row = step.row
    parts = [screen.time(row["occurred_at"])]
    if step.since_us is not None:
        # The wall clock may have been set meanwhile.
        parts.append(("-" if step.since_us < 0 else "+") + duration(abs(step.since_us)))
    parts.append(_what(row))
    if row["outcome"] is not None:
        parts.append(screen.outcome(visible(str(row["outcome"])), row["outcome"]))
    if row["latency_us"] is not None:
        parts.append(f"after {duration(row['latency_us'])}")
    return "  ".join(parts)


def _chain(found: Sequence["Finding"], screen: Screen) -> Iterator[str]:
    if not found:
        yield "  chain: holds, as do the links to its neighbours"
    for item in found:
        yield screen.style(f"  chain: {item.fault}: {visible(item.message)}", "red")


def _raw(step: Step) -> Iterator[str]:
    for title, text in step.raw:
        lines = text.split("\n")
        if len(lines) == 1:
            yield f"  {visible(title)}: {visible(text)}"
            continue
        yield f"  {visible(title)}:"
        yield from (f"    {visible(line)}" for line in lines if line)
