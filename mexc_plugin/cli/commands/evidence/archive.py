"""`audit archive`: take old events out of the record, into a file that verifies."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mexc_plugin.audit import naive_utc
from mexc_plugin.cli.exit_codes import Alarm, Misuse
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import count
from mexc_plugin.cli.output.progress import progress
from mexc_plugin.cli.output.terminal import emit, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from mexc_plugin.evidence.archiving.archiving import Leaving

KEPT_YEARS = 5
_SHOWN = 5


@click.command(short_help="Take old events out of the record, into a file that verifies.")
@click.option(
    "--before", required=True, type=common.Moment(), help="What happened before that time leaves."
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FOLDER",
    help="The folder for the bundle and its note.",
)
@click.option(
    "--key",
    required=True,
    metavar="FILE",
    help="The private key that signs what left: `audit keygen`.",
)
@click.option(
    "--yes",
    is_flag=True,
    help="Also what is younger than five years, or whose outcome nobody knows.",
)
@click.option("--parquet", is_flag=True, help="Write the events as Parquet beside the bundle, too.")
@common.spool
@common.database
def archive(
    database: common.Chosen, before: datetime, output: str, key: str, yes: bool, parquet: bool
) -> None:
    """Take what happened before a time out of the record, as the tables' owner.

    It is verified, written to a bundle, read back from there, and only then removed, in one
    transaction with a signed note of what left. Of each writer a beginning leaves; no cancel is
    divided. A run that is ended is run again. On SQLite, bots spool while events are removed.
    """
    from mexc_plugin.evidence import key_files
    from mexc_plugin.evidence.archiving import archiving

    beside = _beside(parquet=parquet)
    private = key_files.read_private(Path(key))
    folder = _folder(output)
    _require_settled(database)
    if archiving.put_notes(database.url, folder):
        say("an archive before was ended when all was done but its note, which is there now")
    wanted = archiving.look(database.url, before)
    if not wanted.events:
        say("nothing leaves: no writer begins with whole cancels that are so old")
        return
    _require_consent(before, wanted, yes=yes)
    with progress("archiving") as show:

        def tell(_what: str, share: float) -> None:
            show(int(wanted.events * share), share)

        broken = next(archiving.find_broken(database.url, wanted, tell), None)
        if broken is not None:
            raise Alarm(
                f"the record is not whole, and nothing was removed: {broken.message}; "
                "look with: mexc-plugin audit verify"
            )
        done = archiving.archive(database.url, wanted, folder, private, tell, beside)
    emit([str(done.bundle)])
    events, writers = (
        count(done.events, "event", "events"),
        count(done.writers, "writer", "writers"),
    )
    say(f"{events} of {writers} left; what left is signed by {private.name}")
    if done.partitions:
        say(f"partitions that left whole: {', '.join(done.partitions)}")


def _beside(*, parquet: bool) -> "Callable[[Path], object]":
    """What else is made of the bundle. Raises Misuse where that cannot be."""
    if not parquet:
        return lambda _: None
    from mexc_plugin.cli.exporting import archived_events, encoders

    encoders.require_pyarrow()
    return archived_events.write_parquet


def _folder(name: str) -> Path:
    if "\0" in name:
        raise Misuse("the folder's name holds a NUL")
    folder = Path(name)
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise Misuse(f"{folder} is no folder that can be written; make it first")
    return folder


def _require_settled(database: common.Chosen) -> None:
    from mexc_plugin.store.write.spool import spool_folder

    if spool_folder.files(database.url, database.spool):
        raise Alarm(
            "events wait in spool files, and may be old; first run: mexc-plugin audit recover"
        )


def _require_consent(before: datetime, wanted: "Leaving", *, yes: bool) -> None:
    if yes:
        return
    now = naive_utc.now()
    if before > now - timedelta(days=365.25 * KEPT_YEARS):
        raise Misuse(
            f"{wanted.events:,} events would leave, and some may be younger than {KEPT_YEARS} years, "
            "for which records of trading are to be kept; if that is meant, add --yes"
        )
    if wanted.unresolved:
        some = ", ".join(wanted.unresolved[:_SHOWN])
        raise Alarm(
            f"the outcome of {count(len(wanted.unresolved), 'cancel', 'cancels')} among them is unknown ({some}); "
            "ask the venue with: mexc-plugin audit reconcile; if they are to leave all the same, add --yes"
        )
