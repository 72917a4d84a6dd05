"""The views show what the migrations say, or `db check` and `audit verify` notice."""

import pytest

from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate, partitions, triggers, views
from mexc_plugin.store.schema.view_columns import VIEW_COLUMNS, VIEW_PURPOSES
from tests.conftest import BACKENDS, Audit
from tests.store.audits import ServerAudit
from tests.store.conftest import SERVERS
from tests.store.schema.test_roles import account  # noqa: F401 - a fixture

ALL = sorted(views.VIEWS)


def missing(audit: Audit) -> list[str]:
    made = engine.create(audit.url, read_only=True)
    try:
        with made.connect() as connection:
            return triggers.missing(connection)
    finally:
        made.dispose()


@pytest.fixture
def made(audit: Audit) -> Audit:
    """An audit with its schema, on SQLite as well."""
    opened = engine.create(audit.url)
    migrate.ensure(opened)
    opened.dispose()
    return audit


def wrong(name: str) -> str:
    return f"view {name} is missing or no longer shows the record"


def columns(audit: Audit, name: str) -> list[str]:
    opened = engine.create(audit.url, read_only=True)
    with opened.connect() as connection:
        found = list(connection.exec_driver_sql(f"SELECT * FROM {name} WHERE 1 = 0").keys())
    opened.dispose()
    return found


def text_of(name: str, backend: str) -> str:
    """What the migrations make the view select."""
    module = migrate.revision_module(views.VIEWS[name])
    if hasattr(module, "views"):
        return module.views(backend)[name]
    return module.VIEW.partition(" AS\n")[2]


def replace(audit: Audit, name: str, body: str) -> None:
    """Another view of that name; others may select from it."""
    if isinstance(audit, ServerAudit):
        audit.execute(f"CREATE OR REPLACE VIEW {name} AS {body}")
    else:
        audit.execute(f"DROP VIEW {name}", f"CREATE VIEW {name} AS {body}")


@pytest.mark.parametrize("name", list(VIEW_COLUMNS))
def test_a_view_has_the_columns_that_are_described(made: Audit, name: str) -> None:
    assert columns(made, name) == list(VIEW_COLUMNS[name])


def test_every_view_is_described() -> None:
    assert set(VIEW_COLUMNS) == set(views.VIEWS)
    assert list(VIEW_PURPOSES) == list(VIEW_COLUMNS)


def test_the_views_of_a_new_audit_are_as_they_should_be(made: Audit) -> None:
    assert missing(made) == []


@pytest.mark.parametrize("name", ALL)
def test_a_view_that_was_made_again_is_as_it_should_be(
    made: Audit, backend: str, name: str
) -> None:
    replace(made, name, text_of(name, backend))
    assert missing(made) == []


@pytest.mark.parametrize("name", ALL)
def test_a_view_that_leaves_rows_out_is_found(made: Audit, backend: str, name: str) -> None:
    replace(made, name, f"SELECT * FROM ({text_of(name, backend)}) AS x WHERE 1 = 2")
    assert missing(made) == [wrong(name)]


@pytest.mark.parametrize("name", ["cancel_facts"])
def test_a_view_that_hides_one_bot_is_found(made: Audit, backend: str, name: str) -> None:
    body = text_of(name, backend)
    hiding = f"{body} AND h.bot <> 'x'"
    assert hiding != body
    replace(made, name, hiding)
    assert missing(made) == [wrong(name)]


@pytest.mark.parametrize("name", ["cancel_facts"])
def test_a_view_that_calls_one_column_another_is_found(
    made: Audit, backend: str, name: str
) -> None:
    body = text_of(name, backend)
    swapped = body.replace("AS symbol", "AS x").replace("AS account", "AS symbol")
    replaced = swapped.replace("AS x", "AS account")
    assert replaced != body
    made.execute(f"DROP VIEW {name}", f"CREATE VIEW {name} AS {replaced}")
    assert missing(made) == [wrong(name)]


