"""`audit verify`: is the record whole?"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mexc_plugin.cli import options
from mexc_plugin.cli.display import count as _count
from mexc_plugin.cli.options import Chosen
from mexc_plugin.cli.problems import Exit
from mexc_plugin.cli.progress import Line, line
from mexc_plugin.cli.servers import say_unchecked
from mexc_plugin.cli.terminal import emit, say
from mexc_plugin.review.text import encode, visible

if TYPE_CHECKING:
    from mexc_plugin.store.queries import Row
    from mexc_plugin.store.verify import Finding, Verifier

PROGRESS_EVERY = 1_000


@click.command(short_help="Check that the record is whole; exit 3 if not.")
@options.output("table", "json", piped="table")
@options.spool
@options.database
def verify(database: Chosen, form: str) -> None:
    """Check that the record is whole: sequences, hashes, columns, guards, and the history of it.

    Exit 3 when something is broken, with a line for each finding.
    """
    from mexc_plugin.store import queries
    from mexc_plugin.store import verify as verifying

    verifier = verifying.Verifier()
    with (
        queries.reading(database.url) as connection,
        queries.reading(database.url) as second,
        closing(verifying.chained(connection)) as rows,
        line("verifying") as shown,
    ):
        orders = verifying.OrderRows(second)
        # Worth the time only for who sees it.
        total = verifying.count_events(second) if shown else 0
        findings = _Counted(
            itertools.chain(
                verifying.check_guards(second),
                verifying.verify(_told(rows, shown, total), verifier, orders),
                verifying.check_history(second),
            ),
            shown,
        )
        emit((_findings_json if form == "json" else _findings_text)(findings, verifier))
    _say_what_waits(database)
    say_unchecked(database.url)
    if findings.count:
        raise click.exceptions.Exit(Exit.ATTENTION)


class _Counted:
    """Findings, counted as they pass; the line of progress makes room for them."""

    def __init__(self, findings: Iterable["Finding"], shown: Line | None = None) -> None:
        self._findings = findings
        self._shown = shown
        self.count = 0

    def __iter__(self) -> Iterator["Finding"]:
        for finding in self._findings:
            self.count += 1
            if self._shown:
                self._shown.clear()
            yield finding
        if self._shown:
            self._shown.clear()


def _say_what_waits(database: Chosen) -> None:
    from mexc_plugin.store import spool_folder

    waiting = spool_folder.files(database.url, database.spool)
    if waiting:
        files = _count(len(waiting), "spool file waits", "spool files wait")
        say(f"{files}, whose events are gaps here until: mexc-plugin audit recover")


def _told(rows: Iterable["Row"], shown: Line | None, total: int) -> Iterator["Row"]:
    """The same rows; on a terminal, stderr says how far it is."""
    for number, row in enumerate(rows, 1):
        if shown and number % PROGRESS_EVERY == 0:
            shown.tell(number, number / max(total, 1))
        yield row


def _findings_text(findings: _Counted, verifier: "Verifier") -> Iterator[str]:
    for finding in findings:
        seq = "" if finding.seq is None else f" seq {finding.seq}"
        where = f"writer {finding.writer_id}{seq}: " if finding.writer_id else ""
        yield visible(f"{finding.fault}: {where}{finding.message}")
    result = _count(findings.count, "finding", "findings") if findings.count else "whole"
    events = _count(verifier.events, "event", "events")
    yield f"{events} of {_count(verifier.writers, 'writer', 'writers')}: {result}"


def _findings_json(findings: _Counted, verifier: "Verifier") -> Iterator[str]:
    from mexc_plugin.cli.render import array

    yield '{"findings":'
    yield from array(map(asdict, findings))
    totals = {
        "events": verifier.events,
        "writers": verifier.writers,
        "whole": findings.count == 0,
    }
    yield ", " + encode(totals)[1:]
