import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.store.read.statistics import tallies
from mexc_plugin.store.read.statistics.tallies import Latencies, Part, Ranking, Tally

values = st.lists(st.integers(0, 2**40))


def filled(added):
    latencies = Latencies()
    latencies.add(sorted(added))
    return latencies


def nearest_rank(numbers, percent):
    rank = max(1, math.ceil(percent * len(numbers) / 100))
    return sorted(numbers)[rank - 1] if numbers else None


@given(added=values, percent=st.sampled_from([0, 1, 50, 95, 99, 99.9, 100]))
def test_a_percentile_is_the_value_at_its_rank(added, percent):
    ranking = Ranking([filled(added)])
    assert ranking.percentile(percent) == nearest_rank(added, percent)
    assert ranking.count == len(added)


@given(parts=st.lists(values, max_size=4))
def test_several_parts_rank_as_one(parts):
    together = [value for part in parts for value in part]
    ranking = Ranking(map(filled, parts))
    assert [ranking.percentile(p) for p in (50, 95, 99)] == [
        nearest_rank(together, p) for p in (50, 95, 99)
    ]
    assert ranking.maximum == max(together, default=None)


@given(parts=st.lists(values, max_size=4))
def test_a_long_list_is_a_run_of_its_own_and_ranks_alike(parts):
    latencies = Latencies()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tallies, "LONG", 3)
        for part in parts:
            latencies.add(sorted(part))
    together = [value for part in parts for value in part]
    assert Ranking([latencies]).percentile(95) == nearest_rank(together, 95)


@given(added=values, low=st.integers(0, 2**40), high=st.integers(0, 2**40))
def test_between_counts_from_the_one_to_just_before_the_other(added, low, high):
    low, high = sorted((low, high))
    ranking = Ranking([filled(added)])
    assert sum(low <= value < high for value in added) == ranking.between(low, high)


def test_many_latencies_are_kept_in_runs_that_rank_alike(monkeypatch):
    monkeypatch.setattr(tallies, "RUN", 10)
    latencies = Latencies()
    for value in range(1_000, 0, -1):
        latencies.add([value])
    assert len(latencies.runs()) == 100
    assert Ranking([latencies]).percentile(50) == 500


def test_a_tally_knows_its_outcomes_and_which_of_them_failed():
    parts = {name: Part() for name in ("canceled", "not_found", "unknown", "pending", "closed")}
    for count, part in enumerate(parts.values()):
        part.add(count, range(count))
    tally = Tally.of(parts)
    assert (tally.attempts, tally.failed, tally.unresolved) == (10, 1, 5)
    assert set(tally.outcomes) == set(parts) - {"canceled"}
    assert Tally.together([tally, tally]).attempts == 20
    assert Tally.together([tally, tally]).only("closed").ranking().count == 8
