"""`audit export`: what comes out, once and night after night, and what is left when it does not end well."""

import fcntl
import gzip
import json
import os
import pty
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from mexc_plugin.cli.exporting import cursor, exports
from mexc_plugin.store.read import export_source
from tests.cli.tampering import tamper

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "mexc_plugin"]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


@pytest.fixture
def export(run, url, tmp_path) -> Callable[..., Result]:
    """Export to a file of that name in the test's folder, or to stdout for -."""

    def exporting_(name: str, *arguments: str) -> Result:
        target = name if name == "-" else str(tmp_path / name)
        given = [str(argument) for argument in arguments]
        return run("audit", "export", "-o", target, "--database-url", url, *given)

    return exporting_


@pytest.fixture
def small_steps(monkeypatch) -> None:
    """Batches of two rows, and the way is remembered after each."""
    monkeypatch.setattr(export_source, "BATCH", 2)
    monkeypatch.setattr(exports, "KEEP_SECONDS", 0)


def lines(path: Path) -> list[dict]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as file:
        return [json.loads(line) for line in file]


def places(path: Path) -> list[tuple[str, int]]:
    return [(line["payload"]["writer_id"], line["payload"]["seq"]) for line in lines(path)]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("audit.db"))


def failing_after(monkeypatch, rows: int, error: BaseException) -> None:
    """Have every source fail once it gave so many rows."""
    original = export_source.History.batches

    def batches(self):
        given = 0
        for batch in original(self):
            if given >= rows:
                raise error
            given += len(batch)
            yield batch

    monkeypatch.setattr(export_source.History, "batches", batches)


# -- what comes out


def test_an_export_says_how_many_rows_and_up_to_where_in_its_last_line(ledger, export, tmp_path):
    ledger.cancel()
    cancel_id = ledger.cancel(at=1.5)
    result = export("x.jsonl")
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"2 attempts to {tmp_path / 'x.jsonl'} (")
    assert last.endswith(f"up to 2026-11-23T12:00:01.500000Z (cancel {cancel_id} attempt 1)")
    assert result.stdout == ""


def test_events_are_up_to_the_newest_whatever_their_order(ledger, export):
    ledger.cancel(at=5)
    ledger.cancel(at=1)
    last = export("x.jsonl", "--what", "events").stderr.splitlines()[-1]
    assert last.endswith(f"2026-11-23T12:00:05.001500Z (writer {ledger.writer_id} seq 2)")


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_every_attempt_comes_once_however_many_share_a_time(ledger, export, tmp_path, count):
    expected = sorted(ledger.cancel(at=0 if number < 5 else 1) for number in range(count))
    export("x.jsonl")
    assert sorted(line["cancel_id"] for line in lines(tmp_path / "x.jsonl")) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--bot", "a"], ["a"]),
        (["--bot", "a", "--bot", "b"], ["a", "b"]),
        (["--bot", "a", "--outcome", "failed"], []),
        (["--outcome", "unresolved"], ["b", "c"]),
        (["--since", "2026-11-23T12:00:01Z", "--until", "2026-11-23T12:00:02Z"], ["b"]),
        (["--latency-over", "1ms"], ["a", "b"]),
        (["--order-id", "77"], ["c"]),
    ],
)
@pytest.mark.parametrize("what", ["history", "events"])
def test_filters_are_those_of_list(ledger, export, tmp_path, filters, expected, what):
    ledger.cancel(at=0, bot="a")
    ledger.cancel("unknown", at=1, bot="b")
    ledger.cancel(None, at=2, bot="c", order_id="77")
    export("x.jsonl", "--what", what, *filters)
    found = [line["bot"] if what == "history" else line["payload"]["bot"] for line in lines(tmp_path / "x.jsonl")]  # fmt: skip
    assert list(dict.fromkeys(found)) == expected


