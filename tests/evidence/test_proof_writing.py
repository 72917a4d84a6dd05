"""Which checkpoint proves a cancel, and what there is of the record between."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from mexc_plugin.audit.signing_keys import PublicKey
from mexc_plugin.errors import EvidenceError, StoreError
from mexc_plugin.evidence.offline import proof_writing
from mexc_plugin.evidence.offline.proof_writing import Proven
from mexc_plugin.store.read import queries
from tests.conftest import Audit

from . import bundles, records
from .bundles import HOUR, KEY, OTHER_KEY, note
from .owner import unguarded
from .records import honest, sealed, store

CHAIN = sealed(honest())
OTHER = sealed(honest())
CANCEL = bundles.cancel_of(CHAIN[3])  # events 4 to 6
LAST = bundles.cancel_of(CHAIN[13])  # events 13 and 14


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/audit.db"
    store(url, CHAIN, OTHER)
    return url


def prove(url: str, cancel_id: str, keys: Sequence[PublicKey] = ()) -> tuple[bytes, Proven]:
    buffer = io.BytesIO()
    with queries.reading(url) as connection:
        done = proof_writing.write(connection, cancel_id, keys, buffer.write)
    return buffer.getvalue(), done


def checkpoint_of(raw: bytes) -> bytes:
    return str(json.loads(raw)["checkpoint"]).encode()


def test_what_was_proven_is_counted(url: str) -> None:
    bundles.keep(url, note([CHAIN[:9], OTHER], 1, None))
    raw, done = prove(url, CANCEL)
    assert (done.events, done.between, done.signed_ns) == (3, 3, records.NOON + HOUR)
    (chain,) = json.loads(raw)["chains"]
    assert (chain["writer_id"], chain["first_seq"]) == (CHAIN[0].writer_id, 4)
    assert (len(chain["links"]), chain["prev_hash"]) == (6, CHAIN[2].hash)
    assert (bundles.findings(raw), bundles.objection(raw)) == ([], None)


def test_the_first_checkpoint_that_states_every_event_is_taken(url: str) -> None:
    """One that ends with the cancel's last event does; one that ends before it does not."""
    short = note([CHAIN[:5]], 1, None)
    exact = note([CHAIN[:6]], 2, short)
    long = note([CHAIN[:9]], 3, exact)
    bundles.keep(url, long, exact, short)
    assert checkpoint_of(prove(url, CANCEL)[0]) == exact
    assert prove(url, CANCEL)[1].between == 0
    with pytest.raises(EvidenceError, match="no checkpoint covers this cancel yet; take one"):
        prove(url, LAST)


def test_a_checkpoint_of_the_keys_that_are_given_is_taken(url: str) -> None:
    foreign = note([CHAIN[:9]], 1, None, OTHER_KEY)
    ours = note([CHAIN[:9]], 2, foreign)
    bundles.keep(url, foreign, ours)
    for keys, taken in (
        ((), foreign),
        ((KEY.public,), ours),
        ((OTHER_KEY.public,), foreign),
        ((KEY.public, OTHER_KEY.public), foreign),
    ):
        assert checkpoint_of(prove(url, CANCEL, keys)[0]) == taken


@pytest.mark.parametrize("damage", ["'x'", "CAST(x'ff' AS TEXT)", "replace(note, 'time', 'tine')"])
def test_a_stored_note_that_is_none_proves_nothing_and_the_next_is_taken(
    url: str, tmp_path: Path, damage: str
) -> None:
    first = note([CHAIN[:9]], 1, None)
    second = note([CHAIN[:10]], 2, first)
    bundles.keep(url, first, second)
    owned = Audit(tmp_path / "audit.db")
    with unguarded(owned, "sqlite"):
        owned.execute(f"UPDATE audit_checkpoint SET note = {damage} WHERE previous IS NULL")
    assert checkpoint_of(prove(url, CANCEL)[0]) == second


def test_an_archive_is_no_checkpoint_whatever_its_row_says(url: str, tmp_path: Path) -> None:
    archive = bundles.anchor(CHAIN[:9], b"before")
    bundles.keep(url, archive)
    with pytest.raises(EvidenceError, match="no checkpoint covers this cancel yet"):
        prove(url, CANCEL)
    owned = Audit(tmp_path / "audit.db")
    with unguarded(owned, "sqlite"):
        owned.execute("UPDATE audit_checkpoint SET kind = 'checkpoint'")
    with pytest.raises(EvidenceError, match="no checkpoint covers this cancel yet"):
        prove(url, CANCEL)


