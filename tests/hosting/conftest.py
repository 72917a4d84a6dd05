"""Pythons that are started as users start them: what install() does belongs to a whole process."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from mexc_plugin.hosting import starting

MEXC_PLUGIN = [sys.executable, "-m", "mexc_plugin"]
# Where ccxt keeps a class named mexc.
PLACES = ("ccxt", "ccxt.async_support", "ccxt.pro")

# What a test is not about takes most of the time of a Python that imports it: `lean_ccxt`.
LEAN = pytest.mark.usefixtures("lean_ccxt")

Result = subprocess.CompletedProcess[str]
Start = Callable[..., Result]


def start(*command: str, stdin: str = "", **environ: str) -> Result:
    """Run a command to its end in this environment, with changes."""
    return subprocess.run(
        command,
        env={**os.environ, **environ},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def python(code: str, *arguments: str, **environ: str) -> Result:
    """Run code in a Python of its own, warnings as errors."""
    return start(sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments, **environ)


def hooked(code: str, *arguments: str, **environ: str) -> Result:
    """The same with the environment that `mexc-plugin run` makes, without its check."""
    return python(code, *arguments, **starting.environment({**os.environ, **environ}))


def program(*arguments: str, **kwargs: str) -> Result:
    """Run `mexc-plugin …`."""
    return start(*MEXC_PLUGIN, *arguments, **kwargs)


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    """Write a script and give its path."""

    def write(code: str, name: str = "bot.py", first_line: str = "") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"{first_line}\n{textwrap.dedent(code)}" if first_line else textwrap.dedent(code)
        )
        path.chmod(0o700)
        return path

    return write


@pytest.fixture(scope="session")
def lean_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ccxt as it is, but that it imports no exchange but mexc."""
    folder = tmp_path_factory.mktemp("lean")
    ccxt = Path(find_spec("ccxt").submodule_search_locations[0])
    for package in (ccxt, ccxt / "async_support", ccxt / "pro"):
        text = (package / "__init__.py").read_text()
        others = r"^ *from ccxt\.(?:(?:async_support|pro)\.)?(?!mexc )(\w+) +import \1\b.*$"
        lean = folder / package.relative_to(ccxt.parent) / "__init__.py"
        lean.parent.mkdir()
        rest = re.sub(others, "", text, flags=re.MULTILINE)
        lean.write_text(f"__path__.append({str(package)!r})\n{rest}")
    return folder


@pytest.fixture
def lean_ccxt(lean_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pythons that a test starts import ccxt in a third of the time: where it is about what is in front of a bot.

    Where it is about ccxt, or about the hook in it, they import all of it.
    """
    monkeypatch.setenv("PYTHONPATH", str(lean_folder))
