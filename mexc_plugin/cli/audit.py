"""`audit`: list, show and verify what is on record."""

import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.audit.outcomes import FAILED, UNRESOLVED, Outcome
from mexc_plugin.cli import options
from mexc_plugin.cli.groups import DefaultGroup
from mexc_plugin.cli.options import Chosen
from mexc_plugin.cli.problems import Exit, Problem
from mexc_plugin.cli.reconcile import reconcile, recover
from mexc_plugin.cli.terminal import Screen, emit, say, visible

if TYPE_CHECKING:
    from mexc_plugin.store.queries import Filters, Row
    from mexc_plugin.store.verify import Finding, Verifier

OUTCOME_GROUPS = {"failed": FAILED, "unresolved": UNRESOLVED}
MOST_ROWS = 1_000_000_000
MOST_MATCHES = 5
PROGRESS_EVERY = 20_000


@click.group(cls=DefaultGroup, default="list")
def audit() -> None:
    """Look at the cancels on record.

    Without a command it is `list`, whose options may stand here too: `mexc-plugin audit --limit 3`.
    """


@audit.command("list")
@click.option("--since", type=options.Moment(), help="Only what was asked from then on.")
@click.option("--until", type=options.Moment(), help="Only what was asked before then.")
@click.option("--symbol", "symbols", multiple=True, help="As LTC/BTC or LTCBTC.")
@click.option("--order-id", "order_ids", multiple=True, help="The venue's id of the order.")
@click.option("--client-order-id", "client_order_ids", multiple=True, help="Your id of the order.")
@click.option("--account", "accounts", multiple=True, help="Fingerprint of the API key.")
@click.option("--bot", "bots", multiple=True, help="Label of the bot.")
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    type=click.Choice([*(outcome.value for outcome in Outcome), *OUTCOME_GROUPS]),
    help="The final outcome, or a group of them.",
)
@click.option(
    "--limit", type=click.IntRange(1, MOST_ROWS), default=50, show_default=True, help="Most rows."
)
@click.option("--exit-code", is_flag=True, help="Exit 3 when a listed cancel is unresolved.")
@options.output()
@options.database
def list_(
    database: Chosen,
    form: str,
    limit: int,
    exit_code: bool,
    **given: Any,  # noqa: ANN401 - filters
) -> None:
    """List cancels, newest first.

    A filter that is given several times matches any of its values; different filters must all match.
    Times are 90s, 15m, 1h, 2d or 1w (ago), a date or ISO time (UTC where it names no zone), or now.
    """
    from mexc_plugin.cli.render import RENDERERS
    from mexc_plugin.store import queries, schema

    filters = _filters(**given)
    tally = _Tally()
    with (
        queries.reading(database.url) as connection,
        closing(queries.history(connection, filters, limit)) as rows,
    ):
        emit(RENDERERS[form](tally.counted(rows), schema.HISTORY_COLUMNS, Screen.detect()))
    if form == "table":
        _say_how_many(tally.rows, limit)
    if exit_code and tally.unresolved:
        say(f"{_count(tally.unresolved, 'cancel is', 'cancels are')} unresolved")
        raise click.exceptions.Exit(Exit.ATTENTION)


@audit.command()
@click.argument("cancel_id")
@options.output("table", "json", "jsonl")
@options.database
def show(cancel_id: str, database: Chosen, form: str) -> None:
    """Show every event of one cancel, oldest first.

    CANCEL_ID is an id from `audit list`, or as much of its beginning as names only one; an order's
    id or client order id does too, where it was cancelled once.
    """
    from mexc_plugin.cli.show import RENDERERS
    from mexc_plugin.store import queries

    with queries.reading(database.url) as connection:
        most = MOST_MATCHES + 1
        found = queries.cancel_ids(connection, cancel_id, most) or queries.cancels_of_order(
            connection, cancel_id, most
        )
        if len(found) != 1:
            raise Problem(_not_one(cancel_id, found))
        with closing(queries.events(connection, found[0])) as rows:
            emit(RENDERERS[form](rows, Screen.detect()))


