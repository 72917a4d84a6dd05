"""What is worth a call, and that each is told once."""

from datetime import datetime, timedelta

import pytest

from mexc_plugin.audit.outcome import FAILED, UNRESOLVED, Outcome
from mexc_plugin.cli.alerting.alarms import MOST_ROWS, Alarms, News, as_line
from tests.cli.test_render import ROW

NOON = datetime(2026, 11, 23, 12)  # noqa: DTZ001 - naive UTC, as the record has its times
AFTER = timedelta(minutes=5)
PATIENCE = timedelta(seconds=10)


def row(number: int = 1, outcome: str = "rejected", at: datetime = NOON, **more):
    named = {"cancel_id": f"{number:036}", "requested_at": at, "outcome": outcome}
    return ROW | named | {"final_outcome": outcome, "attempt": 1} | more


@pytest.fixture
def alarms():
    return Alarms(AFTER, PATIENCE)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_cancel_that_failed_is_told_once(alarms, outcome):
    given = [row(1, outcome), row(2, outcome)]
    assert alarms.find_failures(given) == (given if outcome in FAILED else [])
    assert alarms.find_failures(given) == []


def test_one_that_was_found_open_later_is_told_then(alarms):
    assert alarms.find_failures([row(outcome="unknown")]) == []
    assert len(alarms.find_failures([row(outcome="still_open")])) == 1
    assert len(alarms.find_failures([row(outcome="not_found", attempt=2)])) == 1


@pytest.mark.parametrize("outcome", sorted(UNRESOLVED))
def test_one_that_is_unresolved_is_told_once_when_that_lasts(alarms, outcome):
    given = [row(outcome=outcome)]
    before = NOON + AFTER - timedelta(seconds=1)
    assert [len(alarms.overdue(given, now)) for now in (before, NOON + AFTER, NOON + AFTER)] == [
        0,
        1,
        0,
    ]


def test_losses_are_told_when_they_grow(alarms):
    assert [bool(alarms.find_losses(number)) for number in (0, 2, 2, 3, 0, 1)] == [0, 1, 0, 1, 0, 1]


def test_trouble_is_told_when_it_lasts_and_again_when_it_comes_back(alarms):
    def told(seconds, **trouble):
        return list(alarms.lasting(trouble, NOON + timedelta(seconds=seconds)))

    assert told(0, spool="some wait") == []
    assert told(9, spool="more wait") == []
    assert told(10, spool="more wait") == ["spool"]
    assert told(99, spool="even more wait", database="gone") == []
    assert told(110, database="gone") == ["database"]
    assert told(111, database="gone", spool="some wait") == []
    assert told(130, database="gone", spool="some wait") == ["spool"]


def test_a_moment_s_trouble_is_not_told(alarms):
    for second in range(0, 100, 5):
        trouble = {"spool": "some wait"} if second % 10 else {}
        assert alarms.lasting(trouble, NOON + timedelta(seconds=second)) == {}


# -- what is said


def news(failed=0, overdue=0, **trouble):
    made = News()
    made.add(map(row, range(failed)), map(row, range(overdue)), trouble)
    return made


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (news(failed=1), "1 cancel failed"),
        (news(2, 1), "2 cancels failed; 1 cancel unresolved for more than 300 s"),
        (news(spool="3 events wait", lost="1 is lost"), "3 events wait; 1 is lost"),
    ],
)
def test_there_is_a_sentence_for_people(said, sentence):
    assert said.summary(AFTER) == sentence


def test_nothing_new_is_nothing_to_say():
    assert not news()
    assert all((news(1), news(0, 1), news(spool="x")))


def test_a_document_has_counts_and_the_first_rows_and_never_grows_beyond_that():
    said = news(1_000, 3)
    said.add([row(venue_message="m" * 100_000)], [], {})
    found = said.document(NOON, "audit.db", "here", AFTER)
    assert found["failed"]["count"] == 1_001
    assert [len(found[kind]["cancels"]) for kind in ("failed", "unresolved")] == [MOST_ROWS, 3]
    assert {
        "version": 1,
        "at": NOON,
        "host": "here",
        "database": "audit.db",
    }.items() <= found.items()


def test_a_long_message_of_the_venue_is_cut():
    said = News()
    said.add([row(venue_message="m" * 100_000)], [], {})
    assert len(said.failed[0]["venue_message"]) < 1_000


def test_what_nobody_was_told_is_in_the_next_call():
    later = news(15, 1, spool="more wait").after(news(10, 0, spool="some wait", lost="1 is lost"))
    assert (later.failed_count, len(later.failed), later.overdue_count) == (25, MOST_ROWS, 1)
    assert later.trouble == {"spool": "more wait", "lost": "1 is lost"}


def test_a_line_says_what_is_known_and_controls_no_terminal():
    line = as_line(row(venue_code="-2011", venue_message="Unknown\x1b[2J", bot=None))
    assert line.startswith("rejected: LTC/BTC, order ")
    assert "-2011 Unknown\\x1b[2J" in line
    assert "None" not in line
    assert line.isprintable()
