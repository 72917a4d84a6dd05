"""What `doctor` looks at. Each check yields findings; none of them changes what is on record."""

import contextlib
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mexc_plugin import distributions
from mexc_plugin.errors import MexcPluginError
from mexc_plugin.hosting import commands, probe, starting

CLOCK_TOLERANCE_MS = 500
# How long a lock on the database may last before it is one.
PATIENCE_MS = 1_000
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's. needs_attention: somebody has to do what it says."""

    text: str
    needs_attention: bool = False


def adapter(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Versions, and which classes ccxt has: in this Python, or in the command's below `run`."""
    interpreter = commands.Interpreter(sys.executable)
    if command:
        found = commands.interpreter_of(command, environ.get("PATH"))
        if found is None:
            yield Finding(
                f"{command[0]}: it cannot be seen which Python this starts, if any; "
                "name the Python or the script itself",
                needs_attention=True,
            )
            return
        interpreter, environ = found, starting.environment(environ)
    report = probe.ask(interpreter, environ)
    # First, for it may be why the rest fails.
    yield from _owners(report.owners, interpreter.path)
    if Path(interpreter.path).parent != Path(sys.executable).parent:
        yield from _owners(distributions.owners("ccxt"), sys.executable)
    if report.error:
        yield Finding(f"{interpreter.path}: {report.error}", needs_attention=True)
        return
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    yield Finding(f"versions: {versions} ({interpreter.path})")
    yield from _classes(report, interpreter, below_run=bool(command))


def _owners(owners: Mapping[str, str], python: str) -> Iterator[Finding]:
    if len(owners) > 1:
        yield Finding(
            f"{' and '.join(owners)} own the package ccxt of {python}: the last one installed has "
            "overwritten the others' files; make the environment anew with the one that the bot asks "
            "for, and install mexc-plugin with: pip install --no-deps mexc-plugin",
            needs_attention=True,
        )


def _classes(
    report: probe.Report, interpreter: commands.Interpreter, *, below_run: bool
) -> Iterator[Finding]:
    if not report.classes:
        yield Finding(f"ccxt is not installed for {interpreter.path}", needs_attention=True)
    for name, found in report.classes.items():
        if probe.is_ours(found):
            yield Finding(f"{name}.mexc is the audited class, {found}")
        elif not below_run:
            yield Finding(
                f"{name}.mexc is ccxt's own class, {found}; the audited one is for bots that "
                "import mexc_plugin, or are started with: mexc-plugin run -- COMMAND"
            )
        else:
            flags = " ".join(interpreter.isolated_by)
            why = f": {flags} does not let the adapter in; use run --in-process" if flags else ""
            yield Finding(
                f"{name}.mexc is ccxt's own class, {found}, also below run{why}",
                needs_attention=True,
            )


def database(url: str, chosen_by: str) -> Iterator[Finding]:
    """Which database it is, whether it is ours and can be written, and whether its guards stand."""
    from mexc_plugin.store import engine, explain

    name = explain.name_of(url)
    path = engine.sqlite_path(url)
    if path is not None and not path.exists():
        yield from _absent(url, name, chosen_by)
        return
    try:
        missing, doubts = _missing_guards_and_doubts(url)
    except MexcPluginError as error:
        yield Finding(f"database: {error} ({chosen_by})", needs_attention=True)
        return
    yield Finding(f"database: {name}, which can be written ({chosen_by})")
    for message in missing:
        yield Finding(
            f"guards: {message}; make it again as the migrations do, then: mexc-plugin audit verify",
            needs_attention=True,
        )
    if not missing:
        yield Finding("guards: the triggers stand")
    for message in doubts:
        yield Finding(f"server: {message}", needs_attention=True)
    if path is not None:
        yield from _modes(str(path))


def _missing_guards_and_doubts(url: str) -> tuple[list[str], list[str]]:
    """Open the database and try to write nothing. Raises MexcPluginError where that fails."""
    import sqlalchemy as sa

    from mexc_plugin.store import durability, partitions, queries, schema, verify
    from mexc_plugin.store import engine as engines
    from mexc_plugin.store.explain import explained

    with queries.reading(url) as connection:
        missing = [finding.message for finding in verify.check_guards(connection)]
        doubts = durability.doubts(connection)
        if shortage := partitions.shortage(connection):
            doubts.append(shortage)
    # Only now, when it is known to be ours: opening for writing sets SQLite's journal mode.
    engine = engines.create(url, timeout_ms=PATIENCE_MS)
    table = schema.cancel_audit
    no_rows = sa.select(table).where(sa.false())
    try:
        with explained(url), engine.connect() as connection, connection.begin() as transaction:
            connection.execute(sa.insert(table).from_select(list(table.c.keys()), no_rows))
            transaction.rollback()
    finally:
        engine.dispose()
    return missing, doubts


def _absent(url: str, name: str, chosen_by: str) -> Iterator[Finding]:
    from mexc_plugin.store import engine

    try:
        engine.validate(url)
    except MexcPluginError as error:
        yield Finding(f"database: {error} ({chosen_by})", needs_attention=True)
        return
    yield Finding(f"database: {name}, which is not there yet: the first exchange makes it")


def _modes(path: str) -> Iterator[Finding]:
    import os

    exposed = []
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(os.stat(name).st_mode)  # noqa: PTH116 - text in, text out
            if mode & OTHERS:
                exposed.append(f"{name} has mode {mode:04o}")
    if exposed:
        yield Finding(
            f"file mode: {', '.join(exposed)}; others may read it: run chmod 600 on it",
            needs_attention=True,
        )
    else:
        yield Finding("file mode: 0600, for its owner only")


def spool(url: str) -> Iterator[Finding]:
    """Events that wait beside the database because it was out of reach."""
    from mexc_plugin.store import spool as spools

    waiting = spools.files(url)
    if not waiting:
        yield Finding("spool: nothing waits")
        return
    events = sum(len(spools.read(path).events) for path in waiting)
    yield Finding(
        f"spool: {events} event(s) in {len(waiting)} file(s) in {waiting[0].parent} wait for the "
        "database; the next exchange stores them, or: mexc-plugin audit recover",
        needs_attention=True,
    )


def clock(base_url: str) -> Iterator[Finding]:
    """How far this machine's clock is from the venue's."""
    from mexc_plugin.hosting import clocks

    try:
        offset, uncertainty = clocks.offset_ms(base_url)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        yield Finding(
            f"clock: not compared, {base_url} cannot be reached: {reason}", needs_attention=True
        )
        return
    side = "ahead of" if offset > 0 else "behind"
    text = f"clock: {abs(offset):.0f} ms {side} {base_url} (± {uncertainty:.0f} ms)"
    if abs(offset) - uncertainty > CLOCK_TOLERANCE_MS:
        yield Finding(
            f"{text}; the venue refuses what is 1 s ahead: let NTP set the clock",
            needs_attention=True,
        )
    else:
        yield Finding(text)
