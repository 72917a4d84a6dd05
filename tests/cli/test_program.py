"""The program as a process: streams, pipes, terminals, signals, and what it imports."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mexc_plugin
from mexc_plugin.cli import COMMANDS
from mexc_plugin.cli.completion import INSTALL

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "mexc_plugin"]


@pytest.fixture
def environment():
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


@pytest.fixture
def execute(environment):
    def executing(*arguments, **kwargs):
        options = {"env": environment, "capture_output": True, "text": True, "timeout": 30}
        return subprocess.run([*PROGRAM, *arguments], check=False, **(options | kwargs))

    return executing


@pytest.fixture
def on_terminal(environment):
    """What the program prints when stdout is a terminal of that width."""

    def running(width, *arguments, **more):
        ours, theirs = pty.openpty()
        variables = environment | {"TERM": "xterm", "COLUMNS": str(width)} | more
        with subprocess.Popen(
            [*PROGRAM, *arguments], env=variables, stdout=theirs, stderr=subprocess.PIPE
        ) as process:
            os.close(theirs)
            chunks = []
            try:
                while chunk := os.read(ours, 65_536):
                    chunks.append(chunk)
            except OSError:
                pass  # how Linux says that the other side of a terminal was closed
            os.close(ours)
            assert process.stderr is not None
            assert b"Traceback" not in process.stderr.read()
        return b"".join(chunks).decode().replace("\r\n", "\n")

    return running


@pytest.mark.parametrize("start", [PROGRAM, [sys.executable, str(ROOT / "cli.py")]])
def test_both_ways_to_start_it_are_the_same_program(start, environment):
    found = subprocess.run(
        [*start, "--version"], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout == f"mexc-plugin {mexc_plugin.__version__}\n"


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["audit", "show"]])
def test_help_is_everywhere(run, command, option):
    result = run(*command, option)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: mexc-plugin")


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"ccxt", "sqlalchemy", "alembic", "rich", "aiohttp", "requests"}),
        (["audit", "list", "--help"], {"ccxt", "sqlalchemy", "alembic", "rich", "aiohttp"}),
        (["cancel", "--help"], {"ccxt", "sqlalchemy", "alembic", "rich", "aiohttp"}),
        (["sandbox", "--help"], {"ccxt", "sqlalchemy", "alembic", "rich", "aiohttp"}),
        (["demo", "--help"], {"ccxt", "sqlalchemy", "alembic", "rich", "aiohttp"}),
        (["completion", "bash"], {"ccxt", "sqlalchemy", "alembic", "rich", "aiohttp"}),
        (["db", "path"], {"ccxt", "alembic"}),
        (["audit", "list"], {"ccxt", "alembic", "aiohttp", "requests"}),
        (["audit", "export", "-o", "-"], {"ccxt", "alembic", "aiohttp", "requests", "pyarrow"}),
        (["audit", "verify"], {"ccxt", "aiohttp", "requests"}),
    ],
)
def test_a_command_imports_only_what_it_needs(environment, url, arguments, unwanted):
    code = (
        "import atexit, sys\n"
        "names = lambda: {name.partition('.')[0] for name in sys.modules}\n"
        "atexit.register(lambda: print(*names(), file=sys.stderr))\n"
        "from mexc_plugin.cli import main; main()"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment | {"MEXC_PLUGIN_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set() == unwanted & set(found.stderr.split())


def test_a_terminal_gets_a_table_and_a_pipe_gets_jsonl(ledger, execute, on_terminal, url):
    cancel_id = ledger.cancel()
    assert json.loads(execute("audit", "--database-url", url).stdout)["cancel_id"] == cancel_id
    shown = on_terminal(160, "audit", "--database-url", url)
    assert "requested (UTC)" in shown
    assert "\x1b[32mcanceled\x1b[0m" in shown


@pytest.mark.parametrize("width", [50, 80, 120, 200])
def test_a_table_fits_the_terminal(ledger, on_terminal, url, width):
    cancel_id = ledger.cancel(order_id="133734823834447872", answer={"venue_message": "no " * 60})
    for command in ("list", "tail"):
        shown = on_terminal(width, "audit", command, "--database-url", url, NO_COLOR="1")
        assert "\x1b" not in shown
        assert max(map(len, shown.splitlines())) <= width
        # As much of it as tells it from one that is made now.
        assert cancel_id.startswith(shown.split()[-1])
        assert ("133734823834447872" in shown) == (width != 80)


def test_ids_are_as_short_as_they_are_unique_and_whole_on_request(ledger, on_terminal, run, url):
    ids = [ledger.cancel(cancel_id=f"01a20652-d3a{n}-70ca-8bc7-731c07817623") for n in "ab"]
    alone = ledger.cancel(cancel_id="02a20652-d3ab-70ca-8bc7-731c07817623")
    for command in ("list", "tail"):
        words = ["audit", command, "--database-url", url]
        shown = [line.split()[-1] for line in on_terminal(120, *words).splitlines()[1:]]
        assert {*shown} == {"01a20652-d3aa", "01a20652-d3ab", "02a20652"}
        for short in shown:
            assert run("audit", "show", short, "--database-url", url).exit_code == 0
        assert alone in on_terminal(120, *words, "--full-ids")
        assert "02a20652\n" in on_terminal(80, *words, "--columns", "bot,cancel_id")
    assert all(
        id_ in run("audit", "--database-url", url, "--format", "table").stdout for id_ in ids
    )


def test_a_table_in_a_pipe_has_no_colours(ledger, execute, url):
    ledger.cancel()
    found = execute("audit", "--format", "table", "--database-url", url)
    assert "requested (UTC)" in found.stdout
    assert "\x1b" not in found.stdout


@pytest.mark.parametrize("command", [["audit"], ["audit", "verify"], ["--help"]])
def test_a_reader_that_goes_away_ends_the_program_quietly(ledger, environment, url, command):
    for _ in range(3):
        ledger.cancel()
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(
        [*PROGRAM, *command],
        env=environment | {"MEXC_PLUGIN_DATABASE_URL": url},
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert [found.returncode, found.stderr] == [0, b""]


def test_a_full_disk_is_one_line(ledger, environment, url):
    ledger.cancel()
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run(
            [*PROGRAM, "audit", "--database-url", url],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert [found.returncode, len(found.stderr.splitlines())] == [1, 1]


def test_ctrl_c_ends_the_program_quietly_with_130(ledger, environment, url, path):
    # A reader that reads nothing keeps the program in the middle of its list.
    sealed = [ledger.seal(kind="request", cancel_id=f"{n:036}", attempt=1) for n in range(2_000)]
    ledger.store(*sealed)
    with subprocess.Popen(
        [*PROGRAM, "audit", "--limit", "2000", "--database-url", url],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        words = process.stderr.read()
    assert [process.returncode, words] == [130, b""]


@pytest.mark.parametrize("shell", INSTALL)
def test_completion_prints_a_script_and_how_to_install_it(run, shell):
    result = run("completion", shell)
    assert "_MEXC_PLUGIN_COMPLETE" in result.stdout
    assert f"mexc-plugin completion {shell}" in result.stdout.splitlines()[-1]
    assert result.stdout.splitlines()[-1].startswith("# ")


def test_completion_takes_the_shell_from_the_environment(run, monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert run("completion").stdout == run("completion", "fish").stdout
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert run("completion").exit_code == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("mexc-plugin au", "audit"),
        ("mexc-plugin audit sh", "show"),
        ("mexc-plugin audit --lim", "--limit"),
        ("mexc-plugin audit list --outcome unre", "unresolved"),
        ("mexc-plugin audit --bot x --outcome unre", "unresolved"),
        ("mexc-plugin completion f", "fish"),
    ],
)
def test_a_shell_completes_commands_options_and_values(environment, words, expected):
    variables = {
        "_MEXC_PLUGIN_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    found = subprocess.run(
        PROGRAM, env=environment | variables, capture_output=True, text=True, check=True
    )
    assert f"plain,{expected}\n" in found.stdout
