"""Whatever `audit` is given: an answer, or one line that says what is wrong. Never a traceback.

The `run` fixture raises what is no orderly end of the program.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mexc_plugin.cli.audit import audit
from mexc_plugin.cli.exit_codes import Exit
from mexc_plugin.cli.options.filter_options import MOST_VALUES
from tests import warm
from tests.cli.tampering import tamper
from tests.evidence.records import honest, sealed, store

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "mexc_plugin"]
FILE = "FILE"  # a fresh one in the test's folder
FOLDER = "FOLDER"
KEY = str(ROOT / "tests/fixtures/worth-nothing.key")

# What each command needs to get as far as the database.
COMMANDS: dict[str, list[str]] = {
    "list": [],
    "tail": [],
    "show": ["0123"],
    "stats": [],
    "export": ["-o", FILE + ".jsonl"],
    "report": ["-o", FILE + ".html"],
    "metrics": [],
    "ship": ["--to", f"sqlite:///{FILE}.db"],
    "checkpoint": ["--key", KEY, "--to", FILE + ".txt"],
    "prove": ["0123", "-o", FILE + ".json"],
    "archive": ["--before", "2020-01-01", "--key", KEY, "-o", FOLDER],
    "keygen": ["-o", FILE + ".key"],
    "sql": ["failed"],
    "verify": [],
    "recover": [],
    "reconcile": ["--base-url", "http://127.0.0.1:9"],
    "watch": ["--once"],
    "serve": ["--port", "0"],
}
# keygen has none; serve starts and waits for it to come: tests/web looks at that.
ON_A_DATABASE = [name for name in COMMANDS if name not in ("keygen", "serve")]
FILTERED = ["list", "tail", "stats", "export", "report"]


def words_of(name: str, folder: Path) -> list[str]:
    """A command's words, with files and folders in that folder."""
    return [
        word.replace(FILE, str(folder / "file")).replace(FOLDER, str(folder))
        for word in COMMANDS[name]
    ]


def changed(*statements: str) -> Callable[[Path], None]:
    return lambda path: tamper(path, *statements)


def halved(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def is_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def is_foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")


BAD_DATABASES: dict[str, Callable[[Path], object]] = {
    "newer": changed("UPDATE cancel_audit_version SET version_num = '9999'"),
    "older": changed("UPDATE cancel_audit_version SET version_num = '0001'"),
    "missing": Path.unlink,
    "no database": lambda path: path.write_text("no database at all\n" * 100),
    "empty": lambda path: path.write_bytes(b""),
    "half": halved,
    "folder": is_folder,
    "foreign": is_foreign,
}
STRANGE_RECORDS = {
    "times that are none": "occurred_at = 'noon'",
    "bytes": "payload = x'ff00fe', bot = x'ff'",
    "empty payloads": "payload = ''",
    "unknown outcomes": "outcome = 'splendid'",
}
BAD_URLS = [
    "nonsense",
    "sqlite://",
    "sqlite:///no/such/folder/audit.db",
    "oracle://somewhere",
    "postgresql://127.0.0.1:9/x",
    "mysql://root@127.0.0.1:9/x",
    "postgresql+asyncpg://x/y",
    "sqlite:///a\0b",
    "sqlite:///\udcff",
    "://",
    " ",
]


@pytest.fixture(autouse=True)
def _credentials(monkeypatch) -> None:
    monkeypatch.setenv("MEXC_API_KEY", "key")
    monkeypatch.setenv("MEXC_API_SECRET", "secret")


@pytest.fixture
def audited(run, tmp_path) -> Callable[..., Result]:
    """Run a command of `audit` with what it needs, and more."""

    def running(name: str, *more: str) -> Result:
        given = words_of(name, tmp_path)
        return run("audit", name, *given, *more)

    return running


def is_orderly(result: Result) -> bool:
    """An exit code of ours; where it failed, in one line, or two more of how to use it."""
    lines = result.stderr.rstrip("\n").split("\n")
    if result.exit_code in (Exit.FINE, Exit.ATTENTION):
        return True
    return result.exit_code in (Exit.FAILED, Exit.USAGE) and 1 <= len(lines) <= 4


def test_every_command_of_audit_is_looked_at():
    assert set(audit.list_commands(click.Context(audit))) == set(COMMANDS)


@pytest.mark.parametrize("name", ON_A_DATABASE)
@pytest.mark.parametrize("kind", BAD_DATABASES)
def test_a_database_that_cannot_be_read_is_one_line(audited, url, path, tmp_path, name, kind):
    BAD_DATABASES[kind](path)
    result = audited(name, "--database-url", url)
    assert is_orderly(result), result.output
    assert result.exit_code in (Exit.FAILED, Exit.USAGE) or name in ("recover", "verify")
    assert not list(tmp_path.glob("file*"))


@pytest.mark.parametrize("name", ON_A_DATABASE)
@pytest.mark.parametrize("strange", STRANGE_RECORDS)
def test_a_record_that_somebody_wrote_to_is_shown_or_refused(
    audited, ledger, url, path, name, strange
):
    cancel_id = ledger.cancel("unknown")
    tamper(path, f"UPDATE cancel_audit SET {STRANGE_RECORDS[strange]}")
    result = audited(name, *([] if name != "show" else ["--format", "json"]), "--database-url", url)
    assert is_orderly(result), result.output
    assert is_orderly(audited("show", "--database-url", url)), cancel_id


@pytest.mark.parametrize("name", ON_A_DATABASE)
@pytest.mark.parametrize("address", BAD_URLS)
def test_a_url_that_cannot_be_meant_is_one_line_without_a_password(audited, name, address):
    result = audited(name, "--database-url", address)
    assert is_orderly(result), result.output
    # Where no spool waits there is nothing to recover, whatever the database.
    assert result.exit_code in (Exit.FAILED, Exit.USAGE) or name == "recover"


@pytest.mark.parametrize("name", FILTERED)
@pytest.mark.parametrize(
    "words",
    [
        ["--since", "someday"],
        ["--since", "99999999999999w"],
        ["--since", "2026-13-45"],
        ["--since", "2026-01-02", "--until", "2026-01-01"],
        ["--outcome", "fine"],
        ["--latency-over", "fast"],
        ["--latency-over", "-5ms"],
        ["--latency-over", "9" * 40 + "s"],
        ["--bot", "a\0b"],
        ["--bot", "\udcff"],
        ["--order-id", "\0"],
        ["--bot", "x"] * (MOST_VALUES + 1),
        ["--columns", "no_such_column"],
        ["--no-such-option"],
        ["surplus"],
    ],
    ids=lambda words: " ".join(words)[:30].encode("unicode_escape").decode(),
)
def test_a_filter_that_makes_no_sense_is_refused(audited, url, name, words):
    result = audited(name, *words, "--database-url", url)
    assert result.exit_code == Exit.USAGE
    assert is_orderly(result), result.output


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("list", ["--limit", "0"]),
        ("list", ["--limit", "9" * 30]),
        ("list", ["--limit", "many"]),
        ("list", ["--after", "nonsense"]),
        ("list", ["--after", ""]),
        ("list", ["--after", "\0"]),
        ("list", ["--format", "xml"]),
        ("tail", ["-n", "-1"]),
        ("tail", ["-n", "9" * 30]),
        ("show", ["two", "ids"]),
        ("stats", ["--by", "moon"]),
        ("sql", ["--param", "no"]),
        ("export", ["--format", "xml"]),
        ("export", ["--what", "nothing"]),
        ("reconcile", ["--base-url", "nonsense"]),
        ("serve", ["--port", "99999"]),
        ("serve", ["--host", "0.0.0.0"]),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(audited, url, name, words):
    result = audited(name, *words, "--database-url", url)
    assert result.exit_code == Exit.USAGE
    assert is_orderly(result), result.output


@pytest.mark.parametrize(
    "word", ["", "\0", "\udcff", "%", "'; DROP TABLE x; --", "x" * 10_000, "-"]
)
def test_an_id_of_nonsense_finds_nothing(audited, run, url, word):
    result = run("audit", "show", "--database-url", url, "--", word)
    assert result.exit_code in (Exit.FAILED, Exit.USAGE)
    assert is_orderly(result), result.output


# As an argument can be: any bytes but NUL, those that are not UTF-8 as lone surrogates.
WORDS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.binary(max_size=8).map(lambda raw: os.fsdecode(raw)),
        st.sampled_from(
            [
                *("--since", "--until", "--bot", "--symbol", "--outcome", "--latency-over"),
                *("--account", "--limit", "--after", "--columns", "--format", "--reverse", "--all"),
                *("list", "tail", "show", "stats", "verify", "sql", "-n", "--by", "--", "-", "1h"),
            ]
        ),
    ),
    max_size=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS)
