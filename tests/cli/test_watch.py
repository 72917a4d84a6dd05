"""`audit watch` on a terminal, in a journal, and as the one who calls."""

import contextlib
import errno
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from datetime import timedelta
from pathlib import Path

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.cli.alerting.sentry import View
from mexc_plugin.cli.output import board
from mexc_plugin.cli.output.terminal import Screen, cells
from mexc_plugin.store.read.statistics.glances import Glance
from mexc_plugin.store.read.statistics.tallies import Part, Tally
from mexc_plugin.store.write.spool.backlog import Backlog
from tests.cli.conftest import NOON, Ledger
from tests.cli.test_alarms import NOON as AT_NOON
from tests.cli.test_alarms import row
from tests.cli.test_calling import is_alive, posts
from tests.cli.test_tail import Followed

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 20
SIZE = (24, 80)


def ago(seconds: float = 0) -> float:
    """So many seconds ago, as the ledger has its times."""
    return time.time() - seconds - NOON / 1e9


# -- the page


def view(rows, width, **more):
    part = Part()
    part.add(len(rows), [1_500] * len(rows))
    glance = Glance(
        AT_NOON,
        (),
        tuple(rows),
        tuple(rows),
        tuple(rows),
        len(rows),
        Tally.of({"rejected": part}),
        1,
        0,
    )
    return View(glance, Backlog(3, 1), **more)


@settings(max_examples=60)
@given(st.integers(20, 200), st.integers(5, 60), st.integers(0, 40), st.booleans())
def test_the_page_fits_whatever_the_terminal(width, height, number, is_long):
    rows = [
        row(n, list(Outcome)[n % 12], venue_message="m " * 200 * is_long, bot="漢" * 20)
        for n in range(number)
    ]
    trouble = {"database": "it is gone " * 20} if is_long else {}
    screen = Screen(width=width, colour=True)
    shown = board.draw(view(rows, width, trouble=trouble), "audit.db", screen, AT_NOON, height)
    assert len(shown) <= height
    assert max(cells(board.click.unstyle(line)) for line in shown) <= width
    assert shown[-1] == "q: quit"


def test_the_page_says_what_is_wrong_before_what_is_new():
    later = AT_NOON + timedelta(minutes=5)
    calls = ("the webhook at hooks.example: 12:00:00 UTC told",)
    given = view([row()], 80, trouble={"spool": "3 events wait\x1b"}, calls=calls)
    text = "\n".join(board.draw(given, "audit.db", Screen(width=80), later))
    order = ["! 3 events wait\\x1b", "last hour: 1 attempt, 1 failed (100.00%)", "unresolved: 1, the oldest 5 min ago",
             "waiting in spools: 3", "hooks.example", "failed in the last day: 1", "\nnewest\n"]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_the_page_is_printed_once_when_that_is_asked_for(run, url, ledger):
    cancel_id = ledger.cancel("rejected", at=ago(60))
    result = run("audit", "watch", "--once", "--db", url)
    assert (result.exit_code, result.stdout.count(cancel_id), result.stderr) == (0, 2, "")
    assert "last hour: 1 attempt, 1 failed" in result.stdout


# -- on a terminal


class Terminal:
    """The program on a terminal of 80 columns."""

    def __init__(
        self, url: str, *arguments: str, program=("-m", "mexc_plugin"), session=True, **more
    ) -> None:
        self._ours, self.theirs = pty.openpty()
        self._fds = [self._ours, self.theirs]
        termios.tcsetwinsize(self.theirs, SIZE)
        self.before = termios.tcgetattr(self.theirs)
        self.screen = pyte.Screen(SIZE[1], SIZE[0])
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, *program, "audit", "watch", "--db", url, "--every", "1s", *arguments],
            env=kept | {"TERM": "xterm", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"} | more,
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=subprocess.PIPE,
            # In a session of its own it becomes that one's terminal, so that Ctrl-C is one.
            start_new_session=session,
            preexec_fn=(lambda: os.close(os.open(os.ttyname(1), os.O_RDWR))) if session else os.setpgrp,
        )  # fmt: skip

    def read(self, seconds: float = 0.1) -> bool:
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._ours, 65_536)
        except OSError as error:
            assert error.errno == errno.EIO  # how Linux says that the other side was closed
            return False
        self.written += data
        self._stream.feed(data)
        return bool(data)

    def wait_for(self, text: str) -> str:
        until = time.monotonic() + WAIT_S
        while text not in (shown := "\n".join(self.screen.display)):
            assert time.monotonic() < until, shown
            self.read()
        return shown

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def end(self) -> tuple[int, str]:
        code = self.process.wait(WAIT_S)
        while self.read():
            pass
        assert self.process.stderr is not None
        words = self.process.stderr.read().decode()
        self.process.stderr.close()
        return code, words

    @property
    def is_restored(self) -> bool:
        """The terminal as it was: keys, page, cursor, wrapping."""
        last = {mark: self.written.rfind(mark) for mark in (b"\x1b[?1049", b"\x1b[?25", b"\x1b[?7")}
        ends = [self.written[place + len(mark) :][:1] for mark, place in last.items()]
        return termios.tcgetattr(self.theirs) == self.before and ends == [b"l", b"h", b"h"]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        self.close_terminal()

    def close_terminal(self) -> None:
        while self._fds:  # each once: its number may be a database's by the second time
            os.close(self._fds.pop())


