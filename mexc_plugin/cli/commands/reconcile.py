"""`audit reconcile` and `audit recover`: make the record as complete as it can be."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from mexc_plugin.cli.exit_codes import Alarm, Exit, Problem
from mexc_plugin.cli.options import common, exchange_options
from mexc_plugin.cli.options.completing import complete_cancels
from mexc_plugin.cli.options.display import count
from mexc_plugin.cli.options.filter_options import storable
from mexc_plugin.cli.options.naming import find_one
from mexc_plugin.cli.output.terminal import emit, say
from mexc_plugin.review.text import encode, visible


@click.command(short_help="Ask the venue about cancels whose outcome is unknown.")
@click.option("--dry-run", is_flag=True, help="Only say which would be asked about.")
@click.option(
    "--cancel-id",
    metavar="ID",
    callback=storable,
    shell_complete=complete_cancels,
    help="Only this cancel; as much of its id as names only one will do.",
)
@exchange_options.base_url
@common.output("table", "json", "jsonl")
@common.database
def reconcile(
    dry_run: bool, cancel_id: str | None, base_url: str | None, form: str, database: common.Chosen
) -> None:
    """Ask the venue about every cancel of the account whose outcome is unknown or pending.

    The key is read from MEXC_API_KEY and MEXC_API_SECRET; it needs the permission to read orders.
    What the venue says is appended as a reconciliation event, nothing is changed. Exit 3: some are
    still unknown.
    """
    from ccxt.base.errors import BaseError

    from mexc_plugin.audit.redaction import Redactor
    from mexc_plugin.exchange.sync import mexc
    from mexc_plugin.store.read import queries
    from mexc_plugin.store.write import recorders

    # What is wrong with the database or the id is said before the venue is asked anything.
    with queries.reading(database.url) as connection:
        if cancel_id is not None:
            cancel_id = find_one(connection, cancel_id)
    settings = {
        **exchange_options.credentials(),
        **exchange_options.urls(base_url),
        "options": {"audit": {"url": database.url}},
    }
    redact = Redactor((settings["apiKey"], settings["secret"])).text
    exchange: Any = mexc(settings)
    try:
        results = exchange.reconcile_cancels(
            dry_run=dry_run, cancel_id=cancel_id, on_progress=_progress
        )
    except BaseError as error:
        raise Problem(exchange_options.words(error, redact)) from None
    finally:
        recorders.close_all()
    emit(_FORMATS[form](results))
    unknown = sum(result["outcome"] is None for result in results)
    say(f"{len(results) - unknown} resolved, {unknown} still unknown" if results else _NOTHING)
    _say_whose_are_left(database.url, settings["apiKey"], cancel_id)
    if unknown:
        raise click.exceptions.Exit(Exit.ATTENTION)


@click.command(short_help="Bring events from spool files into the database.")
@common.spool
@common.database
def recover(database: common.Chosen) -> None:
    """Bring events that wait in spool files into the database, as a bot does when it starts.

    Files of bots that still run are left to them; where another one is left, or another row is in the place of an event,
    it says so and ends with 3. Running it twice is harmless.
    """
    from mexc_plugin.store.connect.engine import BUSY_TIMEOUT_MS
    from mexc_plugin.store.connect.error_messages import explaining
    from mexc_plugin.store.write.open_database import Database
    from mexc_plugin.store.write.spool import spool_folder, spool_replay

    waiting = spool_folder.files(database.url, database.spool)
    if not waiting:
        say("no events wait in a spool")
        _say_whose_others_are(database.spool)
        return
    store = Database(database.url, BUSY_TIMEOUT_MS)
    conflicts = 0
    try:
        with explaining(database.url):
            store.open()
            for path, stored, torn in spool_replay.replay(
                database.url, store, folder=database.spool
            ):
                kept = (
                    f"; {torn} torn lines kept in {path.with_suffix('.torn').name}" if torn else ""
                )
                say(f"{path.name}: {stored} events stored{kept}")
                conflicts += path.with_suffix(spool_folder.CONFLICT).exists()
    finally:
        store.close()
    left = spool_folder.files(database.url, database.spool)
    abandoned = sum(map(spool_replay.is_abandoned, left))
    if running := len(left) - abandoned:
        say(f"{count(running, 'spool file is', 'spool files are')} left to bots that still run")
    if abandoned:
        others = count(abandoned, "spool file is", "spool files are")
        raise Alarm(f"{others} left; a line above says why")
    if conflicts:
        of = count(conflicts, "spool file", "spool files")
        raise Alarm(
            f"events of {of} are kept aside, as a line above says: they are not in the record"
        )


def _say_whose_others_are(folder: Path | None) -> None:
    """Say that a folder that was named holds spools, but not of this database."""
    others = len(list(folder.glob("*.spool"))) if folder else 0
    if others:
        say(
            f"{folder} holds {others} spool file(s) of other databases, or of this one by another "
            "path or URL: name the database as the bot does"
        )


def _say_whose_are_left(url: str, api_key: str, cancel_id: str | None) -> None:
    """Say how many unresolved cancels this key can say nothing of, and whose they are."""
    from mexc_plugin.audit.redaction import account_fingerprint
    from mexc_plugin.store.read.unresolved import count_of_others

    others = count_of_others(url, account_fingerprint(api_key) or "", cancel_id)
    if not others:
        return
    whose = ", ".join(f"{number:,} of {account or 'no account'}" for account, number in others)
    left = count(sum(number for _, number in others), "attempt is", "attempts are")
    say(f"{left} left unresolved of other API keys: {visible(whose)}; run it with their keys, too")


_NOTHING = "nothing to reconcile: no cancel of this account is unknown or pending"


def _progress(done: int, total: int, _newest: dict[str, Any]) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {total} …", err=True, nl=done == total)


def _as_lines(results: list[dict[str, Any]]) -> list[str]:
    return [
        visible(
            f"{result['cancel_id']}  {result['symbol'] or '-'}  "
            f"{result['order_id'] or result['client_order_id'] or '-'}  "
            f"{result['was']} -> {result['outcome'] or result['was']}"
            + (f"  ({result['reason']})" if result["reason"] else "")
        )
        for result in results
    ]


_FORMATS: dict[str, Callable[[list[dict[str, Any]]], Iterable[str]]] = {
    "table": _as_lines,
    "json": lambda results: ["[" + ",\n ".join(map(encode, results)) + "]"],
    "jsonl": lambda results: map(encode, results),
}
