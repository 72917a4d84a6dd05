"""A child that ends early, or hangs, leaves behind what there is to say of it: its exit code, its stack, its stderr."""

import os
import signal
import time

import pytest

from .processes import Child


def end_by(number: int) -> None:
    os.write(2, b"the last words\n")
    os.kill(os.getpid(), number)


def hang() -> None:
    time.sleep(60)


def test_a_child_that_a_signal_ends_says_where_it_was() -> None:
    with pytest.raises(AssertionError) as said:
        Child(end_by, int(signal.SIGSEGV)).result(30)
    for part in ("exit code -11", "the last words", "in end_by"):
        assert part in str(said.value)


def test_a_child_that_hangs_says_where() -> None:
    with pytest.raises(AssertionError) as said:
        Child(hang).result(2)
    for part in ("did not answer in time", "in hang"):
        assert part in str(said.value)
