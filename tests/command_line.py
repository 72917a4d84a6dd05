"""The program, run in this process."""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from click.testing import CliRunner, Result

from mexc_plugin.cli import program
from mexc_plugin.cli.exit_codes import PROGRAM

# From click 8.2 on the streams are apart without being asked for, and cannot be asked for.
_APART = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}


def invoke(
    arguments: Sequence[str], env: Mapping[str, str] | None = None, **options: Any
) -> Result:
    """Run it to its end; its stdout is no terminal. What a bug raises is in the result."""
    return CliRunner(**_APART).invoke(program, arguments, env=env, prog_name=PROGRAM, **options)
