"""Where the events of writers begin that left the record with an archive."""

import pytest

from mexc_plugin.audit import chain
from mexc_plugin.audit.archive_notes import Left
from mexc_plugin.store.verify.anchors import Anchors

WRITER, OTHER = "a" * 36, "b" * 36
LEFT = [Left(WRITER, 1, 3, "3" * 64), Left(WRITER, 4, 5, "5" * 64)]


@pytest.mark.parametrize(
    ("writer_id", "first", "begin"),
    [
        (WRITER, 3, (0, chain.GENESIS)),
        (WRITER, 4, (3, "3" * 64)),
        (WRITER, 5, (3, "3" * 64)),
        (WRITER, 6, (5, "5" * 64)),
        (WRITER, "6", (0, chain.GENESIS)),
        (OTHER, 6, (0, chain.GENESIS)),
        (b"a", 6, (0, chain.GENESIS)),
    ],
)
def test_a_chain_goes_on_behind_the_newest_archive_before_it(
    writer_id: object, first: object, begin: tuple[int, str]
) -> None:
    assert Anchors(LEFT).begin_of(writer_id, first) == begin


def test_what_an_archive_took_ends_with_its_last_event() -> None:
    took = Anchors(LEFT).took
    assert [took(WRITER, 5), took(WRITER, 6), took(OTHER, 1)] == [True, False, False]