def test_a_view_that_is_gone_is_found(made: Audit) -> None:
    made.execute("DROP VIEW cancel_daily", "DROP VIEW cancel_facts")
    assert missing(made) == [wrong("cancel_facts"), wrong("cancel_daily")]


def test_a_table_in_a_view_s_place_is_found(made: Audit) -> None:
    made.execute("CREATE TABLE copied AS SELECT * FROM cancel_facts", "DROP VIEW cancel_facts")
    made.execute("ALTER TABLE copied RENAME TO cancel_facts")
    assert missing(made) == [wrong("cancel_facts")]


def test_the_commands_say_which_view_is_wrong(made: Audit, run) -> None:
    replace(made, "cancel_gaps", "SELECT 1 AS x") if made.url.startswith("sqlite") else (
        made.execute("DROP VIEW cancel_gaps", "CREATE VIEW cancel_gaps AS SELECT 1 AS x")
    )
    for command in (["db", "check"], ["audit", "verify"]):
        result = run(*command, "--database-url", made.url)
        assert [result.exit_code, result.stderr] == [3, ""]
        assert wrong("cancel_gaps") in result.stdout


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_a_function_that_hides_rows_from_some_is_found_though_it_claims_to_be_constant(
    made: ServerAudit, backend: str
) -> None:
    made.execute(
        "CREATE FUNCTION shown() RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true'",
        f"CREATE OR REPLACE VIEW cancel_facts AS {text_of('cancel_facts', backend)} AND shown()",
    )
    assert missing(made) == [wrong("cancel_facts")]


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_a_routine_in_a_view_is_found_on_mariadb_too(made: ServerAudit, backend: str) -> None:
    made.execute("CREATE FUNCTION shown() RETURNS INT DETERMINISTIC NO SQL RETURN 1")
    body = f"{text_of('cancel_facts', backend)} AND shown()"
    made.execute(f"CREATE OR REPLACE VIEW cancel_facts AS {body}")
    assert missing(made) == [wrong("cancel_facts")]


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_the_view_that_shows_the_triggers_is_compared_too(made: ServerAudit) -> None:
    body = "SELECT trigger_name, definition FROM cancel_audit_guards"
    shown = made.query(body)
    rows = " UNION ALL ".join(
        f"SELECT '{row['trigger_name']}' AS trigger_name, {row['definition']!r} AS definition"
        for row in shown
    )
    made.execute(f"CREATE OR REPLACE VIEW cancel_audit_guards AS {rows}")
    assert missing(made) == [wrong("cancel_audit_guards")]


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_who_may_not_see_definitions_is_told_that_they_were_not_compared(
    made: ServerAudit,
    account,  # noqa: F811
    run,
) -> None:
    bot = account("bot")
    for command in (["db", "check"], ["audit", "verify"]):
        result = run(*command, "--database-url", bot.url)
        assert result.exit_code == 0
        assert result.stderr.startswith("not compared, for want of the right SHOW VIEW: ")
        assert all(name in result.stderr for name in ALL)


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_a_view_that_an_account_was_not_granted_is_not_called_missing(
    made: ServerAudit,
    account,  # noqa: F811
    run,
) -> None:
    auditor = account("auditor")
    made.execute(f"REVOKE SELECT, SHOW VIEW ON cancel_gaps FROM {auditor.name}")
    result = run("db", "check", "--database-url", auditor.url)
    assert result.exit_code == 0
    assert result.stderr.startswith("not compared, for want of the right SHOW VIEW: cancel_gaps; ")
    made.execute("DROP VIEW cancel_gaps")
    assert missing(made) == [wrong("cancel_gaps")]


