"""`mexc-plugin run --in-process`: for Pythons that PYTHONPATH does not reach."""

import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mexc_plugin.sandbox import Sandbox
from tests.conftest import Audit

from .conftest import MEXC_PLUGIN, program, start

SHOW = """
import sys, __main__
import beside
print(sys.argv, __name__, __main__.__dict__ is globals(), __doc__)
print(globals().get("__file__"), __spec__ and __spec__.name, __package__, beside.__name__)
print(sys.path[0])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "bot.py").write_text(SHOW)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "__main__.py").write_text(SHOW)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["bot.py", "--one", "2"],
        ["-m", "bot", "-x"],
        ["-m", "package"],
        ["-c", SHOW, "one"],
        ["./package/../bot.py"],
    ],
)
@pytest.mark.parametrize("flags", [[], ["-P"]])
def test_a_program_sees_what_it_sees_below_python(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments, flags
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    plain = start(sys.executable, *flags, *arguments)
    ours = start(
        *(sys.executable, *flags, "-m", "mexc_plugin", "run", "--in-process", "--", *arguments)
    )
    assert (plain.returncode, plain.stderr) == (0, "")
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, plain.stdout, "")


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_folder_or_an_archive_with_a_main_runs(folder: Path, kind: str) -> None:
    target = folder / "package"
    if kind == "archive":
        target = folder / "bot.pyz"
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("__main__.py", "import sys; print(sys.argv, __name__)")
    else:
        (target / "__main__.py").write_text("import sys; print(sys.argv, __name__)")
    done = program("run", "--in-process", str(target), "x")
    assert done.stdout == f"['{target}', 'x'] __main__\n"


@pytest.mark.parametrize("flags", [["-I"], ["-E", "-s"], ["-S"]])
def test_the_adapter_gets_into_a_python_that_is_closed_to_the_environment(
    script, sandbox: Sandbox, audit: Audit, flags: list[str]
) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    bot = script(
        f"""
        from ccxt import mexc
        exchange = mexc({sandbox.ccxt_config()!r})
        exchange.cancel_order({order_id!r}, "LTC/BTC")
        exchange.session.close()
        """
    )
    entry = [sys.executable, *flags, "-m", "mexc_plugin"]
    environ = {}
    if flags == ["-S"]:
        environ["PYTHONPATH"] = ":".join(path for path in sys.path if path)
    done = start(*entry, "run", "--audit-url", audit.url, "--in-process", "--", str(bot), **environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["order_id"] for row in audit.history()] == [order_id]


def test_what_the_program_raises_and_exits_with_is_its_own(script) -> None:
    failing = program("run", "--in-process", str(script("open('/no/such/file')")))
    assert failing.returncode == 1
    assert failing.stderr.startswith("Traceback")
    assert "During handling" not in failing.stderr
    assert "FileNotFoundError" in failing.stderr
    ending = program("run", "--in-process", str(script("import sys; sys.exit(41)")))
    assert (ending.returncode, ending.stderr) == (41, "")
    words = program("run", "--in-process", str(script("raise SystemExit('words')")))
    assert (words.returncode, words.stderr) == (1, "words\n")


def test_ctrl_c_ends_it_as_it_ends_python(script) -> None:
    bot = script("import time; print('up', flush=True); time.sleep(60)")
    command = [*MEXC_PLUGIN, "run", "--in-process", str(bot)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert words.endswith("KeyboardInterrupt\n")


def test_its_child_processes_are_audited_too(script) -> None:
    bot = script(
        """
        import subprocess, sys
        code = "import ccxt; print(ccxt.mexc.__module__)"
        subprocess.run([sys.executable, "-c", code], check=True)
        """
    )
    done = program("run", "--in-process", str(bot))
    assert (done.stdout, done.stderr) == ("mexc_plugin.exchange.sync\n", "")


def test_a_script_that_is_not_there_is_one_line() -> None:
    done = program("run", "--in-process", "no-such-bot.py")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.startswith("mexc-plugin: no-such-bot.py: no such script")
    assert done.stderr.count("\n") == 1