@pytest.fixture
def watching(url):
    opened = []

    def start(*arguments: str, **more) -> Terminal:
        opened.append(Terminal(url, *arguments, **more))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def test_the_screen_keeps_itself_new_and_q_ends_it(watching, ledger):
    ledger.cancel("rejected", at=ago(90), answer={"venue_code": "30016"})
    shown = watching()
    text = shown.wait_for("rejected 30016")
    assert "failed in the last day: 1" in text
    ledger.cancel(None, at=ago(), symbol="NEW/BTC")
    text = shown.wait_for("NEW/BTC")
    assert "unresolved: 1, the oldest" in text
    assert not shown.is_restored
    shown.press(b"q")
    assert shown.end() == (0, "")
    assert shown.is_restored


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGQUIT, 0)],
)
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(watching, ledger, number, code):
    ledger.cancel()
    shown = watching()
    shown.wait_for("q: quit")
    shown.process.send_signal(number)
    assert shown.end() == (code, "")
    assert shown.is_restored


def test_ctrl_c_on_the_terminal_ends_it(watching, ledger):
    ledger.cancel()
    shown = watching()
    shown.wait_for("q: quit")
    shown.press(b"\x03")
    assert shown.end() == (130, "")
    assert shown.is_restored


BUG = """
import sys
from mexc_plugin.cli.output import board
first = board.draw
def draw(view, *rest):
    if view.glance is None:
        return first(view, *rest)
    raise ZeroDivisionError
board.draw = draw
from mexc_plugin.cli import main
main()
"""


def test_a_bug_ends_it_and_the_terminal_is_as_it_was(watching, ledger):
    ledger.cancel()
    shown = watching(program=("-c", BUG))
    code, words = shown.end()
    assert (code, words.splitlines()[-1]) == (1, "ZeroDivisionError")
    assert b"looking" in shown.written
    assert shown.is_restored


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(watching, ledger):
    ledger.cancel()
    shown = watching(session=False)  # whose stopping somebody can undo
    shown.wait_for("q: quit")
    shown.process.send_signal(signal.SIGTSTP)
    until = time.monotonic() + WAIT_S
    while not is_stopped(shown.process.pid):
        shown.read()
        assert time.monotonic() < until
    while shown.read():
        pass
    assert shown.is_restored
    shown.process.send_signal(signal.SIGCONT)
    while shown.is_restored:
        shown.read()
        assert time.monotonic() < until
    shown.press(b"q")
    assert shown.end() == (0, "")
    assert shown.is_restored


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_terminal_that_is_gone_ends_it(watching, ledger):
    ledger.cancel()
    shown = watching()
    shown.wait_for("q: quit")
    shown.close_terminal()
    assert shown.process.wait(WAIT_S) == 0


def test_a_terminal_that_can_nothing_gets_lines(watching, ledger):
    cancel_id = ledger.cancel()
    shown = watching(TERM="dumb")
    assert shown.process.stderr.readline().startswith(b"watching ")
    new = ledger.cancel("rejected", at=ago())
    while new.encode() not in shown.written:
        assert shown.read(WAIT_S)
    assert cancel_id.encode() not in shown.written
    assert b"\x1b" not in shown.written
    shown.press(b"\x03")
    assert shown.end()[0] == 130


# -- without a terminal


class Lines(Followed):
    """`audit watch` in a journal."""

    WORDS = ("watch", "--every", "1s")

    def line(self) -> str:
        return self._lines.get(timeout=WAIT_S).rstrip("\n")


@pytest.fixture
def journal(url):
    with contextlib.ExitStack() as started:

        def start(*arguments: str) -> Lines:
            lines = started.enter_context(Lines("--db", url, *arguments))
            # Nothing that comes before that is new to it.
            assert lines.words().startswith("watching ")
            return lines

        yield start


def test_each_change_is_a_line(journal, ledger, url):
    ledger.cancel()
    shown = journal()
    cancel_id = ledger.cancel(None, at=ago())
    line = shown.line()
    assert line.endswith(f"pending: LTC/BTC, order 4, bot grid, cancel {cancel_id}")
    ledger.reconcile(cancel_id, "still_open", at=ago())
    assert "still_open: LTC/BTC" in shown.line()
    shown.process.send_signal(signal.SIGTERM)
    assert shown.process.wait(WAIT_S) == 0


def test_a_database_that_goes_away_is_said_and_it_goes_on_when_it_is_back(journal, ledger, path):
    ledger.cancel()
    shown = journal()
    away = path.with_name("away")
    path.rename(away)
    assert "there is no audit database" in shown.words()
    away.rename(path)
    assert shown.words() == "database: that is over\n"
    cancel_id = ledger.cancel("rejected", at=ago())
    assert cancel_id in shown.line()


def test_a_database_that_is_not_there_is_an_error_for_who_has_just_started_it(run, tmp_path):
    result = run("audit", "watch", "--lines", "--db", str(tmp_path / "none.db"))
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


