"""`audit ship`: the events of this machine's record, copied to a central one."""

import time
from typing import TYPE_CHECKING

import click

from mexc_plugin.cli.exit_codes import Exit, Misuse
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import count
from mexc_plugin.cli.output.terminal import emit, say
from mexc_plugin.review.text import encode, visible

if TYPE_CHECKING:
    from mexc_plugin.shipping.shipper import Shipper

EVERY_S = 0.5
RETRY_S = 5.0
# How often it is said how far it is.
SAYING_S = 60.0
# A look that finds nothing takes no more than this share of the time.
BUSY = 0.1


@click.command()
@click.option(
    "--to",
    "target",
    metavar="URL|FILE",
    envvar=common.TARGET_VARIABLE,
    required=True,
    help="The central database. A password in it is seen in the list of processes: "
    f"better in ${common.TARGET_VARIABLE}.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is recorded from now on.")
@click.option("--status", is_flag=True, help="Copy nothing; print how far the target is behind.")
@common.output("table", "json", piped="table")
@common.database
def ship(database: common.Chosen, target: str, follow: bool, status: bool, form: str) -> None:
    """Copy events that the database --to lacks, each once, by writer and sequence.

    What does not follow from the event before it is not copied, nor anything behind it of its writer: exit 3.
    With -f it goes on until it is ended, waits for a database that is out of reach, and may be killed
    at any time: its place is what the target holds.
    """
    target = _other_than(database.url, target)
    if status:
        _print_status(database.url, target, form)
        return
    from mexc_plugin.shipping.shipper import Shipper

    shipper = Shipper(database.url, target)
    try:
        copied = _follow(shipper) if follow else _copy_all(shipper)
    finally:
        shipper.close()
    told = {"copied": copied, "refused": len(shipper.refused)}
    emit([encode(told) if form == "json" else f"{count(copied, 'event', 'events')} copied"])
    if shipper.refused:
        raise click.exceptions.Exit(Exit.ATTENTION)


def _other_than(source: str, target: str) -> str:
    """The target's URL. Raises Misuse where it is the source, ConfigError where it cannot be used."""
    from mexc_plugin.config import database_url
    from mexc_plugin.store.connect import engine

    if not target.strip():
        raise Misuse("--to is empty; name the central database")
    url = database_url(target)
    engine.validate(url)
    if _place(url) == _place(source):
        raise Misuse("--to names the database that the events come from; name the central one")
    return url


def _place(url: str) -> str:
    from mexc_plugin.store.connect import engine

    path = engine.sqlite_path(url)
    return str(path.resolve()) if path else engine.describe(url)


def _copy_all(shipper: "Shipper") -> int:
    teller = _Teller(shipper)
    copied = 0
    while more := shipper.look():
        copied += more
    teller.tell_refused()
    return copied


def _follow(shipper: "Shipper") -> int:
    """Copy until the process is ended. Raises what no waiting mends."""
    from mexc_plugin.errors import StoreError, StoreForeign, StoreOutdated, StoreTooNew

    teller = _Teller(shipper)
    while True:
        began = time.monotonic()
        try:
            copied = shipper.look()
        except (StoreForeign, StoreOutdated, StoreTooNew):
            raise
        except StoreError as error:
            teller.report_loss(error)
            time.sleep(RETRY_S)
            continue
        teller.report_progress(copied)
        if not copied:
            took = time.monotonic() - began
            time.sleep(max(EVERY_S, took / BUSY))


class _Teller:
    """Says on stderr what a person or a log is to know, and not more often than that."""

    def __init__(self, shipper: "Shipper") -> None:
        self._shipper = shipper
        self._said: set[str] = set()
        self._why = ""
        self._copied = 0
        self._due = 0.0

    def report_loss(self, error: Exception) -> None:
        """A database is out of reach; the same reason is said once."""
        why = visible(str(error))
        if why != self._why:
            say(f"{why}; trying again every {RETRY_S:g} s")
        self._why = why

    def report_progress(self, copied: int) -> None:
        """A look went through, and copied so many."""
        if self._why:
            say("both databases are back")
            self._why, self._due = "", 0.0
        self.tell_refused()
        self._copied += copied
        now = time.monotonic()
        if self._copied and now >= self._due:
            behind = max(0, self._shipper.behind - copied)
            say(f"{count(self._copied, 'event', 'events')} copied; lag: {behind:,}")
            self._copied, self._due = 0, now + SAYING_S

    def tell_refused(self) -> None:
        """What is not copied, each once."""
        for writer_id, reason in self._shipper.refused.items():
            if writer_id not in self._said:
                self._said.add(writer_id)
                say(
                    f"not copied, nor what is behind it: {visible(reason)}; "
                    "look on this machine with: mexc-plugin audit verify"
                )


def _print_status(source: str, target: str, form: str) -> None:
    from mexc_plugin.shipping.lag import measure_lag

    lag = measure_lag(source, target)
    if form == "json":
        emit([encode({"events": lag.events, "seconds": lag.seconds, "writers": lag.writers})])
        return
    since = f", the oldest {lag.seconds:.1f} s old" if lag.events else ""
    behind = f"{count(lag.events, 'event', 'events')} of {count(lag.writers, 'writer', 'writers')}"
    emit([f"behind: {behind}{since}"])
