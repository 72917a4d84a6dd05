"""For a conftest or a test file to import: a cluster for each file, since its tests change who is primary."""

from collections.abc import Iterator

import pytest

from tests.torture.scale import scaled

from .postgresql import Cluster
from .postgresql import cluster as running


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One primary and two synchronous standbys, all of them up."""
    with running(scaled(120, 2_200)) as found:
        yield found
