"""`audit tail`: what is there, and what comes, in whatever order it comes."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mexc_plugin.audit.ids import uuid7
from mexc_plugin.cli.commands.watching.tail import Lines, _renderer
from mexc_plugin.cli.output.terminal import Screen, cells
from mexc_plugin.store.read import follow, queries
from tests.cli.conftest import Ledger
from tests.cli.test_render import ROW

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 20


@pytest.fixture
def tailed(run, url):
    def tailing(*arguments):
        result = run("audit", "tail", "--database-url", url, *arguments)
        assert result.exit_code == 0, result.stderr
        return result.stdout.splitlines()

    return tailing


def test_the_newest_are_shown_oldest_of_them_first(ledger, tailed):
    ids = [ledger.cancel(at=second) for second in range(12)]
    assert ids[2:] == [json.loads(line)["cancel_id"] for line in tailed()]
    assert ids[-2:] == [json.loads(line)["cancel_id"] for line in tailed("-n", "2")]
    assert tailed("-n", "0") == []


def test_filters_and_columns_are_those_of_list(ledger, tailed):
    wanted = ledger.cancel("rejected", bot="a")
    ledger.cancel("rejected", bot="b")
    ledger.cancel("canceled", bot="a")
    lines = tailed("--outcome", "failed", "--bot", "a", "--columns", "cancel_id,final_outcome")
    assert [json.loads(line) for line in lines] == [
        {"cancel_id": wanted, "final_outcome": "rejected"}
    ]


def test_a_line_for_people_has_what_is_known_and_no_control_characters(ledger, tailed):
    cancel_id = ledger.cancel("rejected", bot="a\x1b[2J", answer={"venue_message": "no\x07\nmore"})
    head, line = tailed("--format", "table")
    assert line.isprintable()
    assert head.startswith("requested (UTC)")
    for part in ("2026-11-23 12:00:00.000", "rejected no\\x07\\nmore", "1.50 ms", "4", cancel_id):
        assert part in line
    head, line = tailed("--format", "table", "--columns", "bot,filled")
    assert [head, line] == ["bot       filled", "a\\x1b[2J  -"]


def test_nothing_found_names_the_window(tailed, run, url):
    words = ["audit", "tail", "--since", "2026-11-23", "--format", "table", "--database-url", url]
    assert "matches since 2026-11-23 00:00:00 UTC" in run(*words).stderr


def lines(rows, width):
    return list(Lines(Screen(width=width)).of(rows))


@pytest.mark.parametrize("width", [50, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_id_is_broken(width):
    long = ROW | {"venue_message": "m " * 90, "bot": "b" * 60, "final_outcome": "rejected"}
    shown = lines([ROW, long, ROW | {"client_order_id": "c" * 30, "order_id": None}], width)
    assert max(map(cells, shown)) <= width
    assert sum(ROW["cancel_id"] in line for line in shown) == 3


def test_a_heading_comes_once_and_again_where_a_row_outgrows_it():
    shown = Lines(Screen(width=120))
    first = [*shown.of([ROW]), *shown.of([ROW])]
    assert [line.startswith("requested") for line in first] == [True, False, False]
    more = [*shown.of([ROW | {"symbol": "S" * 40}])]
    assert [line.startswith("requested") for line in more] == [True, False]


def test_columns_are_broken_between_values():
    rows = [{"a": "x" * 30, "b": "y" * 30}]
    renderer = _renderer("table", ["a", "b"], Screen(width=40))
    assert list(renderer(rows)) == ["a  b", "x" * 30, "  " + "y" * 30]


def test_picked_columns_have_a_heading_and_another_one_when_a_row_outgrows_it():
    render = _renderer("table", ["a", "b_at"], Screen(width=80))
    first = list(render([{"a": "x", "b_at": "1"}, {"a": "yy", "b_at": None}]))
    assert first == ["a   b_at (UTC)", "x   1", "yy  -"]
    assert list(render([{"a": "z", "b_at": "2"}])) == ["z   2"]
    assert list(render([{"a": "long", "b_at": "3"}])) == ["a     b_at (UTC)", "long  3"]
    assert list(render([])) == []


def test_lines_have_the_time_of_this_place(ledger, tailed, berlin):
    ledger.cancel()
    head, line = tailed("--local", "--format", "table", "--columns", "requested_at,bot")
    assert head.split() == ["requested_at", "(local)", "bot"]
    assert line == "2026-11-23 13:00:00.000  grid"
    assert "2026-11-23 13:00:00.000" in "\n".join(tailed("--local", "--format", "table"))
    assert "2026-11-23T12:00:00.000000Z" in tailed("--local")[0]


# -- what is new, by place and not by time


@pytest.fixture
def look(ledger, url):
    """Gives the (cancel_id, final_outcome) of what changed since the last look."""
    with queries.reading(url) as connection:
        follower = follow.Follower(connection)

    def looked(wanted=None):
        with queries.reading(url) as connection:
            rows = follower.read_changed(connection, wanted or queries.Filters())
        return [(row["cancel_id"], row["final_outcome"]) for row in rows]

    return looked


def test_nothing_is_new_twice(ledger, look):
    cancel_id = ledger.cancel()
    assert look() == [(cancel_id, "canceled")]
    assert look() == []


def test_an_attempt_is_new_again_when_it_is_answered_and_reconciled(ledger, look):
    cancel_id = ledger.cancel(None)
    assert look() == [(cancel_id, "pending")]
    answer = ledger.seal(
        kind="response", cancel_id=cancel_id, attempt=1, outcome="unknown", occurred_ns=10**18
    )
    ledger.store(answer)
    assert look() == [(cancel_id, "unknown")]
    ledger.reconcile(cancel_id, "canceled")
    assert look() == [(cancel_id, "canceled")]


def test_what_comes_late_is_seen_whatever_its_time(ledger, look, url):
    ledger.cancel(at=1_000)
    look()
    other = Ledger(url)
    late = other.cancel(at=-50_000)
    assert look() == [(late, "canceled")]


@pytest.mark.parametrize("seen_first", [False, True])
def test_a_gap_that_a_spool_fills_is_seen(ledger, look, url, seen_first):
    spooled = [
        ledger.seal(kind="request", cancel_id=uuid7(), attempt=1, at=number) for number in range(3)
    ]
    after = ledger.cancel(at=9)
    if seen_first:
        assert look() == [(after, "canceled")]
    ledger.store(*spooled)
    assert len(look()) == (3 if seen_first else 4)
    assert look() == []


def test_a_gap_from_before_the_follower_began_is_seen_when_it_is_filled(url):
    ledger = Ledger(url)
    now = __import__("time").time_ns()
    ledger.store(ledger.seal(kind="start", occurred_ns=now))
    spooled = ledger.seal(kind="request", cancel_id=uuid7(), attempt=1, occurred_ns=now)
    ledger.store(ledger.seal(kind="stop", occurred_ns=now))
    with queries.reading(url) as connection:
        follower = follow.Follower(connection)
    ledger.store(spooled)
    with queries.reading(url) as connection:
        rows = follower.read_changed(connection, queries.Filters())
    assert [row["final_outcome"] for row in rows] == ["pending"]


def test_what_a_filter_does_not_want_is_not_kept_for_later(ledger, look):
    ledger.cancel(bot="other")
    assert look(queries.Filters(bots=("mine",))) == []
    assert look() == []


# -- the program, following


# SQLAlchemy closes no cursor of a connection that is lost, of which psycopg warns.
WARNINGS = "error,ignore::ResourceWarning:psycopg._server_cursor_base"


class Followed:
    """`audit tail -f` as a process, its lines as they come."""

    WORDS = ("tail", "-f")

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mexc_plugin", "audit", *self.WORDS, *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": WARNINGS},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines = self._reader(self.process.stdout)
        self._words = self._reader(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Whatever the test came to, no process is left."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    @staticmethod
    def _reader(stream):
        lines = queue.Queue()
        thread = threading.Thread(target=lambda: [lines.put(line) for line in stream], daemon=True)
        thread.start()
        return lines

    def row(self):
        return json.loads(self._lines.get(timeout=WAIT_S))

    def words(self):
        return self._words.get(timeout=WAIT_S)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WAIT_S)

    def more_words(self):
        """What was said and not asked for yet."""
        return list(self._words.queue)


def test_follow_shows_what_comes_and_ctrl_c_ends_it_quietly(ledger, url):
    old = ledger.cancel()
    with Followed("--database-url", url) as shown:
        assert shown.row()["cancel_id"] == old
        new = ledger.cancel("rejected", at=5)
        row = shown.row()
        assert [row["cancel_id"], row["final_outcome"]] == [new, "rejected"]
        assert shown.interrupt() == 130
        assert shown.more_words() == []


def test_follow_ends_when_its_reader_goes_away(ledger, url):
    ledger.cancel()
    with subprocess.Popen(
        [sys.executable, "-m", "mexc_plugin", "audit", "tail", "-f", "--database-url", url],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        ledger.cancel(at=5)
        assert [process.wait(WAIT_S), process.stderr.read()] == [0, b""]


def test_a_database_that_was_never_there_is_an_error_and_not_waited_for(run, tmp_path):
    result = run("audit", "tail", "-f", "--database-url", f"sqlite:///{tmp_path / 'none.db'}")
    assert [result.exit_code, result.stdout] == [1, ""]
