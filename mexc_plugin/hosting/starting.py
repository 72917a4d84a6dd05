"""Starts a bot with the adapter in front of it: in its own process (exec), or in this one."""

import builtins
import contextlib
import os
import runpy
import signal
import sys
import zipfile
from collections.abc import Mapping, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from mexc_plugin import config
from mexc_plugin.hosting import hook, launched_programs, probe, why_not
from mexc_plugin.hosting.passage import PYTHONPATH

SITE = Path(__file__).parent / "site"
NOT_EXECUTABLE = 126
NOT_FOUND = 127


class CannotStart(Exception):
    """The command was not started. exit_code: what a shell would end with."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def environment(
    environ: Mapping[str, str], audit_url: str | None = None, bot: str | None = None
) -> dict[str, str]:
    """The bot's environment with the adapter in it, and where to record.

    Raises ConfigError for settings that cannot be used, the environment's included.
    """
    from mexc_plugin.store.connect import engine
    from mexc_plugin.store.write.spool import spool_folder

    settings = config.resolve({"url": audit_url, "bot": bot}, environ)
    engine.validate(settings.url)
    spool_folder.validate(settings.spool)
    added = {config.URL_VARIABLE: settings.url} if audit_url else {}
    if bot:
        added[config.BOT_VARIABLE] = bot
    return with_adapter({**environ, **added})


def with_adapter(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the adapter's folder first on PYTHONPATH."""
    site, given = str(SITE), environ.get(PYTHONPATH, "")
    # An empty entry would stand for the current folder.
    others = [entry for entry in given.split(os.pathsep) if entry != site] if given else []
    return {**environ, PYTHONPATH: os.pathsep.join([site, *others])}


def check(command: Sequence[str], environ: Mapping[str, str]) -> None:
    """Refuse what would keep the adapter out; try it in the command's Python, before the bot runs.

    The Python is asked in a process of its own. Nothing is known of commands that are not seen to be
    a Python's. Raises CannotStart.
    """
    if refusal := why_not.find(command, environ):
        raise CannotStart(f"not started: {refusal}", hook.EXIT_CODE)
    interpreter = launched_programs.interpreter_of(command, environ.get("PATH"))
    if interpreter is None or interpreter.only_informs or interpreter.is_run:
        return
    report = probe.ask(interpreter, environ)
    if report.error:
        raise CannotStart(f"not started: {report.error}", hook.EXIT_CODE)
    if report.classes and not report.is_installed:
        raise CannotStart(
            f"not started: the adapter does not get into {interpreter.path}; "
            "see: mexc-plugin doctor -- COMMAND",
            hook.EXIT_CODE,
        )


def replace_process(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the command: its pid, terminal, signals and exit code are its own.

    Raises CannotStart.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    # Python ignores these, and ignored signals stay ignored across exec.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvpe(command[0], list(command), dict(environ))  # noqa: S606 - no shell is wanted
    except FileNotFoundError:
        if Path(command[0]).is_file():
            raise CannotStart(
                f"{command[0]}: the interpreter in its first line is not there", NOT_FOUND
            ) from None
        raise CannotStart(f"{command[0]}: command not found", NOT_FOUND) from None
    except OSError as error:
        raise CannotStart(f"{command[0]}: {error.strerror}", NOT_EXECUTABLE) from None


class InProcess:
    """What follows `python`, run in this process: a script, `-m MODULE` or `-c CODE`."""

    def __init__(self, command: Sequence[str]) -> None:
        """Raises CannotStart for a script that is not there."""
        self._way = command[0] if command[0] in ("-c", "-m") and len(command) > 1 else None
        self._what, *self._arguments = command[1:] if self._way else command
        if self._way is None and not Path(self._what).exists():
            raise CannotStart(
                f"{self._what}: no such script; after --in-process stands what would follow python: "
                "a script, or -m and a module",
                NOT_FOUND,
            )

    def start(self, environ: Mapping[str, str]) -> None:
        """Install the adapter and run; what the program raises goes through."""
        os.environ.update(environ)
        hook.arm()
        main = ModuleType("__main__")
        main.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = main
        if self._way == "-m":
            self._set_up(_current_folder())
            _as_main(self._what, alter_argv=True)
        elif self._way == "-c":
            self._set_up("")
            exec(compile(self._what, "<string>", "exec"), main.__dict__)  # noqa: S102 - asked for
        elif Path(self._what).is_dir() or zipfile.is_zipfile(self._what):
            self._set_up(self._what)
            if sys.flags.safe_path:
                sys.path.insert(0, self._what)
            _as_main("__main__", alter_argv=False)
        else:
            self._set_up(str(Path(self._what).resolve().parent))
            self._execute(main)

    def _set_up(self, folder: str) -> None:
        sys.argv[:] = [self._way or self._what, *self._arguments]
        if not sys.flags.safe_path:
            sys.path[0] = folder

    def _execute(self, main: ModuleType) -> None:
        # As Python itself does: neither normalised nor resolved. The current folder may be gone.
        path = self._what
        if not os.path.isabs(path):  # noqa: PTH117
            path = os.path.join(_current_folder(), path)  # noqa: PTH118
        loader = SourceFileLoader("__main__", path)
        code = loader.source_to_code(loader.get_data(path), path)
        main.__dict__.update(__file__=path, __loader__=loader)
        exec(code, main.__dict__)  # noqa: S102 - asked for


def _current_folder() -> str:
    """As a text, empty where it is gone or closed to this user: an absolute script needs none."""
    try:
        return os.getcwd()  # noqa: PTH109 - text in, text out
    except OSError:
        return ""


def _as_main(module: str, *, alter_argv: bool) -> None:
    # What `python -m` itself calls. The public run_module takes __main__ away again when it
    # returns, while threads of the program may still need it.
    runpy._run_module_as_main(module, alter_argv)  # type: ignore[attr-defined]  # noqa: SLF001
