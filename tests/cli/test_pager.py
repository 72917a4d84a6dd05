"""Long output on a terminal goes through a pager; everything else never does."""

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "mexc_plugin"]
# Marks what went through it.
MARKING = "sed s/^/paged:/"


class Terminal:
    """The program on a terminal of 100 columns and 20 lines."""

    def __init__(self, url, tmp_path, *arguments, **variables):
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (20, 100))
        kept = {
            k: v
            for k, v in os.environ.items()
            if "PAGER" not in k and k not in ("LESS", "COLUMNS", "LINES", "NO_COLOR")
        }
        more = {"TERM": "xterm", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
        self.process = subprocess.Popen(
            [*PROGRAM, "audit", *arguments, "--database-url", url],
            env=kept | more | variables,
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def read(self, until=None):
        chunks = b""
        try:
            while chunk := os.read(self._ours, 65_536):
                chunks += chunk
                if until and until in chunks:
                    return chunks.decode()
        except OSError:
            pass  # how Linux says that the other side of a terminal was closed
        return chunks.decode().replace("\r\n", "\n")

    def write(self, keys):
        os.write(self._ours, keys)

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self):
        words = self.process.stderr.read().decode()
        self.process.stderr.close()
        code = self.process.wait(20)
        os.close(self._ours)
        assert "Traceback" not in words
        return code, words


@pytest.fixture
def terminal(url, tmp_path):
    return lambda *arguments, **variables: Terminal(url, tmp_path, *arguments, **variables)


@pytest.fixture
def many(ledger):
    return [ledger.cancel(at=second) for second in range(25)]


@pytest.mark.parametrize("variable", ["PAGER", "MEXC_PLUGIN_PAGER"])
def test_what_is_longer_than_the_terminal_goes_through_the_pager(many, terminal, variable):
    shown = terminal("--full-ids", **{variable: MARKING})
    text = shown.read()
    assert shown.end()[0] == 0
    lines = [line for line in text.splitlines() if line]
    assert all(line.startswith("paged:") for line in lines)
    assert all(cancel_id in text for cancel_id in many)


def test_our_own_variable_comes_before_the_common_one(many, terminal):
    shown = terminal(PAGER="false", MEXC_PLUGIN_PAGER=MARKING)
    assert "paged:" in shown.read()
    shown.end()


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--limit", "3"], {"PAGER": MARKING}),
        (["--no-pager"], {"PAGER": MARKING}),
        ([], {"PAGER": ""}),
        ([], {"PAGER": "cat"}),
        ([], {"PAGER": "no-such-program-here"}),
        ([], {"PAGER": "'unbalanced"}),
        ([], {"PAGER": MARKING, "MEXC_PLUGIN_PAGER": ""}),
    ],
)
def test_what_is_short_or_not_to_be_paged_is_printed(many, terminal, arguments, variables):
    shown = terminal(*arguments, "--full-ids", **variables)
    text = shown.read()
    assert shown.end()[0] == 0
    assert "paged:" not in text
    assert many[-1] in text


def test_a_pager_that_is_left_early_is_no_error(many, terminal):
    shown = terminal("--all", PAGER="head -n 2")
    shown.read()
    code, words = shown.end()
    assert code == 0
    assert "Broken pipe" not in words


def test_the_pager_is_told_to_pass_colours_and_to_end_when_all_is_shown(many, terminal):
    shown = terminal(PAGER='echo "LESS is $LESS"; cat >/dev/null; :')
    assert "LESS is FRX" in shown.read()
    shown.end()


def test_what_the_user_wants_of_less_stays(many, terminal):
    shown = terminal(PAGER='echo "LESS is $LESS"; cat >/dev/null; :', LESS="i")
    assert "LESS is i\n" in shown.read()
    shown.end()


def test_ctrl_c_is_the_pager_s_while_it_is_open(many, terminal):
    # The pager, not the program, decides what Ctrl-C means: this one says so and goes on.
    pager = "sh -c 'trap \"echo noticed\" INT; cat >/dev/null; echo open; sleep 1; echo over'"
    shown = terminal(PAGER=pager)
    shown.read(until=b"open")
    shown.interrupt()
    assert "over" in shown.read()
    shown.end()


def test_a_terminal_says_how_long_ago(ledger, terminal):
    ledger.cancel(occurred_ns=time.time_ns() - 200 * 10**9)
    shown = terminal(COLUMNS="160")
    assert "3 min ago" in shown.read()
    shown.end()
