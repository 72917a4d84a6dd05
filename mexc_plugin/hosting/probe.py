"""Asks a Python, in a process of its own, which classes ccxt has there; and a shell for its PYTHONPATH."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mexc_plugin import distributions
from mexc_plugin.hosting.launched_programs import Interpreter

TIMEOUT_S = 120
SHELL_TIMEOUT_S = 10
OURS = "mexc_plugin."

# ccxt is imported as a bot would import it, and that Python may have nothing of ours. The last line of
# stdout is the answer; the one before stands where the import ends the program.
PROGRAM = """
from __future__ import annotations
{owners}
import importlib, importlib.util, importlib.metadata, json, platform
answer = {"classes": {}, "versions": {"python": platform.python_version()}, "owners": {}}
for name in ("mexc-plugin", "ccxt", "sqlalchemy", "alembic"):
    try:
        answer["versions"][name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
answer["owners"] = owners("ccxt")
answer["versions"].update(answer["owners"])
print(json.dumps(answer), flush=True)
if importlib.util.find_spec("ccxt"):
    for name in ("ccxt", "ccxt.async_support", "ccxt.pro"):
        found = importlib.import_module(name).mexc
        answer["classes"][name] = found.__module__ + "." + found.__qualname__
print()
print(json.dumps(answer))
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What a Python answered.

    classes: the class named mexc in ccxt, ccxt.async_support and ccxt.pro, empty without ccxt;
    versions by distribution; owners: the distributions that the package ccxt is from, with their
    versions; error: why ccxt cannot be imported, or why there is no answer at all.
    """

    classes: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None

    @property
    def is_installed(self) -> bool:
        """Whether every one of the classes is the adapter's."""
        return bool(self.classes) and all(map(is_ours, self.classes.values()))


def is_ours(name: str) -> bool:
    """Whether a class of that name is one of the adapter's."""
    return name.startswith(OURS)


def ask(interpreter: Interpreter, environ: Mapping[str, str]) -> Report:
    """Start the Python with its options and the environment, and ask it."""
    if getattr(sys, "frozen", False):
        return Report(
            error="this mexc-plugin is a frozen program, which can look into no Python; "
            "use the one in the bot's own environment"
        )
    program = PROGRAM.replace("{owners}", inspect.getsource(distributions.owners))
    command = [interpreter.path, *interpreter.options, "-c", program]
    try:
        done = _run(command, environ, TIMEOUT_S)
    except OSError as error:
        return Report(error=f"{interpreter.path}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Report(error=f"{interpreter.path} did not import ccxt within {TIMEOUT_S} s")
    problem = None
    if done.returncode != 0:
        problem = _last_words(done.stderr) or f"exit code {done.returncode}"
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
        return Report(answer["classes"], answer["versions"], answer["owners"], problem)
    except (ValueError, LookupError, TypeError):
        return Report(error=problem or f"{interpreter.path} gave no answer that can be read")


def keeps_entry(shell: Sequence[str], environ: Mapping[str, str], entry: str) -> bool | None:
    """Whether a shell, started like this, still has the entry on its PYTHONPATH; None: no answer.

    Its start-up files run for it: they may set what they like, and decide it alone.
    """
    marker = "mexc-plugin-path="
    try:
        # In a session of its own: an interactive one would take the terminal away.
        command = [*shell, "-c", f'printf "\\n%s%s\\n" "{marker}" "$PYTHONPATH"']
        done = _run(command, environ, SHELL_TIMEOUT_S, start_new_session=True)
    except (OSError, subprocess.TimeoutExpired):
        return None
    answers = [line for line in done.stdout.splitlines() if line.startswith(marker)]
    return entry in answers[-1].removeprefix(marker).split(os.pathsep) if answers else None


def _run(
    command: Sequence[str],
    environ: Mapping[str, str],
    timeout_s: float,
    *,
    start_new_session: bool = False,
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - the user's own interpreter, or shell
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
        start_new_session=start_new_session,
    )


def _last_words(stderr: str) -> str:
    """What the adapter said; else the last line, which is a traceback's error."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("mexc-plugin: ")]
    return (said or lines or [""])[0 if said else -1].removeprefix("mexc-plugin: ")