def test_filtered_events_are_all_those_of_the_attempts_in_order(ledger, export, tmp_path):
    first = ledger.cancel("unknown", bot="a")
    ledger.cancel(at=1, bot="b")
    ledger.reconcile(first, "canceled")
    export("x.jsonl", "--what", "events", "--bot", "a")
    kinds = [line["payload"]["kind"] for line in lines(tmp_path / "x.jsonl")]
    assert kinds == ["request", "response", "reconciliation"]


def test_events_without_a_filter_are_the_whole_record_writer_by_writer(
    ledger, other, export, tmp_path
):
    ledger.store(ledger.seal(kind="start"))
    other.cancel()
    ledger.cancel(at=1)
    ledger.store(ledger.seal(kind="stop", at=2))
    export("x.jsonl", "--what", "events")
    expected = [(ledger.writer_id, n) for n in (1, 2, 3, 4)]
    expected += [(other.writer_id, n) for n in (1, 2)]
    assert places(tmp_path / "x.jsonl") == sorted(expected)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_stdout_gets_the_same_bytes_as_a_file(ledger, export, tmp_path, form):
    ledger.cancel()
    export(f"x.{form}")
    assert export("-", "--format", form).stdout_bytes == (tmp_path / f"x.{form}").read_bytes()


def test_stdout_gets_jsonl_unless_told(ledger, export):
    ledger.cancel()
    assert json.loads(export("-").stdout)["outcome"] == "canceled"


def test_a_spool_that_waits_is_said(ledger, export, path):
    path.with_name("audit.db.00000000-0000-0000-0000-000000000000.spool").touch()
    assert "1 spool file waits" in export("x.jsonl").stderr


# -- increments


@pytest.fixture
def other(ledger):
    return type(ledger)(ledger.url)


@pytest.fixture
def night(export, tmp_path):
    """One more export with the same cursor: the places of the events that came."""
    number = iter(range(100))

    def exported(*arguments: str) -> list[tuple[str, int]]:
        name = f"night-{next(number)}.jsonl"
        result = export(name, "--cursor", tmp_path / "cursor", *arguments)
        assert result.exit_code == 0, result.stderr
        assert result.stderr.splitlines()[-1].endswith(f"; next: --cursor {tmp_path / 'cursor'}")
        return places(tmp_path / name)

    return exported


def test_each_export_with_a_cursor_has_what_came_since(ledger, other, night):
    ledger.cancel()
    assert night() == [(ledger.writer_id, 1), (ledger.writer_id, 2)]
    assert night() == []
    other.cancel()
    ledger.cancel()
    assert night() == sorted(
        [*((ledger.writer_id, n) for n in (3, 4)), *((other.writer_id, n) for n in (1, 2))]
    )


@pytest.mark.usefixtures("small_steps")
def test_events_that_a_spool_brings_later_come_then_and_once(ledger, other, night):
    sealed = [ledger.seal(kind="request", at=-n, attempt=1, cancel_id="c") for n in range(9)]
    ledger.store(*(sealed[index] for index in (0, 1, 4, 8)))
    assert [seq for _, seq in night()] == [1, 2, 5, 9]
    late = other.seal(kind="request", at=-86_400, attempt=1, cancel_id="c")
    ledger.store(*(sealed[index] for index in (2, 3, 5)), late)
    assert sorted(night()) == sorted(
        [*((ledger.writer_id, n) for n in (3, 4, 6)), (other.writer_id, 1)]
    )
    ledger.store(sealed[6], sealed[7])
    assert [seq for _, seq in night()] == [7, 8]
    assert night() == []


def test_all_nights_together_are_one_whole_chain(ledger, night, tmp_path):
    for _ in range(3):
        ledger.cancel()
        night()
    events = [line for n in range(3) for line in lines(tmp_path / f"night-{n}.jsonl")]
    assert [event["prev_hash"] for event in events[1:]] == [event["hash"] for event in events[:-1]]


