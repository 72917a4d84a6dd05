"""Where the record is: the database option, the settings file, and what `config` says of both."""

import json
import os
import subprocess
import sys

import pytest

from mexc_plugin.config import URL_VARIABLE, VARIABLES
from mexc_plugin.settings_file import VARIABLE as CONFIG_VARIABLE
from mexc_plugin.settings_file import usual_path
from mexc_plugin.store.connect import recent


def ids(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line)["cancel_id"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    "words",
    [
        "--db {db} audit list",
        "--db {db} audit",
        "audit --db {db} list",
        "audit list --db {db}",
        "audit list --database-url {db}",
        "--database-url sqlite:///{db} audit list",
        "--db nowhere.db audit list --db {db}",
        "--config {toml} audit list",
        "audit --config {toml} list",
        "audit list --config {toml}",
        "--db {db} audit list --config {broken_elsewhere}",
    ],
)
@pytest.mark.parametrize("form", ["absolute", "relative", "home"])
def test_a_database_is_named_by_url_or_path_before_or_after_the_command(
    run, ledger, path, words, form, monkeypatch
):
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("HOME", str(path.parent))
    cancel_id = ledger.cancel()
    db = {"absolute": str(path), "relative": path.name, "home": f"~/{path.name}"}[form]
    toml = path.parent / "mine.toml"
    toml.write_text(f"url = {json.dumps(db)}\n")
    elsewhere = path.parent / "elsewhere.toml"
    elsewhere.write_text('url = "/no/such/audit.db"\n')
    named = words.format(db=db, toml=toml, broken_elsewhere=elsewhere)
    assert ids(run(*named.split())) == [cancel_id]
    assert CONFIG_VARIABLE not in os.environ


@pytest.mark.parametrize("words", [["--db", " ", "audit"], ["audit", "--config", ""]])
def test_an_option_that_names_nothing_is_a_usage_error(run, words):
    assert run(*words).exit_code == 2


def test_a_settings_file_that_is_not_there_is_one_line(run, tmp_path):
    result = run("--config", str(tmp_path / "no.toml"), "audit")
    assert [result.exit_code, len(result.stderr.splitlines())] == [2, 1]
    assert f"{tmp_path}/no.toml cannot be read" in result.stderr


@pytest.mark.parametrize("words", [["--db", "{db}", "db", "path"], ["db", "--db", "{db}", "path"]])
def test_the_commands_of_db_take_it_before_their_name_too(run, path, words):
    result = run(*(word.format(db=path) for word in words))
    assert [result.stdout, result.stderr] == [f"{path}\n", "given by --db\n"]


def test_run_records_where_it_is_told_before_its_name(tmp_path):
    code = (
        "import os; print(os.environ['MEXC_PLUGIN_DATABASE_URL'], os.environ['MEXC_PLUGIN_CONFIG'])"
    )
    toml = tmp_path / "mine.toml"
    toml.write_text("")
    words = [*("--db", "a.db", "--config", "mine.toml", "run", "--"), sys.executable, "-c", code]
    found = subprocess.run(
        [sys.executable, "-m", "mexc_plugin", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == f"sqlite:///{tmp_path}/a.db {toml}\n"


def test_the_demo_keeps_its_record_where_it_is_told_before_its_name(run, tmp_path):
    assert run("--db", str(tmp_path / "demo.db"), "demo").exit_code == 0
    assert len(ids(run("audit", "--db", str(tmp_path / "demo.db")))) == 4


# -- config


@pytest.fixture(autouse=True)
def _no_deadline(monkeypatch):
    monkeypatch.delenv(VARIABLES["deadline_ms"])


def settings(result):
    assert result.exit_code == 0, result.output
    return {row["setting"]: row for row in map(json.loads, result.stdout.splitlines())}


def test_config_says_each_setting_and_where_it_comes_from(run, tmp_path, monkeypatch):
    file = usual_path()
    assert file is not None
    file.parent.mkdir(parents=True)
    file.write_text('deadline_ms = 400\nbot = "from-the-file"\nspool = "events"\n')
    monkeypatch.setenv(VARIABLES["bot"], "grid-7")
    result = run("config", "--db", "postgresql://me:s3cret@db.example/audit")
    found = settings(result)
    assert {key: (row["value"], row["from"]) for key, row in found.items()} == {
        "url": ("postgresql+psycopg://me:***@db.example/audit", "command line"),
        "bot": ("grid-7", VARIABLES["bot"]),
        "on_failure": ("spool", "default"),
        "deadline_ms": ("400", str(file)),
        "spool": (str(file.parent / "events"), str(file)),
        "key": (None, "default"),
    }
    assert {key: row["variable"] for key, row in found.items()} == VARIABLES
    assert result.stderr == f"settings file: {file}\n"
    assert "s3cret" not in result.output


def test_config_without_anything_is_all_defaults(run, tmp_path):
    result = run("config")
    assert {row["from"] for row in settings(result).values()} == {"default"}
    assert settings(result)["url"]["value"] == f"{tmp_path}/data/mexc-plugin/audit.db"
    assert settings(result)["spool"]["value"] == f"{tmp_path}/data/mexc-plugin"
    assert "(not there)" in result.stderr


def test_config_says_that_the_environment_chose_and_that_an_option_named_the_spool(
    run, tmp_path, monkeypatch
):
    monkeypatch.setenv(URL_VARIABLE, "audit.db")
    monkeypatch.chdir(tmp_path)
    found = settings(run("config", "--spool", str(tmp_path / "s")))
    assert (found["url"]["value"], found["url"]["from"]) == (f"{tmp_path}/audit.db", URL_VARIABLE)
    assert (found["spool"]["value"], found["spool"]["from"]) == (f"{tmp_path}/s", "command line")


def test_config_is_a_table_for_people_and_a_setting_that_cannot_be_meant_is_one_line(
    run, monkeypatch
):
    assert run("config", "--format", "table").stdout.startswith("setting")
    monkeypatch.setenv(VARIABLES["deadline_ms"], "soon")
    result = run("config")
    assert [result.exit_code, len(result.stderr.splitlines())] == [2, 1]
    assert VARIABLES["deadline_ms"] in result.stderr


def test_config_without_a_home_says_how_to_name_a_file(run, monkeypatch):
    monkeypatch.setattr("mexc_plugin.settings_file.usual_path", lambda: None)
    assert "no settings file" in run("config", "--db", "/a/audit.db").stderr


def test_a_server_whose_password_is_not_kept_is_not_named_as_if_it_could_be_typed(run, tmp_path):
    absent = str(tmp_path / "absent.db")
    for url, name in (
        ("postgresql://grid:secret@db.example/audit", "DATABASE"),
        ("postgresql://grid@db.example/audit", "postgresql+psycopg://grid@db.example/audit"),
    ):
        recent.remember(url)
        result = run("audit", "--db", absent)
        assert [result.exit_code, "secret" in result.stderr] == [1, False]
        assert result.stderr.endswith(f"look there with: --db {name}\n")
