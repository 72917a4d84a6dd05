"""The list of databases that were used lately: a help that never fails anything, and holds no password."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mexc_plugin import config
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import recent
from mexc_plugin.store.write import recorders
from tests.command_line import invoke
from tests.conftest import Bot
from tests.store.audits import Audit


def file() -> Path:
    return config.default_spool_folder() / recent.NAME


def remembered(name: str) -> bool:
    """A thread writes it that nobody waits for."""
    until = time.monotonic() + 10
    while name not in recent.databases() and time.monotonic() < until:
        time.sleep(0.01)
    return name in recent.databases()


def test_a_bot_s_database_is_remembered_and_named_where_there_is_none(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    audit = Audit(tmp_path / "its own.db")
    bot = Bot("sync", sandbox.ccxt_config() | {"options": {"audit": {"url": str(audit.path)}}})
    assert remembered(str(audit.path))
    bot.close()
    recorders.close_all()
    assert file().stat().st_mode & 0o777 == 0o600
    assert file().parent.stat().st_mode & 0o777 == 0o700
    for command, code in (("audit list", 1), ("audit verify", 1), ("db check", 3)):
        found = invoke(command.split())
        assert (found.exit_code, len(found.stderr.splitlines())) == (code, 1)
        assert "Did the script name another one?" in found.stderr
        assert f"--db '{audit.path}'" in found.stderr


def test_without_a_list_the_question_is_asked_all_the_same() -> None:
    assert "Did the script name another one?" in invoke(["audit"]).stderr


def test_the_newest_is_first_there_are_few_and_each_is_there_once(tmp_path: Path) -> None:
    names = [str(tmp_path / f"{n}.db") for n in range(recent.MOST + 3)]
    for name in (*names, names[5]):
        Path(name).touch()
        recent.remember(f"sqlite:///{name}")
    assert recent.databases() == [names[5], *[n for n in names[:2:-1] if n != names[5]]]
    assert len(recent.databases()) == recent.MOST
    Path(names[5]).unlink()
    assert names[5] not in recent.databases()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@db.example/audit",
        "mysql://db.example/audit?password=s3cret",
        "postgresql://db.example/audit?sslpassword=s3cret",
    ],
)
def test_no_password_is_kept(url: str) -> None:
    recent.remember(url)
    assert "s3cret" not in file().read_text()
    assert "db.example" in recent.databases()[0]


@pytest.mark.parametrize(
    "text", ["", "nonsense", "{}", "[1, null]", "[" * 50_000, "\xff", '["' + "x" * 70_000 + '"]']
)
def test_a_list_that_is_none_is_begun_anew(text: str, tmp_path: Path) -> None:
    file().parent.mkdir(parents=True)
    file().write_text(text, encoding="latin-1")
    assert recent.databases() == []
    recent.remember(f"sqlite:///{tmp_path}")
    assert recent.databases() == [str(tmp_path)]


def test_where_it_cannot_be_written_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("a file in the folder's place")
    recent.remember("sqlite:////a.db")
    assert recent.databases() == []
    monkeypatch.setattr(recent, "xdg_folder", lambda *_: 1 / 0)
    recent.remember("sqlite:////a.db")
    recent.remember("nonsense")
    assert recent.databases() == []
    monkeypatch.setattr(recent, "xdg_folder", lambda *_: None)  # a user without a home
    recent.remember("sqlite:////a.db")
    assert recent.databases() == []

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("mexc_plugin.real_threads.start_new_thread", refuse)
    recent.remember_soon("sqlite:////a.db")


def test_a_home_that_hangs_holds_no_cancel(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    monkeypatch.setattr(recent, "_write", lambda _: hanging.wait(30))
    audit = Audit(tmp_path / "audit.db")
    bot = Bot("sync", sandbox.ccxt_config() | {"options": {"audit": {"url": audit.url}}})
    bot.cancel_order(sandbox.place("LTCBTC", "BUY", "1", "0.002"), "LTC/BTC")
    assert audit.payloads("response")[0]["outcome"] == "canceled"
    bot.close()
    recorders.close_all()
    hanging.set()


def test_many_bots_at_once_leave_a_whole_list(tmp_path: Path) -> None:
    code = "import sys; from mexc_plugin.store.connect import recent\nfor n in range(50): recent.remember(f'sqlite:///{sys.argv[1]}/{n % 7}.db')"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / str(n))], env=os.environ)
        for n in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert 1 <= len(json.loads(file().read_text())) <= recent.MOST
    assert [path.name for path in file().parent.iterdir()] == [recent.NAME]
