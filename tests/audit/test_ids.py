"""Ids that nobody has twice: not threads, not signal handlers, not a forked child."""

import os
import threading

from mexc_plugin.audit.ids import AHEAD, uuid7


def test_threads_share_no_id() -> None:
    found: list[str] = []

    def work() -> None:
        found.extend([uuid7(1) for _ in range(AHEAD * 20)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == AHEAD * 20 * 8


def test_a_forked_child_shares_no_id_with_its_parent() -> None:
    uuid7(1)  # from here on random bytes are held ready
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "\n".join(uuid7(1) for _ in range(AHEAD)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        theirs = pipe.read().split("\n")
    os.waitpid(child, 0)
    assert len(theirs) == AHEAD
    assert not {*theirs} & {uuid7(1) for _ in range(AHEAD)}


def test_the_random_part_fills_all_its_bits() -> None:
    digits = [int(uuid7(0).replace("-", ""), 16) for _ in range(500)]
    both = 0
    for value in digits:
        both |= value
    every = digits[0]
    for value in digits:
        every &= value
    assert both == (1 << 80) - 1 & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    assert every == 0x7 << 76 | 0x2 << 62
