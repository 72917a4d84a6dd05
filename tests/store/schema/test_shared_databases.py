"""The record beside a bot's own tables: what the bot's alembic makes of it."""

import re
from pathlib import Path

import pytest

from mexc_plugin.autogenerate import include_name
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate, tables, views
from mexc_plugin.store.write.writer import Writer
from tests.conftest import Audit
from tests.store.schema.bots_alembic import TABLES, BotsAlembic
from tests.store.write.test_store import draft

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "databases.md"


@pytest.fixture
def bot(tmp_path: Path) -> BotsAlembic:
    return BotsAlembic(tmp_path)


def add_the_two_lines(bot: BotsAlembic) -> None:
    """Those of the document, each below the line that it is shown below."""
    diff = re.search(r"```diff\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert diff is not None
    lines = diff[1].splitlines()
    added = [(lines[n - 1], line) for n, line in enumerate(lines) if line.startswith("+")]
    assert len(added) == 2
    for above, line in added:
        bot.edit(f"{above.strip()}\n", f"{above.strip()}\n{line[1:]}\n")


def shared(bot: BotsAlembic, url: str, run, *options: str, record: str | None = None) -> str:
    """The bot's tables, and then the record in the same database; its URL for the bot's alembic."""
    driven = engine.parse(url).render_as_string(hide_password=False)
    assert bot.run(driven, "upgrade", "head").returncode == 0
    done = run("db", "upgrade", *options, "--database-url", record or url)
    assert done.exit_code == 0
    # In a schema of its own it is out of sight, as long as the bot does not look into others.
    assert ("from mexc_plugin.autogenerate" in done.stderr) == (record is None)
    return driven


def test_alembic_wants_to_drop_the_record_until_env_py_has_the_two_lines(
    database: Audit, bot: BotsAlembic, run
) -> None:
    url = shared(bot, database.url, run)
    before = bot.autogenerate(url)
    assert set(re.findall(r"op.drop_table\('(\w+)'\)", before)) == {
        *tables.metadata.tables,
        tables.VERSION_TABLE,
    }
    add_the_two_lines(bot)
    assert "op." not in bot.autogenerate(url)
    assert bot.run(url, "check").returncode == 0


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.server)])
def test_partitions_are_out_of_its_sight_too(database: Audit, bot: BotsAlembic, run) -> None:
    url = shared(bot, database.url, run, "--partitioned")
    assert "cancel_audit_default" in bot.autogenerate(url)
    add_the_two_lines(bot)
    assert "op." not in bot.autogenerate(url)


@pytest.mark.parametrize("backend", [pytest.param("postgresql", marks=pytest.mark.server)])
def test_so_is_a_record_in_a_schema_of_its_own(database: Audit, bot: BotsAlembic, run) -> None:
    database.execute("CREATE SCHEMA audit")
    path = {"options": "-csearch_path=audit"}
    record = engine.parse(database.url).update_query_dict(path).render_as_string()
    url = shared(bot, database.url, run, record=record)
    writer = Writer(record)
    assert writer.submit(draft(), 20).wait(20)
    writer.close()
    assert run("audit", "verify", "--database-url", record).exit_code == 0
    assert "op." not in bot.autogenerate(url)
    bot.edit("context.configure(\n", "context.configure(\ninclude_schemas=True,\n")
    assert "op.drop_table('cancel_audit', schema='audit')" in bot.autogenerate(url)
    add_the_two_lines(bot)
    assert "op." not in bot.autogenerate(url)


def test_both_version_tables_say_what_their_owner_says(
    database: Audit, bot: BotsAlembic, run
) -> None:
    url = shared(bot, database.url, run)
    assert database.query("SELECT version_num FROM alembic_version") == [{"version_num": "b5"}]
    assert database.query("SELECT version_num FROM cancel_audit_version") == [
        {"version_num": tables.HEAD}
    ]
    assert bot.run(url, "downgrade", "base").returncode == 0
    assert run("db", "check", "--database-url", database.url).exit_code == 0
    assert not database.tables() & TABLES


RECORDING = """
import sqlalchemy as sa
from alembic import op
from mexc_plugin.store.write import recorders

revision, down_revision = "recording", "b5"


def upgrade():
    recorders.recorder_for({url!r}).prepare()
    op.create_table("bot_afterwards", sa.Column("id", sa.Integer(), primary_key=True))
"""


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_bot_s_migration_may_make_a_record_and_go_on(
    database: Audit, bot: BotsAlembic, tmp_path: Path
) -> None:
    bot.add("recording", RECORDING.format(url=database.url))
    done = bot.run(f"sqlite:///{tmp_path}/bot.db", "upgrade", "head")
    assert done.returncode == 0, done.stderr
    assert "bot_afterwards" in Audit(tmp_path / "bot.db").tables()
    assert set(tables.metadata.tables) <= database.tables()
    assert "bot_afterwards" not in database.tables()


def test_everything_that_the_migrations_make_is_the_record_s(database: Audit) -> None:
    made = engine.create(database.url)
    migrate.upgrade(made)
    made.dispose()
    assert [name for name in database.tables() if include_name(name, "table")] == []
    assert [name for name in (*views.VIEWS, views.GUARDS_VIEW) if include_name(name, "view")] == []


@pytest.mark.parametrize(("name", "kind"), [
    ("public.cancel_facts", "view"), ("public.cancel_audit_append_only()", "function"),
    ("public.cancel_audit_no_change", "trigger"), ("cancel_audit_2026_11", "table"),
])  # fmt: skip
def test_extensions_of_alembic_are_told_the_same(name: str, kind: str) -> None:
    assert not include_name(name, kind, {"schema_name": "public", "table_name": "no table"})


@pytest.mark.parametrize(("name", "kind"), [
    ("orders", "table"), ("cancel_audits", "table"), ("my_cancel_audit", "table"), ("cancels", "view"),
    (None, "schema"), ("cancel_audit", "schema"), ("cancel_history", "column"), ("cancel_audit_id", "index"),
])  # fmt: skip
def test_what_is_the_bot_s_stays_in_sight(name: str | None, kind: str) -> None:
    assert include_name(name, kind, {"schema_name": None, "table_name": "orders"})
