"""`audit verify`: is the record whole, and can what it says be?"""

import functools
import itertools
import os
import stat
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from mexc_plugin.cli.database.servers import reading, say_unchecked, say_what_waits
from mexc_plugin.cli.exit_codes import Exit, Misuse, Problem
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import count
from mexc_plugin.cli.output.progress import progress
from mexc_plugin.cli.output.terminal import emit, say
from mexc_plugin.cli.output.verify_findings import Counted, Show, as_json, as_text

if TYPE_CHECKING:
    from mexc_plugin.evidence.checkpoint_checks import Witnesses

_SQLITE = b"SQLite format 3\0"


@click.command(short_help="Check that the record is whole; exit 3 if not.")
@click.argument("file", required=False)
@click.option(
    "--quick", is_flag=True, help="Only sequences, hashes and guards: no column, no meaning."
)
@click.option(
    "--since", type=common.Moment(), help="Only events from that time on, of each writer."
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, help="So many processes, by writer.")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="FILE|FOLDER",
    help="A checkpoint that is kept elsewhere, or a folder of them (*.txt): the record is compared with it. "
    "May be given several times.",
)
@click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    metavar="KEY|FILE",
    help="The key that signs the checkpoints, as `audit keygen` prints it, or a file with it. "
    "May be given several times.",
)
@click.option(
    "--writer-key",
    "writer_keys",
    multiple=True,
    metavar="KEY|FILE",
    help="The public key of a bot that may record: what is of no such key is broken. May be given several times.",
)
@click.option("--strict", is_flag=True, help="Exit 3 for what is doubtful, too.")
@common.output("table", "json", piped="table")
@common.spool
@common.database
def verify(
    file: str | None,
    database: common.Chosen,
    form: str,
    quick: bool,
    since: datetime | None,
    jobs: int,
    checkpoints: tuple[str, ...],
    public_keys: tuple[str, ...],
    writer_keys: tuple[str, ...],
    strict: bool,
) -> None:
    """Check that the record is whole: sequences, hashes, columns, guards, and what the events mean.

    Every outcome is judged again by the stored answer. A line for each finding: broken, doubtful or
    noted. Exit 3 when something is broken. With a checkpoint from elsewhere it also finds what
    whoever owns the database changed or removed of what was there then.

    FILE is a bundle (`audit export --bundle`) or a proof (`audit prove`), which needs no database.
    """
    if file is not None and (since is not None or jobs != 1 or database.by == "option"):
        raise Misuse(f"{file} is looked at as it is; leave --db, --since and --jobs out")
    if quick and writer_keys:
        raise Misuse("--quick looks at no key; leave it out, or --writer-key")
    witnesses = _read_witnesses(checkpoints, public_keys, writer_keys)
    looked = [*(["--quick"] if quick else []), *(["--since"] if since else [])]
    text = functools.partial(as_text, looked=" and ".join(looked))
    show = as_json if form == "json" else text
    if file is not None:
        findings = _verify_file(file, witnesses, show, quick=quick)
    else:
        findings = _verify_database(database.url, witnesses, show, since, quick=quick, jobs=jobs)
    _say_what_is_covered(witnesses)
    if file is None:
        say_what_waits(database, "are gaps here")
        say_unchecked(database.url)
    if findings.degrees["broken"] or (strict and findings.degrees["doubtful"]):
        raise click.exceptions.Exit(Exit.ATTENTION)


def _verify_database(
    url: str,
    witnesses: "Witnesses",
    show: Show,
    since: datetime | None,
    *,
    quick: bool,
    jobs: int,
) -> Counted:
    from mexc_plugin.evidence import verifying

    with reading(url):
        pass
    plan = verifying.make_plan(url, since)
    with progress("verifying") as tell:
        told = _adding(tell, plan.events)
        found = verifying.verify(url, plan, told, quick=quick, jobs=jobs, witnesses=witnesses)
        findings = Counted(found)
        emit(show(findings, plan))
    return findings


def _verify_file(file: str, witnesses: "Witnesses", show: Show, *, quick: bool) -> Counted:
    from mexc_plugin.evidence.offline.bundle_verifying import BundleCheck
    from mexc_plugin.evidence.offline.proof_verifying import ProofCheck

    with _open_file(file) as raw, progress("verifying") as tell:
        check = (
            BundleCheck(raw, witnesses, tell, quick=quick)
            if zipfile.is_zipfile(raw)
            else ProofCheck(raw, witnesses)
        )
        findings = Counted(check.findings())
        emit(show(findings, check))
    return findings


def _open_file(name: str) -> BinaryIO:
    """A regular file. Raises Misuse, OSError: what is none may keep us waiting for ever."""
    if "\0" in name:
        raise Misuse("the file's name holds a NUL")
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Misuse(f"{name} is no regular file; name a bundle or a proof")
    file = os.fdopen(fd, "rb")
    if file.read(len(_SQLITE)) == _SQLITE:
        file.close()
        raise Misuse(f"{name} is a database; name it with --db")
    return file


def _read_witnesses(
    checkpoints: Sequence[str], public_keys: Sequence[str], writer_keys: Sequence[str]
) -> "Witnesses":
    """Raises Misuse, ConfigError for a key, Problem for a checkpoint that is none of these keys."""
    from mexc_plugin.errors import EvidenceError
    from mexc_plugin.evidence import checkpoint_checks, key_files, signed_notes

    if checkpoints and not public_keys:
        raise Misuse("a checkpoint proves nothing without the key; name it with --public-key")
    keys = tuple(map(key_files.read_public, public_keys))
    notes = []
    for path in itertools.chain.from_iterable(map(_files, checkpoints)):
        with path.open("rb") as file:
            content = file.read(signed_notes.MAX_BYTES + 1)
        try:
            notes.append(checkpoint_checks.read_note(content, keys))
        except EvidenceError as error:
            raise Problem(f"{path} is no checkpoint to go by: {error}") from None
    writers = tuple(map(key_files.read_public, writer_keys))
    return checkpoint_checks.Witnesses(keys, tuple(notes), writers)


def _files(given: str) -> list[Path]:
    if "\0" in given:
        raise Misuse("the checkpoint's name holds a NUL")
    path = Path(given)
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.txt"))
    if not found:
        raise Misuse(f"the folder {path} holds no checkpoint: no file whose name ends with .txt")
    return found


def _adding(tell: Callable[[int, float], None], events: int) -> Callable[[int], None]:
    done = 0

    def add(more: int) -> None:
        nonlocal done
        done += more
        tell(done, min(1.0, done / max(1, events)))

    return add


def _say_what_is_covered(witnesses: "Witnesses") -> None:
    from mexc_plugin.audit.events import timestamp_text

    if witnesses.notes:
        newest = max(each.statement.taken_ns for each in witnesses.notes)
        number = count(len(witnesses.notes), "checkpoint", "checkpoints")
        say(
            f"compared with {number} from elsewhere, the newest of {timestamp_text(newest)[:19]} UTC"
        )
