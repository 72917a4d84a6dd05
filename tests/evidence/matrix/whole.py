"""What is done to the record as a whole: its guards and views, the table of notes, and everything at once.

`how` gets a `World`, changes it, and gives the names of the notes that are kept elsewhere: none is what `audit verify` has alone.
Two chains are in it and three checkpoints, after 5, 10 and 15 events.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mexc_plugin.audit import signing_keys
from mexc_plugin.audit.events import Event
from mexc_plugin.evidence import checkpointing, note_table, signed_notes, statements
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.verify.findings import Fault
from tests.conftest import Audit
from tests.evidence.owner import unguarded
from tests.evidence.records import canceled, common, honest, sealed, store

from .chains import now
from .keyed import follow
from .rows import AUDITOR, INSERT, OWNER, By, Row

KEY = signing_keys.make("notary")
OTHER = signing_keys.make("notary")
TABLES = ("cancel_audit", "cancel_audit_order", "cancel_history", "audit_checkpoint")
GUARDS = {
    "sqlite": ("DROP TRIGGER cancel_audit_no_update",),
    "mariadb": ("DROP TRIGGER cancel_audit_no_update",),
    "postgresql": ("ALTER TABLE cancel_audit DISABLE TRIGGER cancel_audit_no_change",),
}


@dataclass
class World:
    """One small record, as often as it is wanted."""

    audit: Audit
    backend: str
    chains: list[list[Event]] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)

    def begin(self) -> None:
        """Honest again."""
        self.own(*(f"DELETE FROM {table}" for table in TABLES))
        self.chains = [sealed(honest()), sealed(honest())]
        self.notes = []
        for start, end in ((0, 5), (5, 10), (10, 15)):
            store(self.audit.url, *(chain[start:end] for chain in self.chains))
            self.notes.append(checkpointing.take(self.audit.url, KEY).note)

    def own(self, *statements_: str) -> None:
        with unguarded(self.audit, self.backend):
            self.audit.execute(*statements_)

    def keep(self, note: bytes) -> None:
        """Put a note into the table, as whoever may insert there."""
        engine = engines.create(self.audit.url)
        with engine.begin() as connection:
            note_table.insert(connection, note, statements.parse(signed_notes.read(note)))
        engine.dispose()

    def name(self, number: int) -> str:
        return signed_notes.digest(self.notes[number])


Do = Callable[[World], list[int]]


def sql(*texts: str, kept: tuple[int, ...] = ()) -> Do:
    """Statements by the owner, with {0}, {1}, {2} for the names of the notes."""

    def do(world: World) -> list[int]:
        names = [world.name(number) for number in range(3)]
        world.own(*(text.format(*names) for text in texts))
        return list(kept)

    return do


EMPTIED = tuple(f"DELETE FROM {table}" for table in TABLES)


def old_copy(world: World) -> list[int]:
    world.own(*EMPTIED[:3], f"DELETE FROM audit_checkpoint WHERE sha256 = '{world.name(2)}'")
    store(world.audit.url, *(chain[:10] for chain in world.chains))
    return [2]


def old_copy_of_all(world: World) -> list[int]:
    """The newest note is gone everywhere."""
    old_copy(world)
    world.notes.pop()
    return [1]


def new_record(world: World) -> list[int]:
    """As if it had just begun: no event, no note, and then others."""
    world.own(*EMPTIED)
    store(world.audit.url, sealed(honest()))
    return [2]


def resign(world: World) -> list[int]:
    world.own("DELETE FROM audit_checkpoint")
    previous = "-"
    for note in world.notes:
        text = re.sub("previous .*", f"previous {previous}", signed_notes.read(note))
        forged = signed_notes.sign(text, OTHER)
        previous = signed_notes.digest(forged)
        world.keep(forged)
    return [2]


def invent(kind: str, signer: signing_keys.PrivateKey) -> Do:
    def do(world: World) -> list[int]:
        chain = world.chains[0]
        taken_ns = statements.parse(signed_notes.read(world.notes[2])).taken_ns + 10**9
        said: statements.Statement
        if kind == "archive":
            world.own(*EMPTIED[:3])
            store(world.audit.url, world.chains[1])
            left = statements.Left(chain[0].writer_id, 1, 15, chain[-1].hash)
            said = statements.Archive(15, taken_ns, world.name(2), "0" * 64, (left,))
        else:
            head = statements.Head(chain[0].writer_id, 15, chain[-1].hash)
            said = statements.Checkpoint(15, taken_ns, world.name(2), (head,))
        world.keep(signed_notes.sign(statements.write(said), signer))
        return [2]

    return do


def drop_guard(world: World) -> list[int]:
    world.audit.execute(*GUARDS[world.backend])
    return []


def drop_and_restore(world: World) -> list[int]:
    with unguarded(world.audit, world.backend):
        pass
    return [2]


def drop_view(world: World) -> list[int]:
    world.audit.execute("DROP VIEW cancel_gaps")
    return []


def replace_view(world: World) -> list[int]:
    drop_view(world)
    world.audit.execute("CREATE VIEW cancel_gaps AS SELECT 1 AS writer_id")
    return []


def orphans(world: World) -> list[int]:
    world.audit.execute(
        "INSERT INTO cancel_audit_order (writer_id, seq, position, cancel_id) "
        "VALUES ('11111111-0000-4000-8000-000000000000', 1, 1, 'x')"
    )
    return []


def make_events_anew(world: World) -> list[int]:
    """Before the first checkpoint that anybody keeps: notes are taken anew, too, with the auditor's key."""
    world.own(*EMPTIED)
    store(world.audit.url, sealed(honest()))
    world.notes = [checkpointing.take(world.audit.url, KEY).note]
    return [0]


