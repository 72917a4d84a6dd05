"""The printed GRANTs are enough for a bot and for an auditor, and for nothing else."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from click.testing import Result

from mexc_plugin.audit.recorder import Place
from mexc_plugin.hosting import checks
from mexc_plugin.store.write.open_database import Database
from mexc_plugin.store.write.sealer import Sealer
from mexc_plugin.store.write.spool import spool_folder
from mexc_plugin.store.write.spool.spool_format import write_line
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit, placed
from tests.store.audits import ServerAudit
from tests.store.conftest import SERVERS
from tests.store.servers import Server
from tests.store.write.test_store import assert_chain_holds, draft, seqs

PASSWORD = "Geheim-1 %/@"
Run = Callable[..., Result]


@pytest.fixture(params=SERVERS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Account:
    """A new account that was granted what is printed for a role, and nothing else."""

    def __init__(self, server: Server, audit: ServerAudit, role: str, run: Run) -> None:
        self.name = f"mexc_{role}_{uuid.uuid4().hex[:8]}"
        self.url = server.url_of(audit.name, username=self.name, password=PASSWORD)
        self._server, self._audit = server, audit
        server.execute(CREATE[server.PORT].format(self.name, PASSWORD))
        self.grant(role, run)

    def grant(self, role: str, run: Run) -> None:
        """What is printed for a role."""
        url = self._audit.url
        printed = run("db", "grants", "--role", role, "--to", self.name, "--database-url", url)
        assert printed.exit_code == 0
        self._audit.execute(*printed.stdout.splitlines())

    def refuses(self, statement: str) -> str:
        """The server's words to a statement of this account."""
        connection = self._server.connect(self._audit.name, username=self.name, password=PASSWORD)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        except Exception as error:
            return str(error)
        finally:
            connection.close()
        return "was allowed"

    def drop(self) -> None:
        if self._server.PORT == 5432:
            self._audit.execute(f"DROP OWNED BY {self.name}", f"DROP ROLE {self.name}")
        else:
            self._server.execute(f"DROP USER {self.name}")


CREATE = {5432: "CREATE ROLE {} LOGIN PASSWORD '{}'", 3306: "CREATE USER {} IDENTIFIED BY '{}'"}


@pytest.fixture
def account(audit: Audit, server: Server, run: Run) -> Iterator[Callable[[str], Account]]:
    made: list[Account] = []

    def make(role: str) -> Account:
        assert isinstance(audit, ServerAudit)
        made.append(Account(server, audit, role, run))
        return made[-1]

    yield make
    for account in made:
        account.drop()


CHANGES = [
    "UPDATE cancel_audit SET outcome = 'x'",
    "DELETE FROM cancel_audit",
    "DELETE FROM cancel_audit_order",
    "TRUNCATE TABLE cancel_audit",
    "DROP TABLE cancel_audit_order",
    "DROP TABLE cancel_history",
    "INSERT INTO cancel_history SELECT * FROM cancel_history",
    "UPDATE cancel_history SET final_outcome = 'x'",
    "DELETE FROM cancel_history",
    "TRUNCATE TABLE cancel_history",
    "ALTER TABLE cancel_audit ADD COLUMN x INT",
    "UPDATE cancel_audit_version SET version_num = '0000'",
    "CREATE TABLE cancel_audit_copy (x INT)",
    "UPDATE audit_checkpoint SET note = 'x'",
    "DELETE FROM audit_checkpoint",
    "DROP TABLE audit_checkpoint",
]
OF = {
    "postgresql": [
        "DROP TRIGGER cancel_audit_no_change ON cancel_audit",
        "ALTER TABLE cancel_audit DISABLE TRIGGER ALL",
        "CREATE OR REPLACE FUNCTION cancel_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
    ],
    "mariadb": [
        "DROP TRIGGER cancel_audit_no_update",
        "CREATE TRIGGER x BEFORE INSERT ON cancel_audit FOR EACH ROW SET NEW.outcome = 'x'",
        "REPLACE INTO cancel_audit SELECT * FROM cancel_audit",
        "INSERT INTO cancel_audit SELECT * FROM cancel_audit ON DUPLICATE KEY UPDATE kind = 'stop'",
    ],
}
DENIED = r"denied|must be owner|append-only|no permission"


