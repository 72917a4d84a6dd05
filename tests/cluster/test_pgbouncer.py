"""Behind PgBouncer in transaction mode: everything is recorded and read, and nobody else notices."""

import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema.tables import cancel_history
from mexc_plugin.store.verify import guard_trials
from mexc_plugin.store.write.writer import Writer
from tests.command_line import invoke
from tests.torture import ledger, load, servers
from tests.torture.processes import Child
from tests.torture.scale import scaled

from .pgbouncer import connect, pooled

PROCESSES, WRITERS, CANCELS, CONNECTIONS = 4, 10, scaled(5, 100), 4
# What another application finds in a session that it has not touched.
SETTINGS = (
    "transaction_read_only",
    "default_transaction_read_only",
    "default_transaction_isolation",
    "transaction_isolation",
    "synchronous_commit",
    "lock_timeout",
)
UNTOUCHED = "SELECT " + ", ".join(f"current_setting('{name}')" for name in SETTINGS)


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Server]:
    with servers.postgresql() as found:
        yield found


@pytest.fixture
def url(server: servers.Server) -> str:
    """A new database whose sessions are otherwise than the record needs them."""
    made = server.fresh().replace("postgresql+psycopg", "postgresql")
    with connect(made, autocommit=True) as owner:
        name = made.rpartition("/")[2]
        owner.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        owner.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = serializable")
        owner.execute("CREATE TABLE neighbours (n int)")
    assert invoke(["db", "upgrade", "--database-url", made]).exit_code == 0
    return made


class Neighbour(threading.Thread):
    """Another application, which inserts and looks at its session as long as it runs."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.inserted = 0
        self.found: set[object] = set()
        self.error: Exception | None = None
        self._url = url
        self._ends = threading.Event()

    def run(self) -> None:
        try:
            with connect(self._url, autocommit=True, prepare_threshold=None) as connection:
                while not self._ends.is_set():
                    connection.execute("INSERT INTO neighbours VALUES (1)")
                    self.inserted += 1
                    self.found.add(connection.execute(UNTOUCHED).fetchone())
        except Exception as error:
            self.error = error

    def end(self) -> None:
        self._ends.set()
        self.join(20)


def test_forty_writers_on_four_connections_lose_nothing_beside_readers_and_a_neighbour(
    url: str,
) -> None:
    with connect(url, autocommit=True) as owner:
        untouched = owner.execute(UNTOUCHED).fetchone()
    with pooled(url, "transaction", CONNECTIONS) as near:
        neighbour = Neighbour(near)
        neighbour.start()
        children = [Child(load.writers, near, WRITERS, CANCELS) for _ in range(PROCESSES)]
        reads = 0
        while not all(child.has_ended for child in children):
            with queries.reading(near) as connection:
                assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
                list(queries.stream(connection, sa.select(cancel_history)))
            reads += 1
        loads = [child.result(60) for child in children]
        verified = invoke(["audit", "verify", "--database-url", near])
        neighbour.end()
        ledger.replay(near)
    places = load.merged(loads).places
    assert neighbour.error is None
    assert neighbour.found == {untouched}
    assert neighbour.inserted > 0
    assert reads > 0
    assert verified.exit_code in (0, 3), verified.output  # 3: pending, of what is in a spool yet
    cancels = PROCESSES * WRITERS * CANCELS
    assert places.get(Place.LOST.value, 0) == 0
    assert places.get(Place.DATABASE.value, 0) > cancels
    assert ledger.events(url, "request") == ledger.events(url, "response") == cancels
    assert ledger.doubled(url) == 0
    assert ledger.findings(url) == []


def test_a_commit_through_a_pool_is_durable_whatever_the_session_says(url: str) -> None:
    with connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE said (setting text, isolation text)")
        owner.execute(
            "CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "INSERT INTO said VALUES (current_setting('synchronous_commit'), "
            "current_setting('transaction_isolation')); RETURN NULL; END $$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER zz_say AFTER INSERT ON cancel_audit "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION say()"
        )
    with pooled(url, "transaction", 1) as near:
        for address in (near, url):
            writer = Writer(address)
            writer.prepare()
            for draft in load.drafts(1):
                place = writer.commit(draft | {"occurred_ns": time.time_ns()}, 20)
                assert place is Place.DATABASE
            writer.close()
    with connect(url) as owner:
        said = owner.execute("SELECT DISTINCT setting, isolation FROM said").fetchall()
    assert said == [("on", "read committed")]


def test_the_record_is_made_upgraded_and_checked_through_a_pool(server: servers.Server) -> None:
    url = server.fresh().replace("postgresql+psycopg", "postgresql")
    with pooled(url, "transaction", 2) as near:
        for command in ("upgrade", "check", "current"):
            result = invoke(["db", command, "--database-url", near])
            assert result.exit_code == 0, result.output
        with connect(near, autocommit=True) as neighbour:
            neighbour.execute("CREATE TABLE neighbours (n int)")


def test_through_a_pool_the_guards_are_tried_and_a_lock_is_not_waited_for_long(url: str) -> None:
    with pooled(url, "transaction", 2) as near, connect(url) as other:
        found = guard_trials.try_guards(near)
        assert (found.faults, found.untried) == ([], [])
        other.execute(
            "SET idle_in_transaction_session_timeout = '20s'"
        )  # who waits, waits no longer
        other.execute("LOCK TABLE cancel_audit IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        (reason,) = guard_trials.try_guards(near).untried
        assert time.monotonic() - began < 8
    assert "is locked by another program" in reason
