"""What is written into a bundle, and what ends it early: rows that went away, rows that are none, how far it is."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from mexc_plugin.errors import StoreError
from mexc_plugin.evidence import signed_notes
from mexc_plugin.evidence.offline import bundle_writing
from mexc_plugin.evidence.offline.bundle_writing import Written
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify.stretches import Stretch
from tests.conftest import Audit

from . import bundles
from .bundles import note
from .owner import unguarded
from .records import honest, sealed, store

CHAINS = sorted((sealed(honest()) for _ in range(2)), key=lambda chain: chain[0].writer_id)
WRITERS = [chain[0].writer_id for chain in CHAINS]
FIRST = note([chain[:9] for chain in CHAINS], 1, None)
SECOND = note(CHAINS, 2, FIRST)


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/audit.db"
    store(url, *CHAINS)
    return url


def write(url: str, *stretches: Stretch) -> tuple[bytes, Written, list[tuple[int, float]]]:
    """The bundle, what was said of it, and what was told meanwhile."""
    buffer = io.BytesIO()
    told: list[tuple[int, float]] = []
    done = bundle_writing.write(
        url, buffer.write, lambda *how_far: told.append(how_far), stretches or None
    )
    return buffer.getvalue(), done, told


def test_what_was_written_is_counted(url: str) -> None:
    bundles.keep(url, FIRST, SECOND)
    raw, done, told = write(url)
    assert (done.events, done.writers, done.notes) == (30, 2, 2)
    assert done.sha256 == signed_notes.digest(raw)
    assert told == []
    assert bundles.contents(raw) == bundles.contents(bundles.packed(CHAINS, [FIRST, SECOND]))


def test_how_far_the_writing_is_ends_with_all_of_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_writing, "_LINES", 5)
    _, _, told = write(url)
    assert told == [(n, n / 30) for n in (5, 10, 15, 20, 25, 30)]


def test_some_events_are_a_bundle_that_begins_and_ends_with_them(url: str) -> None:
    raw, done, _ = write(url, Stretch(WRITERS[0], 4, 6, 3), Stretch(WRITERS[1], 15, 15, 1))
    assert (done.events, done.writers) == (4, 2)
    wanted = [CHAINS[0][3:6], CHAINS[1][14:]]
    assert bundles.contents(raw) == bundles.contents(bundles.packed(wanted, []))


@pytest.mark.parametrize("stretch", [(14, 16, 3), (16, 16, 1), (1, 15, 16)])
def test_events_that_are_no_longer_there_end_it(url: str, stretch: tuple[int, int, int]) -> None:
    words = f"events of writer {WRITERS[0]} went away while they were read; look with: mexc-plugin"
    with pytest.raises(StoreError, match=words):
        write(url, Stretch(WRITERS[0], *stretch))


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        ("seq = 'x' WHERE seq = 3", "seq 'x'"),
        ("seq = 15.5 WHERE seq = 15", "seq 15.5"),
        ("payload = '[]' WHERE seq = 3", "seq 3"),
        ("payload = x'7bff7d' WHERE seq = 3", "seq 3"),
        ("payload = CAST(x'7bff7d' AS TEXT) WHERE seq = 3", "seq 3"),
        ("prev_hash = 'x' WHERE seq = 3", "seq 3"),
        ("hash = upper(hash) WHERE seq = 3", "seq 3"),
    ],
)
def test_a_row_that_is_no_event_is_named_and_in_no_bundle(
    url: str, tmp_path: Path, damage: str, where: str
) -> None:
    owned = Audit(tmp_path / "audit.db")
    with unguarded(owned, "sqlite"):
        owned.execute(f"UPDATE cancel_audit SET {damage} AND writer_id = '{WRITERS[0]}'")
    words = f"what is stored at writer {WRITERS[0]} {where} is no event; look with: mexc-plugin"
    with pytest.raises(StoreError, match=words):
        write(url)


def test_a_writer_whose_name_is_none_is_named(url: str, tmp_path: Path) -> None:
    """It would be a file anywhere on the disk of who unpacks it."""
    owned = Audit(tmp_path / "audit.db")
    with unguarded(owned, "sqlite"):
        owned.execute(
            f"UPDATE cancel_audit SET writer_id = '../x' WHERE writer_id = '{WRITERS[0]}'"
        )
    with pytest.raises(StoreError, match=r"stored at writer '\.\./x' is no event"):
        write(url)


def test_what_is_written_is_as_large_as_what_is_read(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{e.prev_hash} {e.hash} {e.payload}\n" for chain in CHAINS for e in chain]
    longest = max(len(line.encode()) for line in lines)
    monkeypatch.setattr(bundle_writing, "LARGEST", longest)
    write(url)
    monkeypatch.setattr(bundle_writing, "LARGEST", longest - 1)
    with pytest.raises(StoreError, match="is no event"):
        write(url)


def test_a_note_is_as_large_as_what_is_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = [sealed(honest()[:1]) for _ in range(90)]
    large = note(heads, 1, None)
    bundles.keep(url, large)
    monkeypatch.setattr(bundle_writing, "LARGEST", len(large))
    assert write(url)[1].notes == 1
    monkeypatch.setattr(bundle_writing, "LARGEST", len(large) - 1)
    with pytest.raises(StoreError, match="in audit_checkpoint is none"):
        write(url)


def test_a_record_of_gigabytes_is_a_bundle_too(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows how large a file in it will be when it is begun. What is large is 1,000 bytes here."""
    bundles.keep(url, FIRST, SECOND)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1_000)
    raw, *_ = write(url)
    monkeypatch.undo()
    assert (
        b"PK\x06\x07" in raw
    )  # says where the end is of a ZIP that has no room for it in its usual one
    assert bundles.contents(raw) == bundles.contents(bundles.packed(CHAINS, [FIRST, SECOND]))
    assert (bundles.findings(raw), bundles.objection(raw)) == ([], None)


def test_notes_are_in_the_order_in_which_they_name_each_other(url: str) -> None:
    """Whatever their times are, which a clock may have had wrong; those that name a stranger come last."""
    one = note([CHAINS[0][:3]], 5, None)
    two = note([CHAINS[0][:4]], 4, one)
    three = note([CHAINS[0][:5]], 3, two)
    beside = note([CHAINS[0][:6]], 6, one)
    strange = note([CHAINS[0][:7]], 1, b"a stranger")
    stranger = note([CHAINS[0][:8]], 2, b"another stranger")
    bundles.keep(url, stranger, strange, three, beside, two, one)
    raw, done, _ = write(url)
    there = [content for name, content in bundles.contents(raw) if name.startswith("checkpoints/")]
    assert there == [one, two, beside, three, strange, stranger]
    assert done.notes == 6


@pytest.mark.parametrize("wanted", [None, [Stretch(WRITERS[0], 1, 15, 15)]], ids=["all", "some"])
def test_no_transaction_is_held_while_a_bundle_is_written(
    url: str, monkeypatch: pytest.MonkeyPatch, wanted: list[Stretch] | None
) -> None:
    """A bot may have to wait for one, or the server keep what it could clean up."""
    bundles.keep(url, FIRST, SECOND)
    connections: list[Connection] = []
    reading = queries.reading

    @contextmanager
    def seen(url: str) -> Iterator[Connection]:
        with reading(url) as connection:
            connections.append(connection)
            yield connection

    monkeypatch.setattr(queries, "reading", seen)
    held = []
    bundle_writing.write(
        url,
        lambda _: held.append(connections[0].in_transaction()),
        lambda *_: None,
        wanted,
    )
    assert set(held) == {False}
