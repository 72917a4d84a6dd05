"""A container's user: a uid without a name, and a home that is missing or closed to it.

Programs run as that uid with the right to read everything, and no other: the Python of the tests may
lie in a home that is closed to others. It can write where any user without a name can.
"""

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import warm

UID = 54321
# What the user's HOME is, None for a variable that is not set.
HOMES = {"no-home": None, "root-as-home": "/"}
_READS_ALL = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")


@functools.cache
def _become() -> tuple[str, ...]:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("becoming a user without a name takes root and setpriv")
    return ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", *_READS_ALL)


def run(
    home: str, *arguments: str, folder: Path | None = None, timeout: float = 60, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a Python as that user. home: a key of HOMES."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
        given.pop(name, None)
    if HOMES[home] is not None:
        given["HOME"] = str(HOMES[home])
    return warm.run(
        *arguments, env=given | environ, cwd=folder or "/", timeout=timeout, become=_become()
    )


def folder() -> Iterator[Path]:
    """A folder of that user's, below none that is closed to it."""
    made = Path(tempfile.mkdtemp(prefix="mexc-plugin-nameless-"))
    os.chown(made, UID, UID)
    yield made
    shutil.rmtree(made)