def test_a_cursor_of_another_database_is_refused(ledger, night, run, prepared, tmp_path):
    ledger.cancel()
    night()
    away = [
        "audit",
        "export",
        "-o",
        str(tmp_path / "x.jsonl"),
        "--cursor",
        str(tmp_path / "cursor"),
    ]
    result = run(*away, "--database-url", f"sqlite:///{prepared}")
    assert result.exit_code == 2
    assert "of another database" in result.stderr
    assert not (tmp_path / "x.jsonl").exists()


def test_a_record_that_was_changed_behind_the_cursor_is_noticed(ledger, night, export, path):
    ledger.cancel()
    night()
    tamper(path, f"UPDATE cancel_audit SET hash = '{'0' * 64}' WHERE seq = 2")
    result = export("x.jsonl", "--cursor", path.with_name("cursor"))
    assert result.exit_code == 2
    assert "is not the one that was exported" in result.stderr


def test_an_older_copy_of_the_record_is_refused(ledger, other, night, export, path):
    ledger.cancel()
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    other.cancel()
    night()
    shutil.copy(copy, path)
    result = export("x.jsonl", "--cursor", path.with_name("cursor"))
    assert result.exit_code == 2
    assert f"event 2 of writer {other.writer_id} was exported and is not in" in result.stderr
    assert not path.with_name("x.jsonl").exists()


@pytest.mark.parametrize(
    "content", ["x", "[]", '{"version":1,"writers":{"w":{}}}', "\udcff", "[" * 100_000]
)
def test_a_file_that_is_no_cursor_is_refused_and_left_alone(export, tmp_path, content):
    (tmp_path / "cursor").write_text(content, errors="surrogateescape")
    result = export("x.jsonl", "--cursor", tmp_path / "cursor")
    assert (result.exit_code, "is no cursor" in result.stderr) == (2, True)
    assert (tmp_path / "cursor").read_text(errors="surrogateescape") == content
    assert left(tmp_path) == ["cursor"]


def test_a_cursor_stays_where_it_was_when_the_export_fails(ledger, night, export, tmp_path):
    ledger.cancel()
    night()
    before = (tmp_path / "cursor").read_bytes()
    ledger.cancel()
    export("night-0.jsonl", "--cursor", tmp_path / "cursor")
    assert (tmp_path / "cursor").read_bytes() == before
    assert [seq for _, seq in night()] == [3, 4]


def test_a_first_export_that_fails_leaves_no_cursor(export, tmp_path):
    (tmp_path / "x.jsonl").touch()
    export("x.jsonl", "--cursor", tmp_path / "cursor")
    assert left(tmp_path) == ["x.jsonl"]


@pytest.mark.parametrize("published", [False, True])
def test_killed_between_file_and_cursor_nothing_is_missed_and_nothing_doubled(
    ledger, night, export, tmp_path, monkeypatch, published
):
    ledger.cancel()
    night()
    ledger.cancel()
    died = "commit" if published else "prepare"

    def die(self, *_):
        if died == "prepare":
            original(self, *_)
        raise SystemExit(9)

    original = cursor.Cursor.prepare
    with monkeypatch.context() as patched:
        patched.setattr(cursor.Cursor, died, die)
        export("killed.jsonl", "--cursor", tmp_path / "cursor")
    assert (tmp_path / "killed.jsonl").exists() == published
    assert (tmp_path / "cursor.next").exists()
    assert [seq for _, seq in night()] == ([] if published else [3, 4])
    assert not (tmp_path / "cursor.next").exists()


def test_two_exports_do_not_go_on_from_one_cursor_at_once(ledger, export, tmp_path):
    ledger.cancel()
    with (tmp_path / "cursor").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = export("x.jsonl", "--cursor", tmp_path / "cursor")
    assert (result.exit_code, "another export is at work" in result.stderr) == (1, True)


def test_stdout_moves_the_cursor_too(ledger, export, night, tmp_path):
    ledger.cancel()
    assert len(export("-", "--cursor", tmp_path / "cursor").stdout.splitlines()) == 2
    assert night() == []


