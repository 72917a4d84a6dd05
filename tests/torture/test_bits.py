"""Every bit of a bundle of 210 events, flipped one at a time; and below a seal that is made anew, many."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.evidence.test_bundle_bits import bundle, differing, missed
from tests.torture.scale import LONG, keep, scaled

PROCESSES = 2


def _work(what: str, raw: bytes, bits: range) -> list[tuple[int, bool, bool]]:
    return (missed if what == "bits" else differing)(raw, bits)


def _in_processes(what: str, raw: bytes, bits: range) -> list[tuple[int, bool, bool]]:
    if not LONG:
        return _work(what, raw, bits)
    shares = [bits[number::PROCESSES] for number in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        found = [pool.submit(_work, what, raw, share) for share in shares]
        return [each for share in found for each in share.result()]


def test_every_bit_of_a_bundle_is_found_by_both_verifiers() -> None:
    raw = bundle()
    bits = range(0, 8 * len(raw), scaled(4_999, 1))
    assert _in_processes("bits", raw, bits) == []
    keep("bits", flipped=len(bits), bytes=len(raw))


def test_bits_below_a_new_seal_change_nothing_that_is_said() -> None:
    raw = bundle()
    bits = range(3, 8 * (len(raw) - 66), scaled(49_999, 11))
    assert _in_processes("below", raw, bits) == []
    keep("bits below a new seal", flipped=len(bits))
