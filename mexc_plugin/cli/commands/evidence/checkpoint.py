"""`audit checkpoint`: how far the record is, signed, for whoever keeps it elsewhere."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mexc_plugin.cli.exit_codes import Exit, Misuse, Problem
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import count
from mexc_plugin.cli.output.terminal import say
from mexc_plugin.review.text import visible

if TYPE_CHECKING:
    from mexc_plugin.evidence.checkpointing import Taken

STDOUT = "-"
READABLE = 0o644  # by everybody: it holds no secret


@click.command(short_help="Sign how far the record is, and keep that elsewhere.")
@click.option(
    "--key", required=True, metavar="FILE", help="The private key, as `audit keygen` makes it."
)
@click.option(
    "--to",
    "places",
    required=True,
    multiple=True,
    metavar="FILE|FOLDER|-",
    help="Where to keep it besides the database: a new file, a folder, in which it gets a name by its "
    "time, or - for stdout. May be given several times.",
)
@common.database
def checkpoint(key: str, places: tuple[str, ...], database: common.Chosen) -> None:
    """State every writer's last event and hash, sign that, and keep it where it is named.

    Whoever has a checkpoint sees with `audit verify --checkpoint` what was changed or removed of
    all that was on record before. Exit 3: the record is not as far as the checkpoint before says.
    """
    from mexc_plugin.evidence import checkpointing, key_files

    private = key_files.read_private(Path(key))
    for place in places:
        _require_place(place)
    taken = checkpointing.take(database.url, private)
    failed = [words for place in places for words in _keep(place, taken)]
    writers = count(len(taken.statement.writers), "writer", "writers")
    events = count(taken.statement.events, "event", "events")
    say(f"{events} of {writers}, signed by {private.name}; {_name(taken)}")
    _say_what_is_odd(taken)
    if failed:
        raise Problem(f"the checkpoint is in the database, but {'; '.join(failed)}")
    if taken.shorter:
        raise click.exceptions.Exit(Exit.ATTENTION)


def _say_what_is_odd(taken: "Taken") -> None:
    if taken.shorter:
        writers = count(taken.shorter, "writer lacks events", "writers lack events")
        say(f"{writers} that the checkpoint before states; look with: mexc-plugin audit verify")
    if taken.odd:
        writers = count(taken.odd, "writer is", "writers are")
        say(f"{writers} not of this program and not stated; look with: mexc-plugin audit verify")
    if not taken.is_trusted:
        say("the checkpoint before was signed with another key: what it states is not repeated")


def _require_place(place: str) -> None:
    """Raise Misuse for a place that cannot be meant, before anything is signed."""
    if place == STDOUT:
        return
    path = Path(place)
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink() or not path.parent.is_dir():
            raise Misuse(f"{path} cannot be made: its folder is not there") from None
        return
    except ValueError:
        raise Misuse("the file's name holds a NUL") from None
    if not stat.S_ISDIR(found.st_mode):
        raise Misuse(
            f"{path} is there already, and no checkpoint is overwritten; name a folder to keep several"
        )


def _keep(place: str, taken: "Taken") -> Iterator[str]:
    """Keep it at a place. Gives what went wrong there: that stops no other place."""
    if place == STDOUT:
        click.echo(taken.note, nl=False)  # as bytes: a signature is not written in another encoding
        return
    from mexc_plugin.posix import write_new

    path = Path(place)
    try:
        path = path / _name(taken) if path.is_dir() else path
        write_new(path, taken.note, READABLE)
    except OSError as error:
        yield visible(f"{path} could not be written ({error.strerror})")


def _name(taken: "Taken") -> str:
    """By its time, so that names sort; and by what it is, so that there is no second."""
    from mexc_plugin.audit.events import timestamp_text
    from mexc_plugin.evidence.signed_notes import digest

    time = timestamp_text(taken.statement.taken_ns)[:19].replace(" ", "T").replace(":", "")
    return f"{time}Z-{digest(taken.note)[:16]}.txt"
