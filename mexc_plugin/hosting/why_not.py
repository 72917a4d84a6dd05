"""Why the adapter would not get into a command, and what to type instead.

Only of what can be seen: in the command line, in the first line of a script, and in what a shell
does with PYTHONPATH before it reads its text.
"""

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from mexc_plugin import config
from mexc_plugin.audit.redaction import Redactor
from mexc_plugin.hosting import launched_programs, probe
from mexc_plugin.hosting.command_lines import Reading, read
from mexc_plugin.hosting.launched_programs import Interpreter
from mexc_plugin.hosting.passage import PYTHONPATH, Passage

PROGRAM = "mexc-plugin"
_HIDDEN = re.compile(r"\w+=…")


def find(command: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """The reason why a command is not to be started below `run`, with the way out; None without one.

    environ: the environment that the bot is to have, the adapter's entry first on its PYTHONPATH.
    """
    site = environ.get(PYTHONPATH, "").partition(os.pathsep)[0]
    ours = {name for name in config.VARIABLES.values() if environ.get(name)}
    readings = list(read(command, Passage(frozenset({PYTHONPATH} | ours), site)))
    pythons = [launched_programs.python_of(reading, environ.get("PATH")) for reading in readings]
    is_reached = any(
        python and not reading.passage.lost
        for reading, python in zip(readings, pythons, strict=True)
    )
    for reading, python in zip(readings, pythons, strict=True):
        if _is_harmless(reading, python):
            continue
        # An unknown program is the bot where nothing else can be; `sudo chown` before it is none.
        if reading.passage.lost and (python or (reading.is_last and not is_reached)):
            return _explain_lost(reading)
        if python and python.isolated_by:
            return _explain_isolated(reading, python)
    for shell in dict.fromkeys(shell for reading in readings for shell in reading.shells):
        if probe.keeps_entry(shell, environ, site) is False:
            return _explain_replaced(shell)
    return None


def _is_harmless(reading: Reading, python: Interpreter | None) -> bool:
    """Whether it runs no bot, or runs it below a `run` of its own."""
    if reading.words and PurePath(reading.words[0]).name == PROGRAM:
        return True
    return python is not None and (python.only_informs or python.is_run)


def _explain_lost(reading: Reading) -> str:
    passage = reading.passage
    if passage.is_elsewhere:
        return (
            f"{passage.by} starts the bot where this environment does not arrive; let it start "
            f"the adapter there: {PROGRAM} run -- COMMAND"
        )
    names = sorted(passage.lost, key=lambda name: (name != PYTHONPATH, name))
    meaning = "and so the adapter" if PYTHONPATH in names else "and so the settings"
    options = []
    if config.URL_VARIABLE in names:
        options += ["--audit-url", "URL"]
    if config.BOT_VARIABLE in names:
        options += ["--bot", "LABEL"]
    words = reading.words or ("COMMAND",)
    return (
        f"{passage.by} keeps {' and '.join(names)} from the bot, {meaning}; {_where(reading)}: "
        f"{_join_words([*_hide_values(reading.before), *_program(), 'run', *options, '--', *words])}"
    )


def _explain_isolated(reading: Reading, python: Interpreter) -> str:
    name = reading.words[0] if launched_programs.is_python(reading.words[0]) else python.path
    in_process = ("-m", "mexc_plugin", "run", "--in-process", "--")
    instead = [*_hide_values(reading.before), name, *python.options, *in_process, *python.rest]
    flags = " ".join(python.isolated_by)
    return f"{name} {flags} does not let the adapter in; use --in-process: {_join_words(instead)}"


def _explain_replaced(shell: Sequence[str]) -> str:
    return (
        f"the start-up files of {_join_words(shell)} replace PYTHONPATH, and so the adapter does not get "
        f"in; put run into what the shell starts: {PROGRAM} run -- COMMAND"
    )


def _where(reading: Reading) -> str:
    return "write in the shell's text" if reading.is_in_text else "put run behind it"


def _program() -> list[str]:
    """This program by its whole path: behind a launcher, PATH may be another one."""
    script = Path(sys.executable).with_name(PROGRAM)
    return [str(script)] if script.exists() else [sys.executable, "-m", "mexc_plugin"]


def _hide_values(words: Sequence[str]) -> list[str]:
    """Launchers' words without the values of variables: they may be secret."""
    return [
        word if word.startswith("-") or "=" not in word else f"{word.partition('=')[0]}=…"
        for word in words
    ]


def _join_words(words: Sequence[str]) -> str:
    # A quoted assignment is none to a shell.
    quoted = (word if _HIDDEN.fullmatch(word) else shlex.quote(word) for word in words)
    return Redactor().text(" ".join(quoted))
