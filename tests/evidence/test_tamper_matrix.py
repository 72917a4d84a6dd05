"""The tamper matrix: all that is done to a record, by whom, and what shows it, on each database.

What is done to one writer is done to a writer of its own, many in one record: making one takes longer than all else.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.audit.events import Event
from mexc_plugin.evidence import checkpointing, verifying
from mexc_plugin.evidence.checkpoint_checks import Witnesses, read_note
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.verify.findings import Degree, Fault, Finding
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.spool import spool_folder, spool_replay
from tests.command_line import invoke
from tests.conftest import BACKENDS, Audit
from tests.store.audits import ServerAudit
from tests.store.schema.test_roles import Account
from tests.store.servers import Servers

from . import bundles
from .matrix import chains, keyed, page, spools, statements, whole
from .matrix.rows import INSERT, By, Row
from .owner import unguarded
from .records import honest, sealed, store

KEY, OTHER = whole.KEY, keyed.OTHER
SERIOUS = (Degree.BROKEN, Degree.DOUBTFUL)
CHECKPOINTED = (By.CHECKPOINT, By.PUBLIC_KEY, By.NOTHING)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bot_url(audit: Audit, backend: str, servers: Servers) -> Iterator[str]:
    """The database as the bot's role has it; SQLite has no roles."""
    if not isinstance(audit, ServerAudit):
        yield audit.url
        return
    account = Account(servers.of(backend), audit, "bot", lambda *words: invoke(list(words)))
    yield account.url
    account.drop()


@dataclass
class Case:
    """A row, the chain that it is about, and what of it is in whose name."""

    row: Row
    before: list[Event]
    writers: set[str] = field(default_factory=set)
    cancels: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.know(self.before)

    def know(self, events: list[Event]) -> None:
        self.writers |= {event.writer_id for event in events}
        found = (json.loads(event.payload).get("cancel_id") for event in events)
        self.cancels += [name for name in dict.fromkeys(found) if name and name not in self.cancels]

    def of(self, findings: list[Finding]) -> list[Finding]:
        """What is found of it."""
        return [f for f in findings if f.writer_id in self.writers or f.cancel_id in self.cancels]

    def is_found(self, findings: list[Finding]) -> bool:
        row = self.row
        return any(
            (each.fault, each.degree, each.seq) == (row.fault, row.degree, row.seq)
            and row.words in each.message
            for each in self.of(findings)
        )

    def serious(self, findings: list[Finding], *faults: Fault) -> list[Finding]:
        return [f for f in self.of(findings) if f.degree in SERIOUS and f.fault not in faults]


def verify(url: str, *kept: bytes, keys: Any = (), **how: Any) -> list[Finding]:
    public = (KEY.public,) if kept else ()
    witnesses = Witnesses(public, tuple(read_note(note, public) for note in kept), keys)
    return list(verifying.verify(url, verifying.make_plan(url), witnesses=witnesses, **how))


def insert(url: str, events: list[Event]) -> None:
    database = Database(url, 5_000)
    with contextlib.closing(database):
        database.insert(events)


def unfounded(cases: list[Case], findings: list[Finding], *by: By) -> list[str]:
    return [
        f"{case.row.does}: {[(f.fault.value, f.degree.value, f.seq, f.message) for f in case.of(findings)]}"
        for case in cases
        if case.row.by in by and not case.is_found(findings)
    ]


def test_what_is_done_to_the_events_of_a_writer_is_found_where_it_is(
    audit: Audit, backend: str, bot_url: str
) -> None:
    rehashed = [Case(row, sealed(honest()[: row.before])) for row in chains.ROWS]
    changed = [Case(row, sealed(honest())) for row in statements.ROWS]
    tied = [Case(row, keyed.keyed(honest()[: row.before])) for row in keyed.ROWS]
    untouched = Case(Row("nothing", "events", "nobody", list), sealed(honest()))
    every = [*rehashed, *changed, *tied]
    store(audit.url, untouched.before, *(case.before for case in every))
    note = checkpointing.take(audit.url, KEY).note
    assert [f for f in verify(audit.url, note) if f.degree in SERIOUS] == []

    owned: list[list[Event]] = []
    written: list[list[Event]] = []
    for case in rehashed:
        drafts = honest()
        first, *others = case.row.how(drafts)
        writer_id = case.before[0].writer_id
        there, forged = sealed(first, writer_id), list(map(sealed, others))
        for each in (there, *forged):
            case.know(each)
        if case.row.needs == INSERT:  # no event of the bot is another
            assert first[: case.row.before] == drafts[: case.row.before]
            owned.append(there[: case.row.before])
            written += [there[case.row.before :], *forged]
        else:
            owned += [there, *forged]
    for case in tied:
        written.append(case.row.how(case.before))
        case.know(written[-1])

    with unguarded(audit, backend):
        audit.execute(*(f"DELETE FROM {table}" for table in whole.TABLES))
    kept = [untouched.before, *(case.before for case in [*changed, *tied])]
    store(audit.url, *kept, *filter(None, owned))
    for events in filter(None, written):
        insert(bot_url, events)
    bundle = bundles.exported(audit.url)
    with unguarded(audit, backend):
        for case in changed:
            audit.execute(*case.row.how(case.before[0].writer_id, case.cancels))

    alone = verify(audit.url)
    assert unfounded(every, alone, By.VERIFY) == []
    for case in every:
        if case.row.by is not By.VERIFY:
            assert case.serious(alone) == [], case.row.does
        elif case.row.degree is not Degree.BROKEN:
            broken = [f for f in case.of(alone) if f.degree is Degree.BROKEN]
            assert broken == [], case.row.does
    assert untouched.of(alone) == []
    witnessed = verify(audit.url, note, keys=(keyed.KEY.public,), jobs=2)
    assert unfounded(every, witnessed, By.VERIFY, By.CHECKPOINT, By.WRITER_KEY) == []
    quick = verify(audit.url, note, quick=True)
    assert unfounded(every, quick, By.CHECKPOINT) == []

    # Whoever is given the events in a file finds the same in it, in the same words.
    of_events = rehashed + tied
    found = bundles.findings(bundle, KEY)
    assert [f.fault for f in found if f not in alone] == [Fault.NOTE]  # nothing in it is signed
    assert {f for case in of_events for f in case.of(alone)} <= set(found)