@pytest.mark.parametrize("seq", [7, 9])
def test_a_record_that_lacks_an_event_between_proves_nothing(
    url: str, tmp_path: Path, seq: int
) -> None:
    bundles.keep(url, note([CHAIN[:9]], 1, None))
    owned = Audit(tmp_path / "audit.db")
    with unguarded(owned, "sqlite"):
        owned.execute(
            f"DELETE FROM cancel_audit WHERE writer_id = '{CHAIN[0].writer_id}' AND seq = {seq}"
        )
    words = f"events 4 to 9 of writer {CHAIN[0].writer_id} are not those that the checkpoint states"
    with pytest.raises(EvidenceError, match=words):
        prove(url, CANCEL)


@pytest.mark.parametrize(
    "damage",
    [
        "payload = replace(payload, 'grid', 'grab') WHERE seq = 8",
        "payload = CAST(x'7bff7d' AS TEXT) WHERE seq = 8",
        "payload = x'7bff7d' WHERE seq = 8",
        "payload = 8 WHERE seq = 8",
        "payload = CAST(x'7bff7d' AS TEXT) WHERE seq = 5",
        "prev_hash = 'x' WHERE seq = 4",
        "prev_hash = CAST(x'ff' AS TEXT) WHERE seq = 4",
        "prev_hash = x'ff' WHERE seq = 4",
        "seq = 7.5 WHERE seq = 7",
        "seq = 'x' WHERE seq = 9",
    ],
)
def test_a_record_that_was_changed_between_proves_nothing(
    url: str, tmp_path: Path, damage: str
) -> None:
    bundles.keep(url, note([CHAIN[:9]], 1, None))
    owned = Audit(tmp_path / "audit.db")
    with unguarded(owned, "sqlite"):
        owned.execute(f"UPDATE cancel_audit SET {damage} AND writer_id = '{CHAIN[0].writer_id}'")
    words = r"events 4 to 9 of writer \S+ are not those|somebody wrote to it"
    with pytest.raises((EvidenceError, StoreError), match=f"({words}).*look with: mexc-plugin"):
        prove(url, CANCEL)


def test_a_proof_may_be_as_long_as_one_is_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """67 bytes for each event from the cancel's first one on, in all of its chains."""
    bundles.keep(url, note([CHAIN[:9]], 1, None))
    monkeypatch.setattr(proof_writing, "LARGEST", 6 * 67)
    assert prove(url, CANCEL)[1].between == 3
    monkeypatch.setattr(proof_writing, "LARGEST", 6 * 67 - 1)
    with pytest.raises(EvidenceError, match="6 events lie between this cancel and the first"):
        prove(url, CANCEL)


def test_a_cancel_of_two_writers_is_counted_in_both(tmp_path: Path) -> None:
    lost = records.common("5", 20)
    bot = sealed([records.start(), *records.unknown(lost, 20), records.stop()])
    told = records.reconciled(lost, 90, "canceled", "CANCELED")
    clerk = sealed([records.start(80), told, records.stop()])
    url = f"sqlite:///{tmp_path}/audit.db"
    store(url, bot, clerk)
    bundles.keep(url, note([bot], 1, None), note([bot, clerk], 2, None))
    raw, done = prove(url, lost["cancel_id"])
    assert (done.events, done.between, done.signed_ns) == (3, 2, records.NOON + 2 * HOUR)
    assert [each["writer_id"] for each in json.loads(raw)["chains"]] == sorted(
        [bot[0].writer_id, clerk[0].writer_id]
    )
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)


def test_no_transaction_is_held_while_a_proof_is_written(url: str) -> None:
    """A bot may have to wait for one, or the server keep what it could clean up."""
    bundles.keep(url, note([CHAIN[:5]], 1, None), note([CHAIN[:9]], 2, None))
    held = []
    with queries.reading(url) as connection:
        proof_writing.write(
            connection, CANCEL, (), lambda _: held.append(connection.in_transaction())
        )
    assert set(held) == {False}
