"""`audit verify`: is the record whole, and can what it says be?"""

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mexc_plugin.cli.database.servers import reading, say_unchecked
from mexc_plugin.cli.errors import Exit, Misuse, Problem
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.common import Chosen
from mexc_plugin.cli.options.display import count as _count
from mexc_plugin.cli.output.progress import progress
from mexc_plugin.cli.output.terminal import emit, say
from mexc_plugin.review.text import encode, visible

if TYPE_CHECKING:
    from mexc_plugin.evidence.checkpoint_checks import Witnesses
    from mexc_plugin.evidence.verifying import Plan
    from mexc_plugin.store.verify.findings import Finding


@click.command(short_help="Check that the record is whole; exit 3 if not.")
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
    database: Chosen,
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
    """
    from mexc_plugin.evidence import verifying

    if quick and writer_keys:
        raise Misuse("--quick looks at no key; leave it out, or --writer-key")
    witnesses = _read_witnesses(checkpoints, public_keys, writer_keys)
    with reading(database.url):
        pass
    plan = verifying.make_plan(database.url, since)
    with progress("verifying") as tell:
        found = verifying.verify(
            database.url,
            plan,
            _adding(tell, plan.events),
            quick=quick,
            jobs=jobs,
            witnesses=witnesses,
        )
        findings = _Counted(found)
        looked = [*(["--quick"] if quick else []), *(["--since"] if since else [])]
        text = functools.partial(_findings_text, looked=" and ".join(looked))
        emit((_findings_json if form == "json" else text)(findings, plan))
    _say_what_is_covered(witnesses)
    _say_what_waits(database)
    say_unchecked(database.url)
    if findings.broken or (strict and findings.doubtful):
        raise click.exceptions.Exit(Exit.ATTENTION)


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


class _Counted:
    """Findings, counted by degree as they pass."""

    def __init__(self, findings: Iterable["Finding"]) -> None:
        self._findings = findings
        self._counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator["Finding"]:
        for finding in self._findings:
            self._counts[finding.degree.value] += 1
            yield finding

    @property
    def broken(self) -> int:
        """How many were of that degree."""
        return self._counts["broken"]

    @property
    def doubtful(self) -> int:
        """How many were of that degree."""
        return self._counts["doubtful"]

    @property
    def noted(self) -> int:
        """How many were of that degree."""
        return self._counts["noted"]


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
        number = _count(len(witnesses.notes), "checkpoint", "checkpoints")
        say(
            f"compared with {number} from elsewhere, the newest of {timestamp_text(newest)[:19]} UTC"
        )


def _say_what_waits(database: Chosen) -> None:
    from mexc_plugin.store.write import spool_folder

    waiting = spool_folder.files(database.url, database.spool)
    if waiting:
        files = _count(len(waiting), "spool file waits", "spool files wait")
        say(f"{files}, whose events are gaps here until: mexc-plugin audit recover")


def _findings_text(findings: _Counted, plan: "Plan", looked: str) -> Iterator[str]:
    from mexc_plugin.evidence.words import advice, meaning

    explained = set()
    for finding in findings:
        yield visible(f"{finding.degree}: {finding.fault}: {_where(finding)}{finding.message}")
        if finding.fault not in explained:
            explained.add(finding.fault)
            yield f"  It can mean: {meaning(finding.fault)}."
            yield f"  What to do: {advice(finding.fault)}."
    events = _count(plan.events, "event", "events")
    yield f"{events} of {_count(plan.writers, 'writer', 'writers')}: {_result(findings)}" + (
        f", as far as {looked} looks" if looked else ""
    )


def _where(finding: "Finding") -> str:
    from mexc_plugin.audit.events import timestamp_text

    parts = []
    if finding.writer_id:
        seq = "" if finding.seq is None else f" seq {finding.seq}"
        parts.append(f"writer {finding.writer_id}{seq}")
    if finding.cancel_id:
        parts.append(f"cancel {finding.cancel_id}")
    if finding.occurred_ns is not None and abs(finding.occurred_ns) < 2**62:
        parts.append(f"{timestamp_text(finding.occurred_ns)[:19]} UTC")
    return ", ".join(parts) + ": " if parts else ""


def _result(findings: _Counted) -> str:
    counts = [
        f"{number} {name}"
        for name, number in (("broken", findings.broken), ("doubtful", findings.doubtful))
        if number
    ]
    noted = [f"{findings.noted} noted"] if findings.noted else []
    return ", ".join([*([] if findings.broken else ["whole"]), *counts, *noted])


def _findings_json(findings: _Counted, plan: "Plan") -> Iterator[str]:
    from mexc_plugin.cli.output.formats import array

    yield '{"findings":'
    yield from array(map(_as_dict, findings))
    totals = {
        "events": plan.events,
        "writers": plan.writers,
        "broken": findings.broken,
        "doubtful": findings.doubtful,
        "noted": findings.noted,
        "whole": findings.broken == 0,
    }
    yield ", " + encode(totals)[1:]


def _as_dict(finding: "Finding") -> dict[str, object]:
    from dataclasses import asdict

    from mexc_plugin.evidence.words import advice, meaning

    return asdict(finding) | {"means": meaning(finding.fault), "advice": advice(finding.fault)}
