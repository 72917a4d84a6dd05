"""The writers of this process: one for each database and spool folder, a new one after a fork.

Exchanges whose settings name the same database and different folders get a writer each: two chains
in one record, and each one's events wait where its settings say.
"""

import _thread
import atexit
import os
import signal
import threading
from pathlib import Path

from mexc_plugin.store import engine
from mexc_plugin.store.writer import Writer

_lock = threading.Lock()
_writers: dict[tuple[str, Path | None], Writer] = {}
_of_the_parent: list[Writer] = []


def recorder_for(url: str, spool_folder: Path | None = None) -> Writer:
    """The writer for a database, made on first use. Raises ConfigError for an unusable URL.

    spool_folder: the one that the settings name. It is not tried here: a folder that can no longer be
    written must not keep a cancel's event out of a database that can.
    """
    key = url, spool_folder
    writer = _writers.get(key)
    if writer is None:
        engine.validate(url)
        _drain_on_sigterm()
        with _lock:
            writer = _writers.setdefault(key, Writer(url, spool_folder))
    return writer


def close_all() -> None:
    """Drain and end every writer of this process; the next use makes new ones."""
    with _lock:
        writers = list(_writers.values())
        _writers.clear()
    for writer in writers:
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
    """Drain in another thread: the one that is interrupted here may hold the locks that it takes.

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
    _lock.acquire()
    for writer in _writers.values():
        writer.before_fork()


def _after_fork_in_parent() -> None:
    for writer in _writers.values():
        writer.after_fork()
    _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    # The parent's connections must be neither used nor closed here; keeping them referenced keeps
    # the garbage collector from closing them.
    for writer in _writers.values():
        _of_the_parent.append(writer)
        writer.forget()
    _writers.clear()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
atexit.register(close_all)