# -- who is told


def wait_until(condition) -> None:
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def post(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with posts() as running:
        yield running


def test_a_failed_cancel_is_posted_and_the_next_ones_together(journal, ledger, post):
    ledger.cancel("rejected", at=ago(5))  # before it began
    shown = journal("--webhook", post.url, "--at-most-every", "4s")
    ids = [ledger.cancel("rejected", at=ago(), answer={"venue_code": "30016"})]
    wait_until(lambda: post.bodies)
    ids += [ledger.cancel("not_found", at=ago()) for _ in range(3)]
    wait_until(lambda: len(post.bodies) == 2)
    first, second = map(json.loads, post.bodies)
    assert first["text"] == "1 cancel failed"
    assert first["failed"]["cancels"][0]["venue_code"] == "30016"
    assert second["failed"]["count"] == 3
    told = [row["cancel_id"] for said in (first, second) for row in said["failed"]["cancels"]]
    assert sorted(told) == sorted(ids)
    shown.process.send_signal(signal.SIGINT)
    assert shown.process.wait(WAIT_S) == 130
    assert "secret" not in "".join(shown.more_words())


def test_what_is_unresolved_for_too_long_is_told_whenever_that_began(journal, ledger, post):
    old = ledger.cancel("unknown", at=ago(600))
    ledger.cancel("unknown", at=ago(1))
    journal("--webhook", post.url, "--unresolved-after", "1m")
    wait_until(lambda: post.bodies)
    said = json.loads(post.bodies[0])
    assert said["text"] == "1 cancel unresolved for more than 60 s"
    assert [row["cancel_id"] for row in said["unresolved"]["cancels"]] == [old]


def test_a_webhook_that_fails_is_called_again_with_what_was_new(journal, ledger, post):
    post.answer = 500
    ledger.cancel()
    shown = journal("--webhook", post.url, "--at-most-every", "1s")
    cancel_id = ledger.cancel("rejected", at=ago())
    assert "the webhook at 127.0.0.1: it answered 500" in shown.words()
    post.answer = 200
    wait_until(lambda: len(post.bodies) >= 2)
    assert [json.loads(body)["failed"]["cancels"][0]["cancel_id"] for body in post.bodies[:2]] == [
        cancel_id
    ] * 2


def test_a_command_that_hangs_keeps_nobody_from_watching_and_ends_with_it(
    journal, ledger, tmp_path
):
    ledger.cancel()
    file, pid = tmp_path / "said", tmp_path / "pid"
    shown = journal("--exec", f"sh -c 'cat > {file}; echo $$ > {pid}; sleep 20'")
    ids = [ledger.cancel("rejected", at=ago())]
    assert ids[0] in shown.line()
    wait_until(lambda: pid.exists() and pid.read_text())
    ids.append(ledger.cancel("rejected", at=ago()))
    assert ids[1] in shown.line()
    assert json.loads(file.read_text())["failed"]["count"] == 1
    shown.process.send_signal(signal.SIGTERM)
    assert shown.process.wait(WAIT_S) == 0
    wait_until(lambda: not is_alive(int(pid.read_text())))


def test_trouble_with_the_record_is_told_when_it_lasts(journal, ledger, path, post, url):
    ledger.cancel()
    journal("--webhook", post.url, "--at-most-every", "1s")
    path.with_name("audit.db.w.spool").write_text("{}\n{}\n")
    Ledger(url).cancel(at=ago(), lost=7)
    wait_until(lambda: len(post.bodies) == 2)
    lost, spool = (json.loads(body)["trouble"] for body in post.bodies)
    assert [item["kind"] for item in (*lost, *spool)] == ["lost", "spool"]
    assert lost[0]["text"].startswith("14 events are lost")
    assert spool[0]["text"].startswith("2 events wait in 1 spool file;")


def test_with_somebody_to_tell_a_database_that_was_never_there_is_waited_for(run, path, url):
    path.rename(path.with_name("away"))
    with Lines("--db", url, "--exec", "true") as shown:
        assert "there is no audit database" in shown.words()
        path.with_name("away").rename(path)
        assert shown.words().startswith("watching ")
        assert shown.words() == "database: that is over\n"
        assert shown.interrupt() == 130


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--webhook", "file:///etc/passwd"], "is no address"),
        (["--webhook", "http://me:secret@x/"], "names a user"),
        (["--exec", "no-such-program"], "there is no program"),
        (["--every", "soon"], "no length of time"),
        (["--at-most-every", "1M"], "no length of time"),
        (["--screen"], "needs a terminal"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(run, url, ledger, words, why):
    ledger.cancel()
    result = run("audit", "watch", "--db", url, *words)
    assert (result.exit_code, why in result.stderr, "secret" in result.stderr) == (2, True, False)


def test_the_webhook_can_be_named_in_the_environment(run, url, monkeypatch):
    monkeypatch.setenv("MEXC_PLUGIN_WEBHOOK", "http://me:secret@x/")
    result = run("audit", "watch", "--db", url)
    assert (result.exit_code, "names a user" in result.stderr) == (2, True)
    assert "secret" not in result.stderr
