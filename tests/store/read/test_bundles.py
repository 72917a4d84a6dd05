"""A bundle has the same bytes whatever database the record is in, and is the record of one moment."""

import threading
from functools import cache

import pytest

from mexc_plugin.evidence.offline import bundle_writing
from mexc_plugin.store.verify import stretches
from mexc_plugin.store.write.open_database import Database
from tests.conftest import Audit
from tests.evidence import bundles
from tests.evidence.records import honest, sealed, store


@cache
def record() -> tuple[list, list[bytes]]:
    chains = [sealed(honest()) for _ in range(3)]
    first = bundles.note([chain[:9] for chain in chains], 1, None)
    return chains, [first, bundles.note(chains, 2, first)]


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "PIECE", 4)
    monkeypatch.setattr(bundle_writing, "_LINES", 3)


def test_a_bundle_has_the_same_bytes_from_every_database(audit: Audit) -> None:
    chains, notes = record()
    store(audit.url, *chains)
    bundles.keep(audit.url, notes[1], notes[0])  # in whatever order they were stored
    raw = bundles.exported(audit.url)
    assert bundles.contents(raw) == bundles.contents(bundles.packed(chains, notes))
    assert raw == bundles.exported(audit.url)
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)


def test_a_bot_writes_on_while_a_bundle_is_made(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes meanwhile is not in it, and nothing that comes has to wait for it."""
    chains, _ = record()
    store(audit.url, *(chain[:9] for chain in chains))
    fresh = sealed(honest())
    original = bundle_writing.Reader.rows
    waited = threading.Event()

    def insert() -> None:
        database = Database(audit.url, 5_000)
        for events in (*(chain[9:] for chain in chains), fresh):
            database.insert(list(events))
        database.close()
        waited.set()

    def rows(self: object, stretch: object) -> object:
        for row in original(self, stretch):
            if not waited.is_set():
                threading.Thread(target=insert, daemon=True).start()
                assert waited.wait(20)
            yield row

    monkeypatch.setattr(bundle_writing.Reader, "rows", rows)
    raw = bundles.exported(audit.url)
    assert bundles.contents(raw) == bundles.contents(
        bundles.packed([chain[:9] for chain in chains], [])
    )


def test_a_proof_has_the_same_bytes_from_every_database(audit: Audit) -> None:
    chains, notes = record()
    store(audit.url, *chains)
    bundles.keep(audit.url, *notes)
    cancel_id = bundles.cancel_of(chains[1][3])
    raw = bundles.proven(audit.url, cancel_id)
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)
    (chain,) = bundles.decoded(raw)["chains"]
    assert [link[:1] == "{" for link in chain["links"]] == [True] * 3 + [False] * 3
    assert (chain["first_seq"], chain["prev_hash"]) == (4, chains[1][2].hash)
