"""Exit codes, and the one place where errors become a line for people."""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from enum import IntEnum
from typing import IO, Any

import click

from mexc_plugin import distributions
from mexc_plugin.cli import suggestions
from mexc_plugin.errors import ConfigError, MexcPluginError, StoreMissing
from mexc_plugin.review.text import visible

PROGRAM = "mexc-plugin"
# From click 8.2 on a usage error whose text is the help; before, the help is printed, and all is fine.
_IS_HELP = getattr(click.exceptions, "NoArgsIsHelpError", ())


class Exit(IntEnum):
    """What the program ends with."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    ATTENTION = 3
    INTERRUPTED = 130


class Problem(click.ClickException):
    """One line on stderr, and exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"{PROGRAM}: {self.message}", file=file, err=file is None)


class Misuse(Problem):
    """The same for what the user gave: exit code 2."""

    exit_code = Exit.USAGE


class Alarm(Problem):
    """The same for what needs attention: exit code 3."""

    exit_code = Exit.ATTENTION


def one_line(message: str) -> str:
    """The message in one line that controls no terminal."""
    return visible(" ".join(message.split()))


@contextlib.contextmanager
def reporting() -> Iterator[None]:
    """Turn what a command raises into exit codes and lines; a bug stays a traceback."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except _IS_HELP:
        raise
    except click.UsageError as error:
        # It repeats what was given, whatever that was.
        raise click.UsageError(one_line(suggestions.explain(error)), error.ctx) from None
    except BrokenPipeError:
        _forget_stdout()
        raise click.exceptions.Exit(Exit.FINE) from None
    except KeyboardInterrupt:
        raise click.exceptions.Exit(Exit.INTERRUPTED) from None
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        needed = distributions.requirement(name)
        if needed is None:
            raise
        command = distributions.install_packages(needed)
        raise Problem(f"{name} is not installed; run: {command}") from None
    except ConfigError as error:
        raise Misuse(str(error)) from None
    except MexcPluginError as error:
        raise Problem(in_words(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Problem(f"{where}{error.strerror or error}") from None


def in_words(error: MexcPluginError) -> str:
    """What an error says; where a database is missing, also where this user's record may be instead."""
    if not isinstance(error, StoreMissing):
        return str(error)
    from mexc_plugin.store.connect import recent

    found = recent.databases()
    if not found:
        return f"{error}. Did the script name another one? Then name it here too, with --db"
    # A server's password is not kept.
    newest = "DATABASE" if "***" in found[0] else shlex.quote(found[0])
    return (
        f"{error}. Did the script name another one? This user's bots recorded lately in "
        f"{', '.join(found)}; look there with: --db {newest}"
    )


def _forget_stdout() -> None:
    # The reader is gone; what is still buffered must not raise again when the interpreter ends.
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
