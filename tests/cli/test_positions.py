"""Which events of a writer are out: runs that grow, join, and say what is missing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.store.read.sequence_runs import Positions, Writer

SEQUENCES = st.lists(st.sets(st.integers(1, 60), min_size=1).map(sorted), max_size=8)


def missing(writer: Writer, highest: int) -> set[int]:
    return {
        number
        for first, last in writer.list_missing()
        for number in range(first, (highest if last is None else last) + 1)
    }


@given(SEQUENCES)
def test_what_is_wanted_is_what_was_never_added(batches: list[list[int]]) -> None:
    writer = Writer()
    for batch in batches:
        writer.add(batch, "hash")
    added = {number for batch in batches for number in batch}
    assert missing(writer, 60) == set(range(1, 61)) - added


@given(SEQUENCES)
def test_runs_ascend_and_never_touch(batches: list[list[int]]) -> None:
    writer = Writer()
    for batch in batches:
        writer.add(batch, "hash")
    ends = [number for run in writer.runs for number in run]
    assert ends == sorted(ends)
    assert all(
        before[1] + 1 < after[0]
        for before, after in zip(writer.runs, writer.runs[1:], strict=False)
    )


def test_the_hash_is_that_of_the_highest_event_also_when_a_gap_is_filled_later() -> None:
    writer = Writer()
    writer.add([1, 2, 5], "of 5")
    writer.add([3, 4], "of 4")
    assert (writer.runs, writer.hash) == ([[1, 5]], "of 5")


@given(st.dictionaries(st.uuids().map(str), SEQUENCES.filter(bool), max_size=4))
def test_positions_come_back_from_json_as_they_were(writers: dict[str, list[list[int]]]) -> None:
    positions = Positions()
    for writer_id, batches in writers.items():
        for batch in batches:
            positions.of(writer_id).add(batch, "hash")
    document = json.loads(json.dumps(positions.document()))
    assert Positions.read(document).writers == positions.writers


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"version": 2, "writers": {}},
        {"version": 1},
        {"version": 1, "writers": []},
        {"version": 1, "writers": {"w": None}},
        {"version": 1, "writers": {"w": {"runs": [], "hash": "h"}}},
        {"version": 1, "writers": {"w": {"runs": [[1, 2]]}}},
        {"version": 1, "writers": {"w": {"runs": [[2, 1]], "hash": "h"}}},
        {"version": 1, "writers": {"w": {"runs": [[1, 2], [3, 4]], "hash": "h"}}},
        {"version": 1, "writers": {"w": {"runs": [["1", "2"]], "hash": "h"}}},
        {"version": 1, "writers": {"w": {"runs": [[1]], "hash": "h"}}},
    ],
)
def test_what_is_no_document_of_positions_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match=r"runs|writers|positions"):
        Positions.read(document)
