"""Every bit of a bundle and of a proof, flipped one at a time: both verifiers find each.

A seeded sample here; all of them in tests/torture.
"""

import io
import json
import random
import zipfile
from functools import cache

import pytest

from mexc_plugin.evidence.checkpoint_checks import Witnesses
from mexc_plugin.evidence.offline.bundle_verifying import BundleCheck
from mexc_plugin.store.verify.findings import Degree

from . import bundles
from .bundles import note, packed
from .bundles import sealed as resealed
from .records import honest, sealed

SEED = 13
SAMPLE = 3_000
RESEALED = 120


@cache
def bundle() -> bytes:
    """210 events of 14 writers, and two checkpoints."""
    chains = [sealed(honest()) for _ in range(14)]
    first = note([chain[:9] for chain in chains], 1, None)
    return packed(chains, [first, note(chains, 2, first)])


@cache
def proof(folder: str) -> bytes:
    from .records import store

    chains = [sealed(honest()), sealed(honest())]
    url = f"sqlite:///{folder}/audit.db"
    store(url, *chains)
    bundles.keep(url, note(chains, 1, None))
    return bundles.proven(url, str(json.loads(chains[0][3].payload)["cancel_id"]))


def flipped(raw: bytes, bit: int) -> bytes:
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def missed(raw: bytes, bits: range | list[int]) -> list[tuple[int, bool, bool]]:
    """The bits that not both find when they are flipped, and who does."""
    found = []
    for bit in bits:
        changed = flipped(raw, bit)
        one = any(each.degree is Degree.BROKEN for each in bundles.findings(changed))
        other = bundles.objection(changed) is not None
        if not (one and other):
            found.append((bit, one, other))
    return found


def test_both_verifiers_find_a_bit_of_a_bundle() -> None:
    raw = bundle()
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)
    bits = random.Random(SEED).sample(range(8 * len(raw)), SAMPLE)
    assert missed(raw, bits + list(range(8 * (len(raw) - 90), 8 * len(raw)))) == []


def test_both_verifiers_find_a_bit_of_a_proof(tmp_path_factory) -> None:
    raw = proof(str(tmp_path_factory.mktemp("proof")))
    assert (bundles.broken(raw), bundles.objection(raw)) == ([], None)
    bits = random.Random(SEED).sample(range(8 * len(raw)), SAMPLE // 10)
    assert missed(raw, bits) == []


def differing(raw: bytes, bits: range | list[int]) -> list[tuple[int, bool, bool]]:
    """Bits that are flipped by somebody who makes the seal anew: where the verifiers do not agree, or
    call something whole that has another content.
    """
    wrong = []
    for bit in bits:
        changed = resealed(flipped(raw[:-66], bit))
        one = bool(bundles.broken(changed))
        other = bundles.objection(changed) is not None
        if one != other or not (one or bundles.contents(changed) == bundles.contents(raw)):
            wrong.append((bit, one, other))
    return wrong


def test_a_bit_below_a_new_seal_is_found_or_changes_nothing_that_is_said() -> None:
    raw = bundle()
    bits = random.Random(SEED).sample(range(8 * (len(raw) - 66)), RESEALED)
    assert differing(raw, bits) == []


@pytest.mark.parametrize("length", [0, 1, 2**20 - 1, 2**20, 2**20 + 1])
def test_a_seal_is_that_of_all_bytes_however_many_there_are(length: int) -> None:
    """They are read in pieces; what is sealed here is no ZIP, and that is what both say."""
    raw = io.BytesIO(resealed(bytes(length)))
    (found,) = BundleCheck(raw, Witnesses((bundles.KEY.public,))).findings()
    assert found.message.startswith("it is no ZIP as bundles are: ")
    with pytest.raises(zipfile.BadZipFile):
        bundles.TOOL.check_bundle(raw, bundles.TOOL.Key(str(bundles.KEY.public)), [])


@pytest.mark.parametrize("length", [0, 1, 65, 66, 67, 1_000, -67, -66, -1])
def test_a_bundle_that_was_cut_is_found(length: int) -> None:
    raw = bundle()[:length]
    assert bundles.broken(raw) != []
    assert bundles.objection(raw) is not None