def recipe() -> str:
    """The Python that docs/reviewing.md gives for checking a file of events."""
    text = (ROOT / "docs" / "reviewing.md").read_text()
    return next(b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "164" in b)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (None, "whole: 4 events"),
        (("canceled", "rejected"), "was changed"),
        (("\n", None), "broken before 2"),
    ],
)
def test_a_file_of_events_can_be_verified_by_the_documents_recipe(
    ledger, export, tmp_path, change, verdict
):
    ledger.cancel(bot="é\u2028")
    ledger.cancel()
    export("events.jsonl", "--what", "events")
    content = (tmp_path / "events.jsonl").read_bytes().decode()
    if change == ("\n", None):
        content = content.split("\n", 1)[1]  # the first event is gone
    elif change is not None:
        content = content.replace(*change, 1)
    (tmp_path / "events.jsonl").write_bytes(content.encode())
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", recipe()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verdict in found.stdout + found.stderr


# -- the file


def test_a_file_is_its_owner_s_alone(ledger, export, tmp_path):
    before = os.umask(0)
    export("x.jsonl", "--what", "events", "--cursor", tmp_path / "cursor")
    os.umask(before)
    for name in ("x.jsonl", "cursor"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_file_that_is_there_stays_unless_forced(ledger, export, tmp_path):
    (tmp_path / "x.jsonl").write_text("mine")
    ledger.cancel()
    result = export("x.jsonl")
    assert (result.exit_code, "--force" in result.stderr) == (2, True)
    assert (tmp_path / "x.jsonl").read_text() == "mine"
    assert export("x.jsonl", "--force").exit_code == 0
    assert len(lines(tmp_path / "x.jsonl")) == 1
    assert left(tmp_path) == ["x.jsonl"]


def test_the_old_file_stays_until_the_new_one_is_whole(ledger, export, tmp_path, monkeypatch):
    (tmp_path / "x.jsonl").write_text("old")
    ledger.cancel()
    failing_after(monkeypatch, 0, OSError(28, "No space left on device"))
    assert export("x.jsonl", "--force").exit_code == 1
    assert (tmp_path / "x.jsonl").read_text() == "old"
    assert left(tmp_path) == ["x.jsonl"]


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("what", ["history", "events"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.jsonl.gz", "x.csv.gz"])
def test_an_interrupted_export_is_continued_to_the_same_file(
    ledger, export, tmp_path, monkeypatch, name, what
):
    for at in range(7):
        ledger.cancel(at=at)
    filters = ["--bot", "grid", "--since", "2026-01-01"] if what == "history" else []
    whole = export(f"whole-{name}", "--what", what, *filters)
    assert whole.exit_code == 0
    source = export_source.History if what == "history" else export_source.Events
    original = source.batches
    with monkeypatch.context() as patched:

        def interrupted(self):
            batches = original(self)
            yield next(batches)
            yield next(batches)
            raise KeyboardInterrupt

        patched.setattr(source, "batches", interrupted)
        result = export(name, "--what", what, *filters)
    assert result.exit_code == 130
    assert "--resume" in result.stderr
    assert f"{name}.part" in left(tmp_path)
    # What was written after the last safe place is dropped.
    with (tmp_path / f"{name}.part").open("ab") as file:
        file.write(b'{"half of a li')
    assert export(name, "--resume").exit_code == 0
    opened = gzip.open if name.endswith(".gz") else open
    with opened(tmp_path / name, "rb") as found, opened(tmp_path / f"whole-{name}", "rb") as wanted:
        assert found.read() == wanted.read()
    assert left(tmp_path) == sorted([name, f"whole-{name}"])


@pytest.mark.usefixtures("small_steps")
def test_a_continued_export_moves_its_cursor(ledger, export, night, tmp_path, monkeypatch):
    ledger.cancel()
    night()
    for _ in range(3):
        ledger.cancel()
    original = export_source.Events.batches
    with monkeypatch.context() as patched:

        def interrupted(self):
            yield next(original(self))
            raise KeyboardInterrupt

        patched.setattr(export_source.Events, "batches", interrupted)
        export("x.jsonl", "--cursor", tmp_path / "cursor")
    assert export("x.jsonl", "--resume").exit_code == 0
    assert [seq for _, seq in places(tmp_path / "x.jsonl")] == [3, 4, 5, 6, 7, 8]
    assert night() == []


@pytest.mark.usefixtures("small_steps")
def test_an_export_is_not_continued_where_its_cursor_went_on(
    ledger, export, night, tmp_path, monkeypatch
):
    for _ in range(3):
        ledger.cancel()
    original = export_source.Events.batches
    with monkeypatch.context() as patched:

        def interrupted(self):
            yield next(original(self))
            raise KeyboardInterrupt

        patched.setattr(export_source.Events, "batches", interrupted)
        export("x.jsonl", "--cursor", tmp_path / "cursor")
    assert len(night()) == 6
    result = export("x.jsonl", "--resume")
    assert (result.exit_code, "went on with the cursor" in result.stderr) == (1, True)


@pytest.mark.usefixtures("small_steps")
def test_an_export_is_not_continued_from_another_database(
    ledger, export, run, prepared, tmp_path, monkeypatch
):
    for at in range(4):
        ledger.cancel(at=at)
    with monkeypatch.context() as patched:
        failing_after(patched, 2, KeyboardInterrupt())
        export("x.jsonl")
    away = ["audit", "export", "-o", str(tmp_path / "x.jsonl"), "--resume"]
    result = run(*away, "--database-url", f"sqlite:///{prepared}")
    assert (result.exit_code, "another database" in result.stderr) == (2, True)


@pytest.mark.parametrize("state", [None, "", "x", "[]", '{"bytes":"1","export":{}}', '{"bytes":9}'])
def test_there_is_nothing_to_continue_where_nothing_was_left(export, tmp_path, state):
    if state is not None:
        (tmp_path / "x.jsonl.part").touch()
        (tmp_path / "x.jsonl.part.json").write_text(state)
    result = export("x.jsonl", "--resume")
    assert (result.exit_code, "nothing to continue" in result.stderr) == (1, True)
    assert left(tmp_path) == []


@pytest.mark.usefixtures("small_steps")
def test_a_part_that_lost_its_end_is_not_continued(ledger, export, tmp_path, monkeypatch):
    for at in range(4):
        ledger.cancel(at=at)
    with monkeypatch.context() as patched:
        failing_after(patched, 2, KeyboardInterrupt())
        export("x.jsonl")
    os.truncate(tmp_path / "x.jsonl.part", 10)
    result = export("x.jsonl", "--resume")
    assert (result.exit_code, "begin anew" in result.stderr) == (1, True)


@pytest.mark.usefixtures("small_steps")
def test_an_export_that_is_begun_anew_drops_what_was_left(ledger, export, tmp_path, monkeypatch):
    for at in range(4):
        ledger.cancel(at=at)
    with monkeypatch.context() as patched:
        failing_after(patched, 2, KeyboardInterrupt())
        export("x.jsonl")
    assert export("x.jsonl").exit_code == 0
    assert len(lines(tmp_path / "x.jsonl")) == 4
    assert left(tmp_path) == ["x.jsonl"]


@pytest.mark.usefixtures("small_steps")
def test_parquet_cannot_be_continued_and_leaves_nothing(ledger, export, tmp_path, monkeypatch):
    for at in range(4):
        ledger.cancel(at=at)
    failing_after(monkeypatch, 2, KeyboardInterrupt())
    assert export("x.parquet").exit_code == 130
    assert left(tmp_path) == []


def test_two_exports_do_not_write_one_file(ledger, export, tmp_path):
    with (tmp_path / "x.jsonl.part").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = export("x.jsonl")
    assert (result.exit_code, "another export is writing" in result.stderr) == (1, True)


# -- bad names and bad combinations


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x.txt"], "with --format"),
        (["x"], "with --format"),
        (["x.gz"], "with --format"),
        (["x.parquet.gz"], "leave .gz out"),
        (["."], "with --format"),
        (["", "--format", "csv"], "is a folder"),
        (["no/such/folder/x.csv"], "No such file or directory"),
        (["x\0.csv"], "NUL"),
        (["x" * 300 + ".csv"], "too long"),
        (["x.csv", "--cursor", "c", "--what", "history"], "--cursor is for events"),
        (["x.csv", "--cursor", "c", "--bot", "b"], "leave the filters out"),
        (["x.csv", "--cursor", "no/such/folder/c"], "cannot be kept"),
        (["x.csv", "--cursor", "."], "cannot be kept"),
        (["x.csv", "--cursor", "c\0"], "NUL"),
        (["x.csv", "--resume", "--bot", "b"], "leave --bot out"),
        (["-", "--resume"], "cannot be resumed"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_leaves_nothing(export, tmp_path, arguments, words):
    result = export(*arguments)
    assert result.exit_code in (1, 2)
    assert words in result.stderr.splitlines()[-1]
    assert result.stderr.count("\n") <= 4  # click's usage, where it is click that refuses
    assert left(tmp_path) == []


def test_a_device_is_not_replaced_by_a_file(run, url):
    result = run("audit", "export", "-o", "/dev/full", "--format", "csv", "--force", "--database-url", url)  # fmt: skip
    assert (result.exit_code, "no regular file" in result.stderr) == (2, True)
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_link_in_the_part_s_place_is_not_followed(export, tmp_path):
    (tmp_path / "x.csv.part").symlink_to(tmp_path / "elsewhere")
    assert export("x.csv").exit_code == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_fifo_in_the_part_s_place_is_not_waited_for(export, tmp_path):
    os.mkfifo(tmp_path / "x.csv.part")
    result = export("x.csv")
    assert (result.exit_code, "no regular file" in result.stderr) == (2, True)


def test_what_is_no_event_is_not_exported_as_one(ledger, export, path, tmp_path):
    ledger.cancel()
    tamper(path, "UPDATE cancel_audit SET payload = 'a' || char(10) || 'b' WHERE seq = 1")
    result = export("x.jsonl", "--what", "events")
    assert (result.exit_code, "audit verify" in result.stderr) == (1, True)
    assert left(tmp_path) == []


@pytest.mark.parametrize("change", ["occurred_at = 'noon'", "attempt = 'one'", "payload = x'ff'"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet"])
@pytest.mark.parametrize("what", ["history", "events"])
def test_a_record_that_was_tampered_with_is_exported_or_refused_in_a_line(
    ledger, export, path, change, name, what
):
    ledger.cancel()
    tamper(path, f"UPDATE cancel_audit SET {change}")
    result = export(name, "--what", what)
    assert result.exit_code in (0, 1)
    assert len(result.stderr.splitlines()) == 1


# -- as a process


def process(*arguments: str, **options) -> subprocess.CompletedProcess:
    given = {"env": os.environ | ENVIRONMENT, "capture_output": True, "text": True, "timeout": 60}
    return subprocess.run(
        [*PROGRAM, "audit", "export", *arguments], check=False, **(given | options)
    )


@pytest.fixture
def large(ledger) -> None:
    """Enough for several batches and buffers."""
    sealed = [
        ledger.seal(kind="request", cancel_id=f"{n:036}", attempt=1, at=n, bot=os.urandom(32).hex())
        for n in range(6_000)
    ]
    ledger.store(*sealed)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv.gz", "x.parquet"])
def test_a_full_disk_in_mid_export_is_one_line_and_leaves_no_half_file(url, tmp_path, name):
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    found = process("-o", str(tmp_path / name), "--database-url", url, preexec_fn=little_room)
    assert (found.returncode, len(found.stderr.splitlines())) == (1, 1)
    assert f"{name} cannot be written (File too large)" in found.stderr
    assert left(tmp_path) == []


@pytest.mark.usefixtures("large")
def test_a_full_stdout_is_one_line(url):
    with Path("/dev/full").open("wb") as full:
        found = process("-o", "-", "--database-url", url, stdout=full, stderr=subprocess.PIPE, capture_output=False)  # fmt: skip
    assert (found.returncode, len(found.stderr.splitlines())) == (1, 1)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_a_reader_that_goes_away_ends_an_export_quietly(url, form):
    reader, writer = os.pipe()
    os.close(reader)
    found = process("-o", "-", "--format", form, "--database-url", url, stdout=writer, stderr=subprocess.PIPE, capture_output=False)  # fmt: skip
    os.close(writer)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9), (signal.SIGTERM, -15)]
)
def test_an_export_that_is_stopped_can_be_continued(url, tmp_path, number, code):
    slow = (
        "import time\n"
        "from mexc_plugin.cli.exporting import exports; from mexc_plugin.cli import main\n"
        "from mexc_plugin.store.read import export_source\n"
        "exports.KEEP_SECONDS = 0\n"
        "original = export_source.Events.batches\n"
        "def batches(self):\n"
        "    for batch in original(self):\n"
        "        yield batch\n"
        "        time.sleep(0.2)\n"
        "export_source.Events.batches = batches\n"
        "main()"
    )
    path = tmp_path / "x.jsonl"
    arguments = ["audit", "export", "-o", str(path), "--what", "events", "--database-url", url]
    with subprocess.Popen(
        [sys.executable, "-c", slow, *arguments],
        env=os.environ | ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        until = time.monotonic() + 30
        while not path.with_name("x.jsonl.part.json").exists() and time.monotonic() < until:
            time.sleep(0.01)
        running.send_signal(number)
        _, words = running.communicate()
    assert running.returncode == code
    assert "Traceback" not in words
    assert not path.exists()
    assert process("-o", str(path), "--resume", "--database-url", url).returncode == 0
    assert [seq for _, seq in places(path)] == list(range(1, 6_001))


@pytest.mark.usefixtures("large")
def test_a_terminal_sees_progress_and_a_log_does_not(url, tmp_path):
    ours, theirs = pty.openpty()
    arguments = ["-o", str(tmp_path / "x.jsonl"), "--database-url", url]
    process(*arguments, stderr=theirs, stdout=subprocess.PIPE, capture_output=False)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "rows, " in shown
    assert "%" in shown
    quiet = process(*arguments, "--force").stderr
    assert len(quiet.splitlines()) == 1


def test_an_event_on_a_terminal_does_not_control_it(ledger, url):
    ledger.cancel(bot="\x9b31mred")
    ours, theirs = pty.openpty()
    process("-o", "-", "--what", "events", "--database-url", url, stdout=theirs, stderr=subprocess.PIPE, capture_output=False)  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "\\u009b31mred" in shown
    assert "\x9b" not in shown


def test_the_record_can_be_written_and_checkpointed_while_an_export_runs(
    ledger, export, tmp_path, monkeypatch
):
    import sqlite3
    from contextlib import closing

    monkeypatch.setattr(export_source, "BATCH", 2)
    for at in range(6):
        ledger.cancel(at=at)
    original = export_source.History.batches
    checkpoints = []

    def batches(self):
        for number, batch in enumerate(original(self)):
            ledger.cancel(at=100 + number)
            with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
                busy, log, done = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            checkpoints.append((busy, log - done))
            yield batch
            if number == 5:
                return

    monkeypatch.setattr(export_source.History, "batches", batches)
    assert export("x.jsonl").exit_code == 0
    assert checkpoints
    assert set(checkpoints) == {(0, 0)}