def test_no_words_whatever_end_in_a_traceback(run, url, words):
    if {"-f", "--follow"} & set(words) or any(word.startswith(("--f", "--p")) for word in words):
        return  # follows for ever, or starts a pager
    assert is_orderly(run("audit", "--database-url", url, *words)) is True


@pytest.mark.skipif(not shutil.which("setpriv"), reason="root may read everything")
@pytest.mark.parametrize("name", ON_A_DATABASE)
def test_a_database_of_somebody_else_is_one_line(name, path, url, tmp_path):
    path.chmod(0o600)
    drop = () if os.geteuid() else ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if not drop:
        path.chmod(0)
    given = words_of(name, Path("/dev/shm/no-such-folder"))
    found = warm.run(
        *("-m", "mexc_plugin", "audit", name, *given, "--database-url", url),
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MEXC_API_KEY": "k", "MEXC_API_SECRET": "s"},
        become=drop,
    )  # fmt: skip
    assert found.returncode in (Exit.FAILED, Exit.USAGE, Exit.ATTENTION)
    assert len(found.stderr.splitlines()) == 1, found.stderr


@pytest.mark.parametrize("name", [n for n in ON_A_DATABASE if n not in ("reconcile", "recover")])
def test_a_closed_stdout_ends_a_command_quietly(ledger, url, tmp_path, name):
    ledger.cancel()
    given = words_of(name, tmp_path)
    words = [*PROGRAM, "audit", name, *given, "--database-url", url]
    found = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in found.stderr
    # The ledger's record has no answers of a venue, which verify says.
    assert found.returncode in (Exit.FINE, Exit.FAILED) or name == "verify"


@pytest.mark.parametrize("value", ["'abc'", "''", "x'ff00'", "1e300", "CAST(x'80' AS TEXT)"])
@pytest.mark.parametrize(
    "column", ["cancel_id", "attempt", "latency_us", "final_outcome", "symbol", "requested_at"]
)
@pytest.mark.parametrize(
    ("command", "out"),
    [
        ("list", None),
        ("stats", None),
        ("tail", None),
        ("report", "out.html"),
        ("export", "out.jsonl"),
    ],
)
def test_a_history_with_values_that_are_none_is_shown_or_refused_in_one_line(
    run, url, path, tmp_path, command, out, column, value
) -> None:
    store(url, sealed(honest()))
    tamper(path, f"UPDATE OR IGNORE cancel_history SET {column} = {value}")
    into = ["-o", str(tmp_path / out)] if out else []
    result = run("audit", command, *into, "--database-url", url)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if result.exit_code:
        assert result.stderr.startswith("mexc-plugin: ")
        assert "somebody wrote to it" in result.stderr