def test_a_bot_s_account_records_and_can_change_nothing(
    audit: Audit, backend: str, account, caplog
) -> None:
    bot = account("bot")
    made = Writer(bot.url)
    for n in range(3):
        receipt = made.submit(draft(n), 20)
        assert receipt.wait(20)
        assert receipt.place is Place.DATABASE
    made.close()
    assert caplog.records == []
    before = audit.events()
    assert seqs(audit) == [1, 2, 3, 4, 5]
    forged = "INSERT INTO audit_checkpoint SELECT * FROM audit_checkpoint"
    said = {statement: bot.refuses(statement) for statement in [*CHANGES, *OF[backend], forged]}
    assert {s: words for s, words in said.items() if not _is_denied(words)} == {}
    assert audit.events() == before


def _is_denied(words: str) -> bool:
    return any(word in words for word in DENIED.split("|"))


def test_a_bot_s_account_replays_what_it_spooled(audit: Audit, account) -> None:
    bot = account("bot")
    made = Writer(bot.url)
    assert made.submit(draft(), 20).wait(20)
    with audit.locked():
        assert placed(made, draft(1)) is Place.SPOOL
    made.close()
    assert len(seqs(audit)) == 4
    assert_chain_holds(audit)


@pytest.fixture
def old_bot(audit: Audit, server: Server, account) -> Account:
    """A bot's account that was granted what was printed before there were checkpoints."""
    made: Account = account("bot")
    whom = made.name if server.PORT == 5432 else f"{made.name}@'%'"
    audit.execute(f"REVOKE SELECT ON audit_checkpoint FROM {whom}")
    return made


def test_a_bot_s_account_of_before_the_checkpoints_replays_its_own_spool(
    audit: Audit, old_bot: Account
) -> None:
    made = Writer(old_bot.url)
    assert made.submit(draft(), 20).wait(20)
    with audit.locked():
        assert placed(made, draft(1)) is Place.SPOOL
    made.close()
    assert seqs(audit) == [1, 2, 3, 4]
    assert spool_folder.files(old_bot.url) == []


def test_a_bot_s_account_of_before_the_checkpoints_keeps_an_earlier_spool_and_says_what_to_do(
    audit: Audit, old_bot: Account, caplog, run: Run
) -> None:
    event = Sealer(str(uuid.uuid4()), 1).seal(draft())
    folder, stem = spool_folder.place(old_bot.url)
    folder.mkdir(parents=True)
    left = folder / f"{stem}.{event.writer_id}.spool"
    left.write_bytes(write_line(event))
    made = Writer(old_bot.url)
    receipt = made.submit(draft(2), 20)
    assert receipt.wait(20)
    made.close()
    assert receipt.place is Place.DATABASE
    said = f"the spool {left.name} cannot be replayed and is kept: this user may not read"
    assert said in caplog.text
    assert "mexc-plugin db grants --role bot" in caplog.text
    caplog.clear()
    assert run("audit", "recover", "--db", old_bot.url).exit_code == 3
    assert said in caplog.text
    assert spool_folder.files(old_bot.url) == [left]

    old_bot.grant("bot", run)
    assert run("audit", "recover", "--db", old_bot.url).exit_code == 0
    assert spool_folder.files(old_bot.url) == []
    assert sorted(seqs(audit)) == [1, 1, 2, 3]


