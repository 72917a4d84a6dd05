"""Programs that PyInstaller makes of a bot and of the command line, with the hooks that we ship."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

# Only `make test-pyinstaller` sets it, to the program of an environment in which the wheel is installed.
PYINSTALLER = os.environ.get("PYINSTALLER")
collect_ignore_glob = [] if PYINSTALLER else ["test_*.py"]

HERE = Path(__file__).parent
BUILDS_WITHIN_S = 300

Result = subprocess.CompletedProcess[str]
Freeze = Callable[[Path], Path]


def run(*command: str | Path) -> Result:
    """With nothing in the environment by which a frozen program could find a Python's packages."""
    names = ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "TMPDIR")
    environ = {name: os.environ[name] for name in names if name in os.environ}
    return subprocess.run(
        command, env=environ, cwd="/", capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="session")
def freeze(tmp_path_factory: pytest.TempPathFactory) -> Freeze:
    """Build a script to a folder, and give the program in it."""

    def build(script: Path) -> Path:
        folder = tmp_path_factory.mktemp("frozen")
        done = subprocess.run(
            [str(PYINSTALLER), "--onedir", "--noconfirm", "--log-level", "WARN", str(script)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=BUILDS_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return folder / "dist" / script.stem / script.stem

    return build


@pytest.fixture(scope="session")
def bot(freeze: Freeze) -> Path:
    return freeze(HERE / "bot.py")


@pytest.fixture(scope="session")
def tool(freeze: Freeze, tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = tmp_path_factory.mktemp("script") / "tool.py"
    script.write_text("from mexc_plugin.cli import main\n\nmain()\n")
    return freeze(script)
