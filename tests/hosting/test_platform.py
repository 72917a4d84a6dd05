"""On a system that is not POSIX there is one sentence, and never a traceback."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = (
    "the record needs the file locks of a POSIX system (flock), which this Python does not have; "
    "on Windows, run the bot and mexc-plugin in WSL"
)
POSIX_ONLY = frozenset(
    [
        "crypt",
        "fcntl",
        "grp",
        "nis",
        "posix",
        "pty",
        "pwd",
        "readline",
        "resource",
        "spwd",
        "syslog",
        "termios",
        "tty",
    ]
)
# What Windows does not have, taken away before anything of ours is imported.
WINDOWS = f"""
import os, shutil, signal, socket, subprocess, sys
shutil._use_fd_functions = False  # as on Windows: it goes by what the system has, not by these names
for name in {sorted(POSIX_ONLY - {"posix"})}:
    sys.modules[name] = None
for name in ("fork", "register_at_fork", "getuid", "geteuid", "getgid", "fchmod", "fchown",
             "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY"):
    delattr(os, name)
for name in ("SIGPIPE", "SIGXFSZ", "SIGHUP", "SIGKILL", "SIGALRM"):
    delattr(signal, name)
"""


def on_windows(code: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WINDOWS + code, *arguments],
        env={"PATH": "", "HOME": "/nonexistent", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def program(line: str, database: Path) -> subprocess.CompletedProcess[str]:
    return on_windows(
        "from mexc_plugin.cli import main; main()",
        *line.split(),
        MEXC_PLUGIN_DATABASE_URL=f"sqlite:///{database}",
        MEXC_API_KEY="key",
        MEXC_API_SECRET="secret",
    )


@pytest.mark.parametrize(
    "line",
    [
        "audit",
        "audit export -o x.jsonl",
        "audit recover",
        "audit report -o x.html",
        "audit serve",
        "audit verify",
        "cancel 1 BTC/USDT --base-url http://127.0.0.1:9",
        "db path",
        "db upgrade",
        "demo",
        "run -- no-such-bot",
        "run --in-process -- bot.py",
    ],
)
def test_a_command_says_so_in_one_line(line: str, tmp_path: Path) -> None:
    done = program(line, tmp_path / "audit.db")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == f"mexc-plugin: {SENTENCE}"
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line", ["--help", "--version", "audit --help", "run --help", "audit export --help"]
)
def test_the_help_is_there_all_the_same(line: str, tmp_path: Path) -> None:
    done = program(line, tmp_path / "audit.db")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "statement",
    [
        "from mexc_plugin import mexc",
        "from mexc_plugin.async_support import mexc",
        "from mexc_plugin.pro import mexc",
        "import mexc_plugin; mexc_plugin.install()",
        "from mexc_plugin.store.write.recorders import recorder_for",
    ],
)
def test_the_adapter_is_refused_as_a_module_that_cannot_be_imported(statement: str) -> None:
    done = on_windows(
        f"""
try:
    {statement}
except ImportError as error:
    from mexc_plugin.errors import MexcPluginError
    print(isinstance(error, MexcPluginError), error)
"""
    )
    assert (done.stdout, done.stderr) == (f"True {SENTENCE}\n", "")


def test_a_bot_below_run_ends_before_it_cancels() -> None:
    done = on_windows(
        "from mexc_plugin.hosting import hook; hook.arm(); import ccxt; print('runs')"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == (
        f"mexc-plugin: the adapter cannot be installed: UnsupportedPlatform: {SENTENCE}"
    )


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    return {
        *(alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names),
        *(str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)),
    }


def test_one_module_imports_what_only_posix_has() -> None:
    own = (ROOT / "mexc_plugin").rglob("*.py")
    assert {path.name for path in own if imported(path) & POSIX_ONLY} == {"posix.py"}
