"""A fork of a Python that has ccxt is to a test what a Python is that it starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm

ROOT = Path(__file__).parents[1]
# What a process is, but for its id; none of the product is there before it is asked for.
CODE = """
import os, sys, warnings
print(sys.argv, sys.stdin.read(), os.getcwd(), dict(os.environ), os.getuid(), __name__, sys.path[0], sys.warnoptions)
print([name for name in sys.modules if name.startswith("mexc_plugin")], file=sys.stderr)
warnings.warn("of the program's own", UserWarning)
sys.exit(3)
"""
PROGRAMS = {
    "a code": ["-c", CODE, "a", "b c"],
    "a code, warnings as errors": ["-W", "error", "-c", CODE],
    "a module": ["-m", "mexc_plugin", "db", "path"],
    "a module, warnings as errors": ["-W", "error", "-m", "mexc_plugin", "--no-such-option"],
}


@pytest.mark.parametrize("arguments", PROGRAMS.values(), ids=PROGRAMS)
def test_it_says_and_ends_as_a_python_that_is_started(arguments: list[str], tmp_path: Path) -> None:
    # Without a locale a Python that begins gives itself one.
    own = {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **own}
    forked = warm.run(*arguments, env=env, cwd=tmp_path)
    started = subprocess.run(
        [sys.executable, *arguments],
        env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (forked.returncode, forked.stdout) == (started.returncode, started.stdout)
    assert forked.stderr.splitlines()[-1:] == started.stderr.splitlines()[-1:]


def test_one_that_hangs_is_ended_and_the_next_one_answers() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run("-c", "import time; time.sleep(60)", timeout=0.1)
    assert warm.run("-c", "import os; os.kill(os.getpid(), 9)").returncode == -9
