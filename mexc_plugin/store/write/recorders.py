"""The writers of this process: one for each database and spool folder, a new one after a fork.

Exchanges whose settings name the same database and different folders get a writer each: two chains
in one record, and each one's events wait where its settings say.
`recorder_for` takes no lock: a signal handler may ask for one while its thread is in here.
"""

import _thread
import atexit
import functools
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from mexc_plugin.audit.signing_keys import PrivateKey
from mexc_plugin.errors import ConfigError
from mexc_plugin.store.connect import engine
from mexc_plugin.store.write import writer_keys
from mexc_plugin.store.write.writer import Writer

# What a fork may be delayed by. A storer that is in a system call for longer keeps its connection; the child then
# never opens that file.
FORK_S = 0.04

# Database, spool folder, and the file of the key.
Key = tuple[str, Path | None, Path | None]

_writers: dict[Key, Writer] = {}
_of_the_parent: list[Writer] = []
_not_closed: set[Key] = set()


def recorder_for(
    url: str, spool_folder: Path | None = None, key_file: Path | None = None
) -> Writer:
    """The writer for a database, made on first use. Raises ConfigError for an unusable URL.

    spool_folder: the one that the settings name. It is not tried here: a folder that can no longer be
    written must not keep a cancel's event out of a database that can.
    key_file: that of the writer's key. One that cannot be read is said in the log: an event that is tied to nobody is
    better than none.
    """
    key = url, spool_folder, key_file
    writer = _writers.get(key)
    if writer is None or writer.is_frozen:
        is_end = sys.is_finalizing()
        if is_end:
            _writers.pop(key, None)  # nothing can be imported any more, and only this thread runs
        else:
            engine.validate(url)
            _drain_on_sigterm()
        # Nothing starts before it is used: of two that are made at once, one is forgotten.
        private, problem = _load(key_file)
        made = Writer(
            url,
            spool_folder,
            key=private,
            spool_only=is_end or key in _not_closed,
            successor=functools.partial(recorder_for, *key),
        )
        writer = _writers.setdefault(key, made)
        if problem is not None:
            writer.say(logging.ERROR, "audit: what is recorded is tied to no key: %s", problem)
    return writer


def _load(key_file: Path | None) -> tuple[PrivateKey | None, ConfigError | None]:
    try:
        return writer_keys.load(key_file), None
    except ConfigError as error:
        return None, error


def close_all() -> None:
    """Drain and end every writer of this process; the next use makes new ones.

    Those that are there now: threads that go on cancelling make new ones all the time.
    """
    for key in list(_writers):
        writer = _writers.pop(key, None)
        if writer is not None:
            writer.close()


def _drain_on_sigterm() -> None:
    """Let SIGTERM drain the writers, and then end the process by the signal as it would have.

    Only where nobody else handles it: a bot's own handler ends the interpreter, which drains too.
    """
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, _frame: object) -> None:
    """Drain in another thread: the one that is interrupted here may be in the middle of anything.

    That thread sends the signal again when it is done; the second time, whoever sent it, ends all.
    """
    signal.signal(number, _end_now)
    # Not threading.Thread: starting one takes locks of its own.
    _thread.start_new_thread(_drain_and_signal, (number,))


def _drain_and_signal(number: int) -> None:
    try:
        close_all()
    finally:
        os.kill(os.getpid(), number)


def _end_now(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _before_fork() -> None:
    _not_closed.clear()
    asked = {key: pause for key, writer in _writers.items() if (pause := writer.before_fork())}
    late = time.monotonic() + FORK_S
    for key, pause in asked.items():
        if not pause.closed.wait(late - time.monotonic()):
            _not_closed.add(key)


def _after_fork_in_parent() -> None:
    _not_closed.clear()
    for writer in _writers.values():
        writer.after_fork()


def _after_fork_in_child() -> None:
    # The parent's connections must be neither used nor closed here; keeping them referenced keeps
    # the garbage collector from closing them.
    for key in list(_writers):
        writer = _writers.pop(key)  # first: a signal handler that cancels now needs the next one
        _of_the_parent.append(writer)
        writer.forget()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
atexit.register(close_all)
