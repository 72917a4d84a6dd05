"""What the tests of this room share."""

from collections.abc import Iterator

import pytest

from mexc_plugin.store.write import recorders


@pytest.fixture(autouse=True)
def _no_writer_is_left() -> Iterator[None]:
    """An exchange that a test makes by itself has a writer for a database of that test."""
    yield
    recorders.close_all()