@pytest.mark.parametrize("backend", SERVERS)
def test_an_auditor_s_account_finds_a_view_that_is_wrong(
    made: ServerAudit,
    backend: str,
    account,  # noqa: F811
    run,
) -> None:
    auditor = account("auditor")
    replace(made, "cancel_facts", f"{text_of('cancel_facts', backend)} AND h.bot <> 'x'")
    result = run("audit", "verify", "--database-url", auditor.url)
    assert [result.exit_code, result.stderr] == [3, ""]
    assert wrong("cancel_facts") in result.stdout


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_the_revision_of_the_views_can_be_repeated_after_an_interruption(database: Audit) -> None:
    opened = engine.create(database.url)
    migrate.upgrade(opened, "0002")
    database.execute("CREATE VIEW cancel_facts AS SELECT 1 AS x")
    migrate.upgrade(opened)
    opened.dispose()
    assert missing(database) == []


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_what_others_put_on_one_partition_is_found(database: Audit) -> None:
    opened = engine.create(database.url)
    migrate.upgrade(opened, partitioned=True)
    opened.dispose()
    assert missing(database) == []
    database.execute(
        "CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        f"CREATE TRIGGER quiet BEFORE INSERT ON {partitions.DEFAULT} "
        "FOR EACH ROW EXECUTE FUNCTION drop_it()",
        f"CREATE RULE away AS ON UPDATE TO {partitions.DEFAULT} DO INSTEAD NOTHING",
    )
    of = f"of the partition {partitions.DEFAULT} is not of this program"
    assert missing(database) == [
        f"rule away {of} and may change what is recorded",
        f"trigger quiet {of} and may change what is recorded",
    ]


@pytest.mark.parametrize("backend", BACKENDS[:1])
def test_a_trigger_on_a_view_is_found(made: Audit) -> None:
    made.execute(
        "CREATE TRIGGER x INSTEAD OF INSERT ON cancel_daily BEGIN DELETE FROM cancel_audit; END"
    )
    assert missing(made) == [
        "trigger x is not of this program and may change what is recorded",
    ]


def retype(audit: Audit, backend: str) -> None:
    """Let `cancel_facts` have a column of another type, and `cancel_daily` select from that."""
    audit.execute("DROP VIEW cancel_daily", "DROP VIEW cancel_facts")
    named = [
        "CAST(bot AS CHAR(9)) AS bot" if c == "bot" else c for c in VIEW_COLUMNS["cancel_facts"]
    ]
    inner = f"SELECT {', '.join(named)} FROM ({text_of('cancel_facts', backend)}) AS x"
    audit.execute(f"CREATE VIEW cancel_facts AS {inner}")
    audit.execute(f"CREATE VIEW cancel_daily AS {text_of('cancel_daily', backend)}")


def test_a_view_of_other_types_is_made_again(made: Audit, backend: str, run) -> None:
    """PostgreSQL replaces none by one of other types, and drops none that another selects from."""
    retype(made, backend)
    assert missing(made)[0] == wrong("cancel_facts")
    result = run("db", "check", "--restore", "--database-url", made.url)
    assert result.exit_code == 0
    assert "restored: cancel_facts" in result.stdout
    assert missing(made) == []


@pytest.mark.parametrize("backend", SERVERS)
def test_who_could_read_views_can_read_those_that_were_made_again(
    made: ServerAudit,
    backend: str,
    account,  # noqa: F811
    run,
) -> None:
    retype(made, backend)
    auditor = account("auditor")
    assert run("db", "check", "--restore", "--database-url", made.url).exit_code == 0
    said = {name: auditor.refuses(f"SELECT * FROM {name} WHERE 1 = 0") for name in ALL}
    assert set(said.values()) == {"was allowed"}


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_a_view_of_somebody_s_own_is_not_dropped(made: ServerAudit, backend: str, run) -> None:
    retype(made, backend)
    made.execute("CREATE VIEW mine AS SELECT cancel_id FROM cancel_facts")
    before = missing(made)
    result = run("db", "check", "--restore", "--database-url", made.url)
    assert [result.exit_code, result.stdout, len(result.stderr.splitlines())] == [1, "", 1]
    assert "cannot drop view cancel_facts because other objects depend on it" in result.stderr
    assert missing(made) == before
    made.execute("DROP VIEW mine")
    assert run("db", "check", "--restore", "--database-url", made.url).exit_code == 0