@audit.command(short_help="Check that the record is whole; exit 3 if not.")
@options.output("table", "json", piped="table")
@options.database
def verify(database: Chosen, form: str) -> None:
    """Check that the record is whole: sequences, hashes, columns and guards.

    Exit 3 when something is broken, with a line for each finding.
    """
    from mexc_plugin.store import queries
    from mexc_plugin.store import verify as verifying

    verifier = verifying.Verifier()
    with (
        queries.reading(database.url) as connection,
        queries.reading(database.url) as second,
        closing(verifying.chained(connection)) as rows,
    ):
        orders = verifying.OrderRows(second)
        findings = _Counted(
            itertools.chain(
                verifying.check_guards(second),
                verifying.verify(_progress(rows), verifier, orders),
            )
        )
        emit((_findings_json if form == "json" else _findings_text)(findings, verifier))
    _say_what_waits(database.url)
    if findings.count:
        raise click.exceptions.Exit(Exit.ATTENTION)


audit.add_command(reconcile)
audit.add_command(recover)


class _Counted:
    """Findings, counted as they pass."""

    def __init__(self, findings: Iterable["Finding"]) -> None:
        self._findings = findings
        self.count = 0

    def __iter__(self) -> Iterator["Finding"]:
        for finding in self._findings:
            self.count += 1
            yield finding


class _Tally:
    """Counts rows, and those of them that are unresolved, as they pass."""

    def __init__(self) -> None:
        self.rows = 0
        self.unresolved = 0

    def counted(self, rows: Iterable["Row"]) -> Iterator["Row"]:
        for row in rows:
            self.rows += 1
            self.unresolved += row["final_outcome"] in UNRESOLVED
            yield row


def _filters(
    since: datetime | None,
    until: datetime | None,
    symbols: tuple[str, ...],
    outcomes: tuple[str, ...],
    **others: Any,  # noqa: ANN401
) -> "Filters":
    from mexc_plugin.store.queries import Filters

    if since is not None and until is not None and until < since:
        raise click.UsageError("--until is before --since: nothing can match")
    wanted = {str(name) for given in outcomes for name in OUTCOME_GROUPS.get(given, {given})}
    return Filters(
        since=since,
        until=until,
        symbols=tuple({form: None for given in symbols for form in (given, given.upper())}),
        outcomes=tuple(sorted(wanted)),
        **others,
    )


def _say_how_many(rows: int, limit: int) -> None:
    if not rows:
        say("no cancel on record matches")
    elif rows == limit:
        say(f"the newest {rows}; for more: --limit")


def _not_one(cancel_id: str, found: list[str]) -> str:
    if not found:
        return f"no cancel {cancel_id!r} is on record; find ids with: mexc-plugin audit list"
    more = ", …" if len(found) > MOST_MATCHES else ""
    return f"{cancel_id!r} stands for several cancels: {', '.join(found[:MOST_MATCHES])}{more}"


def _say_what_waits(url: str) -> None:
    from mexc_plugin.store import spool

    waiting = spool.files(url)
    if waiting:
        files = _count(len(waiting), "spool file waits", "spool files wait")
        say(f"{files}, whose events are gaps here until: mexc-plugin audit recover")


def _progress(rows: Iterable["Row"]) -> Iterator["Row"]:
    """The same rows; on a terminal, stderr says how far it is."""
    shown = sys.stderr.isatty()
    for number, row in enumerate(rows, 1):
        if shown and number % PROGRESS_EVERY == 0:
            click.echo(f"\r{number:,} events …", err=True, nl=False)
        yield row
    if shown:
        click.echo("\r\x1b[K", err=True, nl=False)


def _findings_text(findings: _Counted, verifier: "Verifier") -> Iterator[str]:
    for finding in findings:
        seq = "" if finding.seq is None else f" seq {finding.seq}"
        where = f"writer {finding.writer_id}{seq}: " if finding.writer_id else ""
        yield visible(f"{finding.fault}: {where}{finding.message}")
    result = _count(findings.count, "finding", "findings") if findings.count else "whole"
    events = _count(verifier.events, "event", "events")
    yield f"{events} of {_count(verifier.writers, 'writer', 'writers')}: {result}"


def _findings_json(findings: _Counted, verifier: "Verifier") -> Iterator[str]:
    from mexc_plugin.cli.render import array, encode

    yield '{"findings":'
    yield from array(map(asdict, findings))
    totals = {
        "events": verifier.events,
        "writers": verifier.writers,
        "whole": findings.count == 0,
    }
    yield ", " + encode(totals)[1:]


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
