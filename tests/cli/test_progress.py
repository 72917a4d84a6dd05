"""Progress is one line that fits, on stderr, only where that is a terminal."""

import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.cli.output import progress
from mexc_plugin.cli.output.terminal import Screen, cells, emit
from tests.evidence.records import honest, sealed, store

ROOT = Path(__file__).resolve().parents[2]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@given(
    st.integers(10, 200),
    st.floats(0, 1),
    st.integers(0, 10**10),
    st.sampled_from(["verifying", "é漢"]),
)
def test_the_line_fits_the_terminal(columns, share, rows, label):
    assert cells(progress.with_bar(label, share, f"{rows:,} rows, {rows:,}/s", columns)) <= columns


def test_there_is_a_bar_where_there_is_room():
    line = progress.with_bar("exporting", 0.5, "1,000,000 rows, 200,000/s", 79)
    assert line.startswith("exporting [###")
    assert "50%" in line
    assert "[" not in progress.with_bar("exporting", 0.5, "1,000,000 rows, 200,000/s", 50)


def test_what_waits_counts_seconds_and_leaves_nothing(monkeypatch):
    monkeypatch.setattr(progress, "_SOON_S", 0.01)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyError), progress.waiting("counting"):
        time.sleep(0.1)
        raise KeyError
    shown = sys.stderr.getvalue()
    assert "\rcounting 0 s …\x1b[K" in shown
    assert shown.endswith("\r\x1b[K")
    assert "\n" not in shown


def test_a_log_gets_none_of_it(monkeypatch):
    monkeypatch.setattr(progress, "_SOON_S", 0.01)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress.waiting("counting"), progress.progress("exporting") as tell:
        tell(1, 0.5)
        time.sleep(0.05)
    assert sys.stderr.getvalue() == ""


def test_a_line_of_data_is_not_written_behind_one_of_progress(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(sys, "stdout", screen)

    def findings():
        tell(1, 1.0)
        yield "broken"

    with progress.progress("verifying") as tell:
        emit(findings())
    emit(["done"])
    assert screen.getvalue().endswith("/s\x1b[K\r\x1b[Kbroken\n\r\x1b[Kdone\n")


def test_verify_shows_how_far_it_is_in_one_line(url):
    store(url, *(sealed(honest()) for _ in range(170)))
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "mexc_plugin", "audit", "verify", "--database-url", url],
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        text=True,
    )
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "\rverifying [" in shown
    lines = shown.split("\r")
    assert max(cells(line.removesuffix("\x1b[K")) for line in lines) < 80
    assert "\n" not in shown
    assert done.stdout.endswith(": whole\n")


@pytest.mark.parametrize(
    ("variables", "colour"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": ""}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_can_be_asked_for_where_there_is_no_terminal(monkeypatch, variables, colour):
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert Screen.detect().colour is colour
