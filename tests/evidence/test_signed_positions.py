"""What signed notes state of a writer's events, by number and by time."""

from mexc_plugin.audit import chain
from mexc_plugin.evidence.offline.signed_positions import Positions
from mexc_plugin.store.verify.findings import Fault

from . import bundles
from .bundles import HOUR, KEY, OTHER_KEY, note
from .records import NOON, honest, sealed

CHAIN = sealed(honest())
WRITER = CHAIN[0].writer_id
FIRST = note([CHAIN[:5]], 1, None)
SECOND = note([CHAIN[:9]], 2, FIRST)
AT = "the checkpoint of 2026-11-23 14:00:00.000000 UTC"


def read(*notes: bytes) -> Positions:
    positions = Positions()
    assert list(positions.read(notes, [KEY.public])) == []
    return positions


def test_nothing_is_stated_where_there_is_no_note() -> None:
    positions = read()
    assert (positions.begin_of(WRITER), positions.last_covered(WRITER)) == ((0, chain.GENESIS), 0)
    assert (positions.object_to(WRITER, 1, "x"), positions.object_to_end(WRITER, 0)) == (None, None)
    assert positions.taken_ns is None


def test_the_newest_checkpoint_says_how_far_it_is_and_each_what_it_states() -> None:
    positions = read(FIRST, SECOND)
    assert (positions.last_covered(WRITER), positions.taken_ns) == (9, NOON + 2 * HOUR)
    assert positions.last_covered("another") == 0
    assert positions.object_to(WRITER, 9, CHAIN[8].hash) is None
    assert positions.object_to(WRITER, 8, "x") is None
    assert positions.object_to("another", 9, "x") is None
    words = f"it is another event than {AT} states"
    assert positions.object_to(WRITER, 9, CHAIN[7].hash) == words
    assert positions.object_to(WRITER, 5, "x") == words.replace(" 14:", " 13:")


def test_an_end_that_is_stated_is_missing_where_it_is_not_there() -> None:
    positions = read(FIRST, SECOND)
    assert [positions.object_to_end(WRITER, last) for last in (9, 10)] == [None, None]
    words = f"are missing: {AT} states them"
    assert positions.object_to_end(WRITER, 8) == f"events 9 to 9 {words}"
    assert positions.object_to_end(WRITER, 0) == f"events 1 to 9 {words}"
    assert positions.object_to_end("another", 0) is None


def test_what_left_is_missing_to_nobody() -> None:
    positions = read(FIRST, SECOND, bundles.anchor(CHAIN[:9], SECOND))
    assert positions.begin_of(WRITER) == (9, CHAIN[8].hash)
    assert positions.object_to_end(WRITER, 0) is None
    assert positions.taken_ns == NOON + 2 * HOUR  # what an archive says is no checkpoint
    rest = read(FIRST, SECOND, bundles.anchor(CHAIN[:8], SECOND))
    assert rest.object_to_end(WRITER, 0) is not None
    assert rest.last_covered(WRITER) == 9
    alone = read(FIRST, note([sealed(honest())], 2, FIRST), bundles.anchor(CHAIN[:4], FIRST))
    assert alone.last_covered(WRITER) == 4  # the newest checkpoint does not name it


def test_two_checkpoints_that_differ_are_said() -> None:
    other = note([sealed(honest(), WRITER)[:9]], 3, SECOND)
    positions = Positions()
    (found,) = positions.read([FIRST, SECOND, other], [KEY.public])
    assert (found.fault, found.writer_id, found.seq) == (Fault.CHECKPOINT, WRITER, 9)
    later = "2026-11-23 15:00:00.000000 UTC"
    assert (
        found.message
        == f"{AT.replace('checkpoint', 'checkpoints')} and of {later} state different events"
    )


def test_what_stands_behind_a_note_that_is_none_is_not_believed() -> None:
    foreign = note([CHAIN[:7]], 2, FIRST, OTHER_KEY)
    strange = note([CHAIN[:7]], 2, b"another")
    for bad, words in (
        (foreign, "note 2 of the bundle: it was signed with another key"),
        (strange, "note 2 of the bundle names one before it that is missing"),
    ):
        positions = Positions()
        (found,) = positions.read([FIRST, bad, SECOND], iter([KEY.public]))
        assert (found.fault, found.message[: len(words)]) == (Fault.NOTE, words)
        assert positions.last_covered(WRITER) == 5
        assert len(positions.sha256s) == 1
