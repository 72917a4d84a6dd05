"""`mexc-plugin run -- COMMAND`, as a user types it."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mexc_plugin.sandbox import Sandbox
from tests.conftest import Audit

from .conftest import LEAN, MEXC_PLUGIN, program, start

pytestmark = LEAN

BOT = """
import ccxt, sys
exchange = ccxt.mexc({config!r})
for order_id in sys.argv[1:]:
    exchange.cancel_order(order_id, "LTC/BTC")
exchange.session.close()
"""


def test_an_unmodified_bot_s_cancels_are_on_record_with_its_label(
    script, sandbox: Sandbox, audit: Audit
) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    bot = script(BOT.format(config=sandbox.ccxt_config()))
    done = program(
        "run", "--audit-url", audit.url, "--bot", "grid-7", "--", sys.executable, str(bot), order_id
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [(row["order_id"], row["bot"], row["outcome"]) for row in audit.history()] == [
        (order_id, "grid-7", "canceled")
    ]
    assert [arrival.params["orderId"] for arrival in sandbox.arrivals] == [order_id]


def test_a_bot_below_a_shell_script_is_audited_too(script, sandbox: Sandbox, audit: Audit) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    bot = script(BOT.format(config=sandbox.ccxt_config()))
    shell = script(f'exec "{sys.executable}" "{bot}" "$@"', "start.sh", "#!/bin/sh")
    done = program("run", str(shell), order_id, MEXC_PLUGIN_DATABASE_URL=audit.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["order_id"] for row in audit.history()] == [order_id]


def test_arguments_stdin_stdout_and_the_exit_code_are_the_command_s_own() -> None:
    code = "import sys; print(sys.argv[1:], sys.stdin.read()); sys.exit(41)"
    done = start(
        *(*MEXC_PLUGIN, "run", "--", sys.executable, "-c", code, "--bot", "x", "--help", "--"),
        stdin="typed",
    )
    assert (done.returncode, done.stderr) == (41, "")
    assert done.stdout == "['--bot', 'x', '--help', '--'] typed\n"


def test_the_command_keeps_the_process_and_gets_its_signals(script) -> None:
    bot = script(
        """
        import os, signal, sys, time
        def stop(number, frame):
            print("stopped by", number, flush=True)
            sys.exit(7)
        signal.signal(signal.SIGTERM, stop)
        print(os.getpid(), signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)
        time.sleep(60)
        """
    )
    command = [*MEXC_PLUGIN, "run", sys.executable, str(bot)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{process.pid} True\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == f"stopped by {int(signal.SIGTERM)}\n"
    assert process.returncode == 7


def test_a_signal_that_python_ignores_is_not_ignored_in_the_command() -> None:
    # `yes` ends when head closes the pipe, by SIGPIPE, as it does without us.
    command = " ".join([*MEXC_PLUGIN, "run", "yes"])
    done = start("bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stdout) == (128 + signal.SIGPIPE, "y\n")


def test_the_terminal_passes_through() -> None:
    ours, theirs = pty.openpty()
    code = "import sys; print(sys.stdin.isatty(), sys.stdout.isatty(), input())"
    command = [*MEXC_PLUGIN, "run", "--", sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.write(ours, b"typed\n")
        assert process.wait(60) == 0
    os.close(theirs)
    assert b"True True typed" in os.read(ours, 4096)
    os.close(ours)


@pytest.mark.parametrize(
    ("name", "content", "mode", "code", "words"),
    [
        ("not-there", None, 0, 127, "command not found"),
        ("text.txt", "hello", 0o600, 126, "Permission denied"),
        ("no-first-line", "hello", 0o700, 126, "Exec format error"),
        ("bad-first-line", "#!/no/such/python\n", 0o700, 127, "interpreter in its first line"),
        (".", None, 0, 126, "Permission denied"),
    ],
)
def test_a_command_that_cannot_be_started_is_one_line_and_a_shell_s_exit_code(
    tmp_path: Path, name, content, mode, code, words
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    done = program("run", "--", f"{tmp_path}/{name}", "-x")
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"mexc-plugin: {tmp_path}/{name}: ")


def test_a_command_that_is_nowhere_on_the_path_is_not_found() -> None:
    done = program("run", "no-such-bot", "trade")
    assert (done.returncode, done.stderr) == (
        127,
        "mexc-plugin: no-such-bot: command not found\n",
    )


@pytest.mark.parametrize("option", ["--version", "-V", "-h"])
def test_a_python_that_only_tells_about_itself_is_let_through(option: str) -> None:
    done = program("run", sys.executable, option)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == start(sys.executable, option).stdout


def test_without_a_command_it_is_a_usage_error() -> None:
    assert program("run").returncode == program("run", "--").returncode == 2


@pytest.mark.parametrize("flag", ["-I", "-E", "-S", "-sE"])
def test_a_python_that_shuts_the_adapter_out_is_refused_and_told_how(script, flag: str) -> None:
    bot = script("print('the bot runs')")
    done = program("run", "--", sys.executable, flag, str(bot), "its", "arguments")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"python {flag} -m mexc_plugin run --in-process -- {bot} its arguments\n" in done.stderr
    scripted = script("print('the bot runs')", "other", f"#!{sys.executable} {flag}")
    assert "--in-process" in program("run", str(scripted)).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--audit-url", "non-sense://"], "not an SQLAlchemy URL"),
        (["--audit-url", "sqlite:////no/such/folder/a.db"], "/no/such/folder"),
        (["--audit-url", "oracle://me:swordfish@host/x"], "oracle"),
        (["--bot", "x" * 65], "bot label"),
    ],
)
def test_settings_are_validated_before_the_bot_starts(script, arguments, words) -> None:
    done = program("run", *arguments, "--", str(script("touch ran", "bot.sh", "#!/bin/sh")))
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "swordfish" not in done.stderr


def test_a_bad_database_in_the_environment_stops_it_too() -> None:
    done = program("run", "true", MEXC_PLUGIN_DATABASE_URL="non-sense://")
    assert done.returncode == 2


def test_a_relative_database_is_the_one_in_the_folder_where_run_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = program(
        "run", "--audit-url", "sqlite:///a.db", "--bot", "b", "sh", "-c",
        "echo $MEXC_PLUGIN_DATABASE_URL $MEXC_PLUGIN_BOT",
    )  # fmt: skip
    assert done.stdout == f"sqlite:///{tmp_path}/a.db b\n"


def test_a_bot_whose_adapter_cannot_be_installed_does_not_start(tmp_path: Path, script) -> None:
    (tmp_path / "theirs").mkdir()
    script("binance = 1", "theirs/ccxt/__init__.py")
    bot = script("print('the bot runs')")
    done = program(
        "run", "--", "env", f"PYTHONPATH_={tmp_path}", sys.executable, str(bot),
        PYTHONPATH=str(tmp_path / "theirs"),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "the adapter cannot be installed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_python_without_ccxt_runs(tmp_path: Path, script) -> None:
    bare = tmp_path / "bare"
    start(sys.executable, "-m", "venv", "--without-pip", str(bare))
    python = str(bare / "bin" / "python")
    done = program("run", python, "-c", "print('runs')", PYTHONPATH="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "runs\n", "")


def test_a_python_with_ccxt_but_without_the_adapter_does_not_start_a_bot(
    tmp_path: Path, script
) -> None:
    bare = tmp_path / "bare"
    start(sys.executable, "-m", "venv", "--without-pip", str(bare))
    (folder,) = (bare / "lib").glob("python*/site-packages")
    (folder / "ccxt.py").write_text("class mexc: pass")
    done = program("run", str(bare / "bin" / "python"), "-c", "print('the bot runs')")
    assert (done.returncode, done.stdout) == (1, "")
    # A Python without pip is uv's.
    assert f"run: uv pip install --python {bare}/bin/python --no-deps " in done.stderr
