"""pytest in a fork of a process that has what takes long to import, ccxt above all; nothing of the product.

As a program it is that process: it reads a line of JSON for each run and answers with the process's id, then its code.
"""

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

LONGEST_S = 3600


class Forks:
    """The process for one copy of the project, from the side of who asks it. A run at a time."""

    def __init__(self, copy: Path) -> None:
        environment = {
            **os.environ,
            "CI": "1",  # hypothesis draws the same examples each time
            "PYTHONPATH": str(copy),
        }
        self._output = copy / "output.txt"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.forking"],
            cwd=copy,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
        """pytest with these arguments: its code and what it has printed. What it leaves behind ends with it."""
        asked = {"argv": arguments, "env": environment, "output": str(self._output)}
        process: Any = self._process
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        pid = int(process.stdout.readline())
        alarm = threading.Timer(LONGEST_S, _end, (pid,))
        alarm.start()
        try:
            code = int(process.stdout.readline())
        finally:
            alarm.cancel()
            _end(pid)
        return code, self._output.read_text(errors="replace")

    def close(self) -> None:
        """It ends when nobody asks any more."""
        self._process.communicate()


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _serve() -> None:
    import alembic.command  # noqa: F401
    import ccxt.async_support
    import ccxt.pro  # noqa: F401
    import hypothesis.strategies  # noqa: F401
    import pytest
    import sqlalchemy.dialects.sqlite  # noqa: F401

    gc.freeze()  # pytest collects at its end, and each run would look at all of this anew
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.environ.update(asked["env"])
            sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in asked["env"]
            sys.argv = ["pytest", *asked["argv"]]
            sys.exit(int(pytest.main(asked["argv"])))
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
