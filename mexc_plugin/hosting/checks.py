"""What `doctor` looks at. Each check yields findings; none of them changes what is on record.

A finding that is neither fine nor somebody's to mend is a note: `ok` never stands before it.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mexc_plugin import config, distributions
from mexc_plugin.errors import ConfigError, MexcPluginError, StoreError
from mexc_plugin.hosting import launched_programs, probe, starting, why_not
from mexc_plugin.store.write import writer_keys

if TYPE_CHECKING:
    from mexc_plugin.store.verify.guard_trials import Trials

CLOCK_TOLERANCE_MS = 500
# How long a lock on the database may last before it is one.
PATIENCE_MS = 1_000
LOST = "events are lost whenever the database is out of reach"
AUDITED = "the audited is for bots that import mexc_plugin, or run by: mexc-plugin run -- COMMAND"
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's. needs_attention: somebody has to do what it says.

    is_note: it may be as it should be; only who reads it knows.
    """

    text: str
    needs_attention: bool = False
    is_note: bool = False


def alarm(text: str) -> Finding:
    """A finding that needs attention."""
    return Finding(text, needs_attention=True)


def settings(environ: Mapping[str, str], url: str, named: Path | None) -> Iterator[Finding]:
    """Only what would keep an exchange from being constructed: a variable that cannot be meant, a key that cannot be read.

    url, named: the database and the spool folder that were chosen, each a finding of its own.
    """
    try:
        writer_keys.load(config.resolve({"url": url, "spool": named}, environ).key)
    except ConfigError as error:
        yield alarm(f"settings: {error}")


