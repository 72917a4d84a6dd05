"""Servers of the torture's own: they are stopped while bots write to them."""

import contextlib
from collections.abc import Iterator

import pytest

from . import servers


@pytest.fixture(scope="session")
def own_servers() -> Iterator[servers.Running]:
    """Each is started when the first test needs it: making one takes longer than most tests."""
    with contextlib.ExitStack() as stack:
        yield servers.Running(stack)