def test_a_bot_s_role_can_do_nothing_of_what_the_owner_does(
    audit: Audit, backend: str, bot_url: str
) -> None:
    chain = sealed(honest())
    store(audit.url, chain)
    cancels = list(Case(chains.ROWS[0], chain).cancels)
    rows = [row for row in statements.ROWS if row.needs != INSERT]
    done = [each for row in rows for each in row.how(chain[0].writer_id, cancels)]
    done += [f"DELETE FROM {table}" for table in whole.TABLES] + [*whole.GUARDS[backend]]
    if bot_url == audit.url:  # whoever has a SQLite file owns it: only the guards are in the way
        done = [each for each in done if "cancel_audit " in each and not each.startswith("DROP")]
    before = [audit.query(f"SELECT * FROM {table}") for table in whole.TABLES]
    allowed = []
    for statement in done:
        with contextlib.suppress(Exception):
            if _as_bot(bot_url, statement):
                allowed.append(statement)
    assert allowed == []
    assert before == [audit.query(f"SELECT * FROM {table}") for table in whole.TABLES]


def _as_bot(url: str, statement: str) -> bool:
    """Whether it did anything. Raises where it is refused."""
    engine = engines.create(url)
    try:
        with engine.begin() as connection:
            return connection.exec_driver_sql(statement).rowcount != 0
    finally:
        engine.dispose()


def test_what_is_done_to_the_record_as_a_whole_is_found(audit: Audit, backend: str) -> None:
    store(audit.url)
    world = whole.World(audit, backend)
    world.begin()
    assert [f for f in verify(audit.url, *world.notes) if f.degree in SERIOUS] == []
    for row in whole.ROWS:
        world.begin()
        kept = [world.notes[number] for number in row.how(world)]
        alone = found = verify(audit.url)
        if row.by in CHECKPOINTED:
            found = verify(audit.url, *kept)
        said = [(f.fault, f.degree, f.seq) for f in found if row.words in f.message]
        if row.by is By.NOTHING:
            assert [f for f in found if f.degree in SERIOUS] == [], row.does
        else:
            assert (row.fault, row.degree, row.seq) in said, f"{row.does}: {found}"
        if row.by is not By.VERIFY:
            assert [f for f in alone if f.degree in SERIOUS] == [], row.does
        if row.to == "guards" and row.fault:
            _restore(audit)


def _restore(audit: Audit) -> None:
    result = invoke(["db", "check", "--restore", "--db", audit.url])
    assert result.exit_code == 0, result.output


def test_what_is_done_to_a_spool_is_found_when_it_was_replayed(
    audit: Audit, bot_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "spools"
    folder.mkdir()
    every = []
    for row in spools.ROWS:
        case = Case(row, sealed(honest()))
        in_database, last = abs(row.before), spools.LAST if row.before > 0 else 15
        content = row.how(case.before[in_database:last])
        store(audit.url, case.before[:in_database], case.before[last:])
        if content is not None:
            where, stem = spool_folder.place(audit.url, folder)
            (where / f"{stem}.{case.before[0].writer_id}.spool").write_bytes(content)
        every.append(case)
    database = Database(bot_url, 5_000)
    with contextlib.closing(database):
        list(spool_replay.replay(audit.url, database, folder=folder))
    found = verify(audit.url)
    assert unfounded(every, found, By.VERIFY) == []
    for case in every:
        if case.row.by in (By.NOTHING, By.NO_NEED):
            assert case.of(found) == [], case.row.does
    assert spool_folder.files(audit.url, folder) == []
    assert len(list(folder.iterdir())) == 4  # what was torn, and whose place was taken


def test_the_page_says_what_was_found(request: pytest.FixtureRequest) -> None:
    """WRITE_ANSWERS=1 writes it."""
    page.check()


def test_there_are_enough_of_them_and_none_twice() -> None:
    names = [(row.to, row.does) for row in page.ROWS]
    assert len(set(names)) == len(names) > 100
    assert all((row.fault is None) == (row.by in (By.NOTHING, By.NO_NEED)) for row in page.ROWS)
    assert all(bool(row.why) == (row.by is By.NOTHING) for row in page.ROWS)