def adapter(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Versions, and which classes ccxt has: in this Python, or in the command's below `run`."""
    interpreter = launched_programs.Interpreter(sys.executable)
    if command:
        environ = starting.with_adapter(environ)
        if refusal := why_not.find(command, environ):
            yield alarm(refusal)
            return
        found = launched_programs.interpreter_of(command, environ.get("PATH"))
        if found is None:
            yield alarm(
                f"{command[0]}: it cannot be seen which Python this starts, if any; "
                "name the Python or the script itself"
            )
            return
        interpreter = found
    report = probe.ask(interpreter, environ)
    # First, for it may be why the rest fails.
    yield from _owners(report.owners, interpreter.path)
    if Path(interpreter.path).parent != Path(sys.executable).parent:
        yield from _owners(distributions.owners("ccxt"), sys.executable)
    if report.error:
        yield alarm(f"{interpreter.path}: {report.error}")
        return
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    yield Finding(f"versions: {versions} ({interpreter.path})")
    yield from _classes(report, interpreter, below_run=bool(command))


def _owners(owners: Mapping[str, str], python: str) -> Iterator[Finding]:
    if len(owners) > 1:
        yield alarm(
            f"{' and '.join(owners)} own the package ccxt of {python}: the last one installed has "
            "overwritten the others' files; make the environment anew with the one that the bot asks "
            f"for, and install mexc-plugin with: pip install --no-deps {distributions.source()}"
        )


def _classes(
    report: probe.Report, interpreter: launched_programs.Interpreter, *, below_run: bool
) -> Iterator[Finding]:
    if not report.classes:
        yield alarm(f"ccxt is not installed for {interpreter.path}")
    own = [f"{name}.mexc" for name, found in report.classes.items() if not probe.is_ours(found)]
    for name, found in report.classes.items():
        if probe.is_ours(found):
            yield Finding(f"{name}.mexc is the audited class, {found}")
    if own:
        where = "also below run" if below_run else AUDITED
        text = f"ccxt's own, which is not audited: {', '.join(own)}; {where}"
        yield Finding(text, needs_attention=below_run, is_note=not below_run)


def database(url: str, chosen_by: str) -> Iterator[Finding]:
    """Which database it is, whether it is ours and can be written, and whether its guards stand."""
    from mexc_plugin.store.connect import engine, error_messages

    name = error_messages.name_of(url)
    path = engine.sqlite_path(url)
    # Not Path.exists, which raises where a folder is closed to this user.
    if path is not None and not os.path.exists(path):  # noqa: PTH110
        yield from _absent(url, name, chosen_by)
        return
    from mexc_plugin.store.schema import restoring
    from mexc_plugin.store.verify import guard_trials

    try:
        missing, unseen, doubts = _missing_unseen_and_doubts(url)
    except MexcPluginError as error:
        yield alarm(f"database: {error} ({chosen_by})")
        return
    yield Finding(f"database: {name}, which can be written ({chosen_by})")
    for message in missing:
        yield alarm(
            f"guards: {message}; restore it with: {restoring.COMMAND}, then: mexc-plugin audit verify"
        )
    if unseen:
        yield Finding(
            f"guards: not compared, for want of the right SHOW VIEW: {', '.join(unseen)}",
            is_note=True,
        )
    if not missing:
        yield from _try_guards(guard_trials.try_guards(url))
    for message in doubts:
        yield alarm(f"server: {message}")
    if path is not None:
        yield from _modes(str(path))


def _missing_unseen_and_doubts(url: str) -> tuple[list[str], Sequence[str], list[str]]:
    """What is wrong with the guards, the views not compared, what may lose events on the server.

    Opens the database and tries to write nothing. Raises MexcPluginError where that fails.
    """
    from mexc_plugin.store.connect import durability
    from mexc_plugin.store.read import queries
    from mexc_plugin.store.schema import partitions, views
    from mexc_plugin.store.verify import record
    from mexc_plugin.store.write import open_database

    with queries.reading(url) as connection:
        missing = [finding.message for finding in record.check_guards(connection)]
        unseen = views.find_unchecked(connection)
        doubts = durability.doubts_where_bots_write(url, connection)
        if shortage := partitions.shortage(connection):
            doubts.append(shortage)
    # Only now, when it is known to be ours: opening for writing sets SQLite's journal mode.
    try:
        open_database.try_to_insert(url, PATIENCE_MS)
    except MexcPluginError as error:
        raise StoreError(f"nothing can be recorded: {error}") from None
    return missing, unseen, doubts


def _try_guards(trials: "Trials") -> Iterator[Finding]:
    for fault in trials.faults:
        yield alarm(f"guards: {fault}")
    if not trials.faults:
        refused = ", ".join(sorted(trials.refused))
        tried = f", and refused what was tried: {refused}" if refused else ""
        yield Finding(f"guards: the triggers stand{tried}")
    for reason in trials.untried:
        yield Finding(f"guards: not tried: {reason}", is_note=True)


def _absent(url: str, name: str, chosen_by: str) -> Iterator[Finding]:
    from mexc_plugin.store.connect import engine
    from mexc_plugin.store.write.spool import spool_folder

    path = engine.sqlite_path(url)
    try:
        engine.validate(url)
        if path is not None:
            spool_folder.try_to_write(path.parent, make=False)
    except MexcPluginError as error:
        yield alarm(f"database: {error} ({chosen_by})")
    except OSError as error:
        yield alarm(
            f"database: {name} is not to be seen, and its folder cannot be written ({error.strerror}); "
            f"correct the folder's owner or mode, or name another database ({chosen_by})"
        )
    else:
        yield Finding(
            f"database: {name}, which is not there yet, so that nothing is on record; the first "
            f"exchange makes it ({chosen_by})",
            is_note=True,
        )


def _modes(path: str) -> Iterator[Finding]:
    exposed, modes = [], []
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(os.stat(name).st_mode)  # noqa: PTH116 - text in, text out
            modes.append(f"{mode:04o}")
            if mode & OTHERS:
                exposed.append(f"{name} has mode {mode:04o}")
    if exposed:
        yield alarm(f"file mode: {', '.join(exposed)}; others may read it: run chmod 600 on it")
    else:
        yield Finding(f"file mode: {' and '.join(sorted({*modes}))}, for its owner only")


def spool(url: str, named: Path | None = None) -> Iterator[Finding]:
    """Events that wait outside of the database, and whether others could.

    named: the folder that the settings name for them. Looked at is also the usual one.
    """
    from mexc_plugin.store.write.spool import spool_folder

    waiting = spool_folder.files(url, named)
    yield from _waiting(waiting)
    for path in spool_folder.set_aside(url, named):
        yield Finding(
            f"spool: {path} was kept aside: not all of it is in the database; "
            "look with: mexc-plugin audit verify",
            is_note=True,
        )
    try:
        folder, _ = spool_folder.place(url, named)
        spool_folder.try_to_write(folder, make=False)
    except ConfigError as error:
        yield alarm(f"spool: {error}; {LOST}")
    except OSError as error:
        yield alarm(
            f"spool: {folder} cannot be written ({error.strerror}); {LOST}; "
            f"name another folder with {config.SPOOL_VARIABLE}"
        )
    else:
        if not waiting:
            yield Finding(f"spool: nothing waits; {folder} can be written")


def _waiting(files: Sequence[Path]) -> Iterator[Finding]:
    from mexc_plugin.store.write.spool import spool_replay

    events, readable = 0, []
    for path in files:
        try:
            events += len(spool_replay.read(path).events)
            readable.append(path)
        except OSError as error:
            yield alarm(
                f"spool: {path} cannot be read ({error.strerror}); look as the user whose bot wrote it"
            )
    if readable:
        folders = " and ".join(sorted({str(path.parent) for path in readable}))
        yield alarm(
            f"spool: {events} event(s) in {len(readable)} file(s) in {folders} wait for the "
            "database; the next exchange stores them, or: mexc-plugin audit recover"
        )


def clock(base_url: str) -> Iterator[Finding]:
    """How far this machine's clock is from the venue's."""
    from mexc_plugin.hosting import clocks

    try:
        offset, uncertainty = clocks.offset_ms(base_url)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        yield alarm(f"clock: not compared, {base_url} cannot be reached: {reason}")
        return
    side = "ahead of" if offset > 0 else "behind"
    text = f"clock: {abs(offset):.0f} ms {side} {base_url} (± {uncertainty:.0f} ms)"
    if abs(offset) - uncertainty > CLOCK_TOLERANCE_MS:
        yield alarm(f"{text}; the venue refuses what is 1 s ahead: let NTP set the clock")
    elif uncertainty > CLOCK_TOLERANCE_MS:
        yield Finding(f"{text}; its answers take too long to tell", is_note=True)
    else:
        yield Finding(text)
