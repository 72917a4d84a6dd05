"""What `make bench` measures of fleets: it says what it lacks before anything takes its time."""

import pytest

from benchmarks import capacity
from tests.torture import servers


def test_rates_without_a_pooler_are_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(servers, "search_path", lambda: "")
    with pytest.raises(SystemExit, match=r"PgBouncer.*apt-get install .* pgbouncer"):
        capacity.measure_all(1)