def change_the_newest(world: World) -> list[int]:
    """After the second checkpoint, and nobody has the third: whatever the owner says came then."""
    world.own(*EMPTIED[:3], f"DELETE FROM audit_checkpoint WHERE sha256 = '{world.name(2)}'")
    at = now()
    for chain in world.chains:
        said = canceled(common("55", at), at)
        store(world.audit.url, follow(chain[:10], *said))
    return [1]


def whole(does: str, how: Do, *place: object, **more: object) -> Row:
    return Row(does, "everything", OWNER, how, *place, **more)  # type: ignore[arg-type]


def noted(does: str, how: Do, words: str, by: By = By.VERIFY, needs: str = OWNER) -> Row:
    return Row(does, "checkpoints", needs, how, Fault.NOTE, by=by, words=words)


ROWS = [
    Row("drops a guard", "guards", OWNER, drop_guard, Fault.GUARD),
    Row("drops a view", "guards", OWNER, drop_view, Fault.GUARD),
    Row("puts another view in the place of one", "guards", OWNER, replace_view, Fault.GUARD),
    Row("adds orders of a writer that never was", "orders", INSERT, orphans, Fault.ORDERS),
    whole(
        "empties the record, checkpoints too",
        sql(*EMPTIED, kept=(2,)),
        Fault.CHECKPOINT,
        15,
        by=By.CHECKPOINT,
        words="all its 15 events",
    ),
    whole(
        "puts another record in its place",
        new_record,
        Fault.CHECKPOINT,
        15,
        by=By.CHECKPOINT,
        words="all its 15 events",
    ),
    whole(
        "puts an old copy back",
        old_copy,
        Fault.CHECKPOINT,
        15,
        by=By.CHECKPOINT,
        words="its events 11 to 15",
    ),
    noted(
        "removes a checkpoint that others follow",
        sql("DELETE FROM audit_checkpoint WHERE sha256 = '{1}'"),
        "names as the one before",
    ),
    noted(
        "removes the newest checkpoint",
        sql("DELETE FROM audit_checkpoint WHERE sha256 = '{2}'", kept=(2,)),
        "kept elsewhere is not in audit_checkpoint",
        By.CHECKPOINT,
    ),
    noted(
        "removes all checkpoints",
        sql("DELETE FROM audit_checkpoint", kept=(0,)),
        "kept elsewhere is not in audit_checkpoint",
        By.CHECKPOINT,
    ),
    noted(
        "changes what a row says of a checkpoint",
        sql("UPDATE audit_checkpoint SET events = 19 WHERE sha256 = '{1}'"),
        "its columns are not what its note says",
    ),
    noted(
        "signs all checkpoints anew, with another key",
        resign,
        "it was signed with another key",
        By.PUBLIC_KEY,
    ),
    noted(
        "invents a checkpoint, with another key",
        invent("checkpoint", OTHER),
        "it was signed with another key",
        By.PUBLIC_KEY,
        AUDITOR,
    ),
    noted(
        "removes a writer and invents the note of an archive, with another key",
        invent("archive", OTHER),
        "it was signed with another key",
        By.PUBLIC_KEY,
    ),
    Row(
        "drops a guard and restores it",
        "guards",
        OWNER,
        drop_and_restore,
        by=By.NOTHING,
        why="a guard has no memory; what was changed meanwhile is found as such",
    ),
    whole(
        "puts an old copy back, and removes everywhere what was signed since",
        old_copy_of_all,
        by=By.NOTHING,
        why="what is left agrees with itself",
    ),
    whole(
        "does any of this before the first checkpoint that anybody keeps",
        make_events_anew,
        by=By.NOTHING,
        why="nobody vouches for it yet: `uncovered` says how many events that are",
    ),
    whole(
        "does any of this to events after the newest checkpoint",
        change_the_newest,
        by=By.NOTHING,
        why="the same",
    ),
    Row(
        "removes a writer and signs the note of an archive with the archivist's key",
        "everything",
        "the private key",
        invent("archive", KEY),
        by=By.NOTHING,
        why="a signature says whose word it is, not that it is true; the bundle that it names is missing",
    ),
]