def test_an_auditor_s_account_lists_and_verifies_and_can_only_read(
    audit: Audit, backend: str, account, run: Run
) -> None:
    made = Writer(audit.url)
    made.submit(draft(), 20).wait(20)
    made.close()
    auditor = account("auditor")
    for command in (["audit", "list"], ["audit", "verify"], ["db", "check"], ["db", "current"]):
        result = run(*command, "--database-url", auditor.url)
        assert [command, result.exit_code, result.stderr] == [command, 0, ""]
    said = run("audit", "verify", "--database-url", auditor.url).stdout
    # The id of the draft's cancel is of 1970, which is doubtful.
    assert said.splitlines()[-1] == "3 events of 1 writer: whole, 1 doubtful"
    statements = [*CHANGES, *OF[backend], "INSERT INTO cancel_audit SELECT * FROM cancel_audit"]
    assert [s for s in statements if not _is_denied(auditor.refuses(s))] == []


def test_an_auditor_sees_that_a_guard_is_gone(audit: Audit, backend: str, account, run) -> None:
    auditor = account("auditor")
    audit.execute(OF[backend][0])
    result = run("audit", "verify", "--database-url", auditor.url)
    assert result.exit_code == 3
    assert "is missing or no longer guards" in result.stdout


def test_an_account_that_was_granted_nothing_is_told_so_in_one_line(
    audit: Audit, server: Server, account, run
) -> None:
    name = account("auditor").name
    whom = name if server.PORT == 5432 else f"{name}@'%'"
    tables = "cancel_audit_version" if server.PORT == 5432 else "TABLE cancel_audit_version"
    audit.execute(f"REVOKE SELECT ON {tables} FROM {whom}")
    url = server.url_of(audit.name, username=name, password=PASSWORD)
    result = run("audit", "list", "--database-url", url)
    assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]
    assert "may not do that" in result.stderr
    assert PASSWORD not in result.output


def test_the_doctor_tells_an_auditor_s_account_that_it_cannot_record(account) -> None:
    (finding,) = checks.database(account("auditor").url, "given by --db")
    assert finding.needs_attention
    assert finding.text.startswith("database: nothing can be recorded: this user may not do that")


def test_a_bot_s_account_does_not_migrate_and_the_log_says_who_should(
    audit: Audit, account, caplog
) -> None:
    bot = account("bot")
    audit.execute("UPDATE cancel_audit_version SET version_num = '0001'")
    made = Writer(bot.url)
    receipt = made.submit(draft())
    assert receipt.wait(20)
    made.close()
    assert receipt.place is Place.SPOOL
    assert "mexc-plugin db upgrade" in caplog.text


def test_the_grants_touch_no_server_and_show_no_password(run: Run) -> None:
    for url in ("postgresql://me:s3cret@127.0.0.1:1/audit", "mysql://me:s3cret@127.0.0.1:1/audit"):
        result = run("db", "grants", "--role", "bot", "--database-url", url)
        assert result.exit_code == 0
        assert "GRANT SELECT, INSERT ON" in result.stdout
        assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("url", "why"),
    [("sqlite:///audit.db", "no accounts"), ("postgresql://me@127.0.0.1", "names no database")],
)
def test_there_are_no_grants_without_accounts_or_a_database(run: Run, url: str, why: str) -> None:
    result = run("db", "grants", "--role", "auditor", "--database-url", url)
    assert result.exit_code == 2
    assert why in result.stderr


def test_names_in_grants_are_quoted(run: Run) -> None:
    url = "mysql://me@127.0.0.1:1/my-audit"
    result = run("db", "grants", "--role", "bot", "--to", "o'bot@10.%", "--database-url", url)
    assert "ON `my-audit`.`cancel_audit` TO 'o''bot'@'10.%';" in result.stdout
    url = "postgresql://me@127.0.0.1:1/My-Audit"
    result = run("db", "grants", "--role", "bot", "--to", "Grid 7", "--database-url", url)
    assert 'GRANT CONNECT ON DATABASE "My-Audit" TO "Grid 7";' in result.stdout


def test_a_bot_s_account_replays_what_is_there_and_ends_its_own_process(account) -> None:
    database = Database(account("bot").url, 5_000)
    sealing = Sealer(str(uuid.uuid4()), 1)
    event = sealing.seal(draft())
    database.insert([event])
    database.close()
    assert database.insert_missing([event]) == 0
    database.close()
