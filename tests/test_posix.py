"""Files that the program makes in a folder that somebody else may write to, who put something in their places."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mexc_plugin.cli.exit_codes import Misuse, Problem
from mexc_plugin.cli.exporting.cursor import Cursor
from mexc_plugin.cli.exporting.partial_file import Part
from mexc_plugin.evidence.archiving import archive_files
from mexc_plugin.store.connect import recent
from mexc_plugin.store.write.spool.spool_file import Spool
from mexc_plugin.store.write.spool.spool_replay import set_aside
from tests.shipping import records

WORDS = "not to be touched"
WRITER = "0" * 36


def export(folder: Path) -> None:
    part = Part(folder / "x.csv")
    part.begin()
    part.abandon()


def go_on_from_a_cursor(folder: Path) -> None:
    Cursor(folder / "cursor").close()


def keep_a_conflict(folder: Path) -> None:
    set_aside(folder / "a.spool", records.made(1))


def make_a_spool(folder: Path) -> None:
    spool = Spool(f"sqlite:///{folder / 'a.db'}", WRITER)
    spool.append(records.made(1))
    spool.close()


def archive(folder: Path) -> None:
    archive_files.write_note(folder, "0" * 64, b"note")


def remember(folder: Path) -> None:
    recent.remember("sqlite:///some.db")


# By what makes it, the name that a file has before it is whole, or always.
MAKERS = {
    export: "x.csv.part",
    go_on_from_a_cursor: "cursor",
    keep_a_conflict: "a.conflict",
    make_a_spool: f"a.db.{WRITER}.new",
    archive: f"archive-{os.getpid()}.part",
    remember: f"recent.json.{os.getpid()}",
}
each_maker = pytest.mark.parametrize(
    ("make", "name"), MAKERS.items(), ids=lambda each: getattr(each, "__name__", "")
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Path:
    """Where the maker's file is going to be."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = tmp_path / "mexc-plugin"
    folder.mkdir()
    return folder / name


def run(make: Callable[[Path], None], place: Path) -> None:
    """It may refuse what is there, and say so; it may as well have another name."""
    with contextlib.suppress(OSError, Misuse, Problem):
        make(place.parent)


@each_maker
def test_a_file_of_the_user_s_that_was_linked_there_is_left_as_it_is(
    make: Callable[[Path], None], place: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text(WORDS)
    theirs.chmod(0o640)
    place.hardlink_to(theirs)
    run(make, place)
    assert (theirs.read_text(), theirs.stat().st_mode & 0o777) == (WORDS, 0o640)


@each_maker
def test_what_a_link_leads_to_is_not_made(
    make: Callable[[Path], None], place: Path, tmp_path: Path
) -> None:
    place.symlink_to(tmp_path / "elsewhere")
    run(make, place)
    assert not (tmp_path / "elsewhere").exists()


@each_maker
def test_a_fifo_is_not_waited_for(make: Callable[[Path], None], place: Path) -> None:
    os.mkfifo(place)
    run(make, place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@each_maker
def test_nothing_is_written_into_another_user_s_file(
    make: Callable[[Path], None], place: Path
) -> None:
    place.write_text(WORDS)
    os.chown(place, 65534, 65534)
    run(make, place)
    assert place.read_text() == WORDS
