"""The command line: parse, query, render. `main()` is the program.

Commands live in modules that are imported when they are called, and import SQLAlchemy, alembic and
ccxt inside their functions: `--help` needs none of them.
"""

import io
import os
import sys

import click

from mexc_plugin import __version__
from mexc_plugin.cli.commands.hosting import Handover
from mexc_plugin.cli.exit_codes import PROGRAM
from mexc_plugin.cli.groups import Program
from mexc_plugin.cli.options import common
from mexc_plugin.cli.output.terminal import say
from mexc_plugin.misspellings import find_unknown_variables
from mexc_plugin.review.text import visible

COMMANDS = {
    "audit": "mexc_plugin.cli.audit:audit",
    "db": "mexc_plugin.cli.commands.db:db",
    "cancel": "mexc_plugin.cli.commands.cancel:cancel",
    "sandbox": "mexc_plugin.cli.commands.sandbox:sandbox",
    "demo": "mexc_plugin.cli.commands.demo:demo",
    "run": "mexc_plugin.cli.commands.hosting:run",
    "doctor": "mexc_plugin.cli.commands.hosting:doctor",
    "config": "mexc_plugin.cli.commands.settings:config",
    "completion": "mexc_plugin.cli.completion:completion",
}


@click.group(
    cls=Program,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine, 1 failed, 2 usage, 3 found something that needs attention.",
)
@common.before_the_command
@click.version_option(__version__, message="%(prog)s %(version)s")
def program() -> None:
    """A ccxt adapter for MEXC that keeps a record of every cancel that it sends."""
    for sentence in find_unknown_variables(os.environ):
        say(f"{PROGRAM}: warning: {visible(sentence)}")


def main() -> None:
    """Run the program and exit with its code."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets it written out, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        program(prog_name=PROGRAM)
    except Handover as handover:
        start = handover.start
    # `run --in-process`: outside of the handler, so that the bot's errors are its own.
    start()


def _open_what_is_closed() -> None:
    """Somebody may have closed our streams (`>&-`): what we open must not take their place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
