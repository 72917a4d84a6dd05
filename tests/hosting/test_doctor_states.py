"""The word in front of every line of the doctor's, over the states that things can be in."""

import os
import re
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mexc_plugin import config
from mexc_plugin.audit import chain, events
from mexc_plugin.cli import program as command_line
from mexc_plugin.cli.commands.hosting import _line
from mexc_plugin.cli.output.terminal import Screen
from mexc_plugin.hosting import checks, clocks, starting
from mexc_plugin.hosting.checks import Finding
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.schema import migrate, tables
from mexc_plugin.store.write.spool import spool_folder
from mexc_plugin.store.write.spool.spool_file import Spool

from .conftest import start

# What `ok` may never stand before.
WRONG = re.compile(r"\bnot\b|\bno\b|cannot|lost|own class|waits? for|missing|kept aside|others may")
# Nobody may make a file there, root included.
CLOSED = Path("/proc/mexc-plugin")

State = Callable[["Place"], Iterable[Finding]]


class Place:
    """A folder with a database of the test's own, made when it is asked for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, monkeypatch
        self.path = folder / "audit.db"
        self.url = f"sqlite:///{self.path}"

    def made(self) -> "Place":
        engine = engines.create(self.url)
        migrate.upgrade(engine)
        engine.dispose()
        return self

    def execute(self, *statements: str) -> "Place":
        connection = sqlite3.connect(self.path)
        with connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
        return self

    def database(self, url: str = "") -> Iterable[Finding]:
        return checks.database(url or self.url, "given")

    def spooled(self, owner: int | None = None, suffix: str = "") -> Iterable[Finding]:
        writer_id = str(uuid.uuid4())
        spool = Spool(self.url, writer_id)
        spool.append(
            [events.seal({"kind": "start", "occurred_ns": 1}, writer_id, 1, chain.GENESIS)]
        )
        spool.close()
        assert spool.path is not None
        if owner is not None:
            os.chown(spool.path, owner, owner)
        if suffix:
            spool.path.rename(spool.path.with_suffix(suffix))
        return checks.spool(self.url)

    def bare_python(self, ccxt: str | None = None) -> str:
        start(sys.executable, "-m", "venv", "--without-pip", str(self.folder / "bare"))
        if ccxt is not None:
            (packages,) = (self.folder / "bare" / "lib").glob("python*/site-packages")
            (packages / "ccxt.py").write_text(ccxt)
        return str(self.folder / "bare" / "bin" / "python")

    def adapter(self, *command: str) -> Iterable[Finding]:
        return checks.adapter(command, os.environ)

    def locked(self) -> Iterator[Finding]:
        self.patch.setattr(checks, "PATIENCE_MS", 100)
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        yield from self.database()
        connection.close()

    def clock(self, **given: Callable[[], int]) -> Iterator[Finding]:
        with Sandbox(**given).serve() as sandbox:
            yield from checks.clock(sandbox.url)

    def slow_clock(self) -> Iterable[Finding]:
        self.patch.setattr(clocks, "offset_ms", lambda _url: (5.0, 2_000.0))
        return checks.clock("http://127.0.0.1:9")


def outdated(place: Place) -> Iterable[Finding]:
    place.made().execute(f"UPDATE {tables.VERSION_TABLE} SET version_num = '0001'")
    return place.database()


STATES: dict[str, tuple[State, list[tuple[str, str]]]] = {
    "no command": (
        lambda p: p.adapter(),
        [("ok", "versions: "), ("note", "ccxt's own, which is not audited: ccxt.mexc, ")],
    ),
    "no command, below run": (
        lambda p: checks.adapter([], starting.with_adapter(os.environ)),
        [("ok", "versions: "), *[("ok", ".mexc is the audited class, ")] * 3],
    ),
    "a Python": (
        lambda p: p.adapter(sys.executable, "bot.py"),
        [("ok", "versions: "), *[("ok", ".mexc is the audited class, ")] * 3],
    ),
    "a Python that shuts the adapter out": (
        lambda p: p.adapter("nice", sys.executable, "-I", "bot.py"),
        [("attention", " -I does not let the adapter in; use --in-process: nice ")],
    ),
    "a launcher that clears the environment": (
        lambda p: p.adapter("env", "-i", "./start.sh"),
        [("attention", "env -i keeps PYTHONPATH and")],
    ),
    "a container": (
        lambda p: p.adapter("docker", "run", "image"),
        [("attention", "docker starts the bot where this environment does not arrive")],
    ),
    "a shell script": (
        lambda p: p.adapter("sh", "start.sh"),
        [("attention", "sh: it cannot be seen which Python this starts")],
    ),
    "a Python without ccxt": (
        lambda p: p.adapter(p.bare_python()),
        [("ok", "versions: python "), ("attention", "ccxt is not installed for ")],
    ),
    "a Python with ccxt and without the adapter": (
        lambda p: p.adapter(p.bare_python("class mexc: pass")),
        [("attention", "the adapter cannot be installed")],
    ),
    "settings that can be meant": (
        lambda p: checks.settings({"MEXC_PLUGIN_ON_FAILURE": "refuse"}, p.url, None),
        [],
    ),
    "a healthy database": (
        lambda p: p.made().database(),
        [
            ("ok", "database: "),
            ("ok", "guards: the triggers stand"),
            ("ok", "file mode: 0600, for its owner only"),
        ],
    ),
    "a database that is not there yet": (
        lambda p: p.database(),
        [("note", "which is not there yet, so that nothing is on record")],
    ),
    "a database that cannot be made": (
        lambda p: p.database(f"sqlite:///{CLOSED}.db"),
        [("attention", "is not to be seen, and its folder cannot be written")],
    ),
    "a folder that is not there": (
        lambda p: p.database(f"sqlite:///{p.folder}/no/audit.db"),
        [("attention", "does not exist; make it")],
    ),
    "other people's tables": (
        lambda p: p.execute("CREATE TABLE theirs (x)").database(),
        [("attention", "other tables")],
    ),
    "an old schema": (outdated, [("attention", "older than this program")]),
    "no database at all": (
        lambda p: (p.path.write_bytes(b"words" * 1000), p.database())[1],
        [("attention", "not a SQLite database")],
    ),
    "a locked database": (lambda p: p.made().locked(), [("attention", "locked")]),
    "a server out of reach": (
        lambda p: p.database("postgresql://me@127.0.0.1:9/audit"),
        [("attention", "cannot be reached")],
    ),
    "a trigger that is gone": (
        lambda p: p.made().execute("DROP TRIGGER cancel_audit_no_update").database(),
        [("ok", "database: "), ("attention", "guards: "), ("ok", "file mode: ")],
    ),
    "a file that others may read": (
        lambda p: (p.made().path.chmod(0o644), p.database())[1],
        [("ok", "database: "), ("ok", "guards: "), ("attention", "has mode 0644")],
    ),
    "an empty spool": (
        lambda p: checks.spool(p.url),
        [("ok", "spool: nothing waits; ")],
    ),
    "events that wait": (
        lambda p: p.spooled(),
        [("attention", "spool: 1 event(s) in 1 file(s) in ")],
    ),
    "events that another user's bot left": (
        lambda p: p.spooled(owner=54321),
        [("attention", "cannot be read (not a regular file of this user)")],
    ),
    "lines that could not be replayed": (
        lambda p: p.spooled(suffix=spool_folder.TORN),
        [("note", ".torn was kept aside: not all of it is in"), ("ok", "spool: nothing waits")],
    ),
    "events whose places were taken": (
        lambda p: p.spooled(suffix=spool_folder.CONFLICT),
        [("note", ".conflict was kept aside"), ("ok", "spool: nothing waits")],
    ),
    "a spool that cannot be written": (
        lambda p: checks.spool(p.url, CLOSED / "spool"),
        [("attention", f"spool: {CLOSED}/spool cannot be written ")],
    ),
    "a clock that is right": (lambda p: p.clock(), [("ok", "clock: ")]),
    "a clock that is ahead": (
        lambda p: p.clock(clock=lambda: 1_000),
        [("attention", "let NTP set the clock")],
    ),
    "a venue that answers too slowly to tell": (
        lambda p: p.slow_clock(),
        [("note", "its answers take too long to tell")],
    ),
    "a venue out of reach": (
        lambda p: checks.clock("http://127.0.0.1:9"),
        [("attention", "clock: not compared")],
    ),
} | {
    f"nonsense in {variable}": (
        lambda p, variable=variable: checks.settings({variable: "x" * 65}, p.url, None),
        [("attention", f"settings: {variable} must be" if key != "key" else "settings: the key ")],
    )
    for key, variable in config.VARIABLES.items()
    if key not in ("url", "spool")  # those are chosen, and refused, before anything is looked at
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


@pytest.mark.parametrize("state", STATES)
def test_the_word_in_front_of_each_line_is_true(state: str, place: Place) -> None:
    if "another user" in state and os.geteuid() != 0:
        pytest.skip("giving a file away takes root")
    found, expected = STATES[state]
    lines = [_line(finding, Screen()) for finding in found(place)]
    words = [(line.split()[0], line[11:]) for line in lines]
    assert [word for word, _ in words] == [word for word, _ in expected]
    for (_, text), (_, fragment) in zip(words, expected, strict=True):
        assert fragment in text
    assert [text for word, text in words if word == "ok" and WRONG.search(text)] == []


def test_notes_alone_are_no_alarm_and_one_alarm_is(tmp_path: Path) -> None:
    def doctor(url: str, base_url: str) -> tuple[int, set[str]]:
        given = ["doctor", "--database-url", url, "--base-url", base_url]
        result = CliRunner().invoke(command_line, given)
        return result.exit_code, {line.split()[0] for line in result.output.splitlines()}

    with Sandbox().serve() as sandbox:
        url = f"sqlite:///{tmp_path}/new.db"
        assert doctor(url, sandbox.url) == (0, {"ok", "note"})
    assert doctor(url, "http://127.0.0.1:9") == (3, {"ok", "note", "attention"})
