"""Python processes that need no time to import ccxt: forks of one that has it, and nothing of the product.

What a test starts by `run` is a process of its own, with its own environment, folder, streams and exit code, and it
imports all of the product as any other does. It is none that somebody typed: a test of how a Python begins, of what
is imported, or of pipes and signals starts a real one.

As a program this module is the process that forks: for each run it gets what is asked by its socket, and answers with
the process's id, then its exit code.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import types
import warnings
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[1]
# What takes long, and is not ours.
_IMPORTED = (
    *("ccxt.pro", "alembic.command", "psycopg", "sqlalchemy.dialects.sqlite"),
    *("sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.mysql.pymysql"),
)
_LONGEST = 200_000  # a message of such a socket


def run(
    *arguments: str,
    env: Mapping[str, str] = os.environ,
    cwd: Path | str | None = None,
    timeout: float = 60,
    become: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """`python [-W error] -c CODE …` or `-m MODULE …` to its end, without a stdin. become: a command that changes the user."""
    asked = {"arguments": arguments, "env": {**env}, "cwd": str(cwd or Path.cwd())}
    asking = _forker(become)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        socket.send_fds(asking, [json.dumps(asked).encode()], [out.fileno(), err.fileno()])
        pid = int(asking.recv(_LONGEST))
        asking.settimeout(timeout)
        try:
            code = int(asking.recv(_LONGEST))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            asking.settimeout(None)
            asking.recv(_LONGEST)
            raise subprocess.TimeoutExpired([*arguments], timeout) from None
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess([*arguments], code, *said)


@functools.cache
def _forker(become: tuple[str, ...]) -> socket.socket:
    """What to ask the process that forks by. It ends when nobody can ask any more."""
    asking, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [*become, sys.executable, "-m", "tests.warm", str(theirs.fileno())],
            cwd=_ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    atexit.register(process.wait)
    atexit.register(asking.close)
    return asking


def _fork(asking: socket.socket) -> list[str] | None:
    """In each fork, what it is to run; at the end, in the process itself, None."""
    while True:
        message, streams, *_ = socket.recv_fds(asking, _LONGEST, 2)
        if not message:
            return None
        pid = os.fork()
        if pid == 0:
            asked = json.loads(message)
            for number, stream in enumerate(streams, start=1):
                os.dup2(stream, number)
                os.close(stream)
            asking.close()
            os.environ.clear()
            os.environ.update(asked["env"])
            os.chdir(asked["cwd"])
            return list(asked["arguments"])
        for stream in streams:
            os.close(stream)
        asking.send(str(pid).encode())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        asking.send(str(code).encode())


def _become(arguments: list[str]) -> None:
    """Be the Python with these arguments."""
    if arguments[:2] == ["-W", "error"]:
        warnings.simplefilter("error")
        sys.warnoptions.append("error")
        arguments = arguments[2:]
    option, program, *others = arguments
    sys.argv = [option, *others]
    if option == "-m":
        sys.path[0] = str(Path.cwd())
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        assert option == "-c"
        sys.path[0] = ""
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(program, main.__dict__)


if __name__ == "__main__":
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # so that forks share it
    if arguments := _fork(socket.socket(fileno=int(sys.argv[1]))):
        _become(arguments)
