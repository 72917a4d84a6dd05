# ruff: noqa: DTZ001 - times are naive UTC in the database and on the way to it
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.review.times import UNITS, moment, window

NOW = datetime(2026, 11, 23, 12, 30, 15, 250_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("90s", NOW - timedelta(seconds=90)),
        ("15m", NOW - timedelta(minutes=15)),
        ("1h", NOW - timedelta(hours=1)),
        ("2d", NOW - timedelta(days=2)),
        ("1w", NOW - timedelta(weeks=1)),
        ("2026-11-23", datetime(2026, 11, 23)),
        ("2026-11-23T14:00", datetime(2026, 11, 23, 14)),
        ("2026-11-23 14:00:01", datetime(2026, 11, 23, 14, 0, 1)),
        ("2026-11-23T14:00:00.5Z", datetime(2026, 11, 23, 14, 0, 0, 500_000)),
        ("2026-11-23T14:00:00+02:00", datetime(2026, 11, 23, 12)),
        ("2026-11-23t14:00:00z", datetime(2026, 11, 23, 14)),
        ("30min", NOW - timedelta(minutes=30)),
        ("2 hours ago", NOW - timedelta(hours=2)),
        ("1 h", NOW - timedelta(hours=1)),
        ("3 days", NOW - timedelta(days=3)),
        ("today", datetime(2026, 11, 23)),
        ("Yesterday", datetime(2026, 11, 22)),
        ("yesterday 14:03", datetime(2026, 11, 22, 14, 3)),
        ("9:03", datetime(2026, 11, 23, 9, 3)),
        ("14:03:01.5", datetime(2026, 11, 23, 14, 3, 1, 500_000)),
        ("2026-11", datetime(2026, 11, 1)),
        ("1795435200", datetime(2026, 11, 23, 12)),
        ("1795435200.25", datetime(2026, 11, 23, 12, 0, 0, 250_000)),
        ("1795435200123", datetime(2026, 11, 23, 12, 0, 0, 123_000)),
        ("1795435200123456", datetime(2026, 11, 23, 12, 0, 0, 123_456)),
        ("1795435200123456789", datetime(2026, 11, 23, 12, 0, 0, 123_456)),
    ],
)
def test_what_help_promises_is_understood(text: str, expected: datetime) -> None:
    assert expected == moment(text, NOW)


@pytest.mark.parametrize(
    "text",
    [
        *("", "today 9", "5", "-5m", "1.5h", "5y", "1h30m", "17954352001", "20261123"),
        *("25:00", "14:60", "tomorrow", "2026-13", "yesterday 2026-11-23", "in 2 hours"),
        *("2026-13-01", "2026-02-30", "2026-11-23T25:00", "23.11.2026", "2026-W47-1"),
        *("9" * 30 + "d", "9" * 18 + "w", "0001-01-01T00:00+10:00", "9999-12-31T23:00-10:00"),
        *("١h", "now()", "'; DROP TABLE cancel_audit"),
    ],
)
def test_anything_else_is_refused_with_what_is_taken(text: str) -> None:
    with pytest.raises(ValueError, match="15m, 1h"):
        moment(text, NOW)


@pytest.mark.parametrize("text", ["1M", "2mo", "3 months", "1 month ago"])
def test_a_month_that_is_no_date_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=f"write {text[0]}m or {text[0]}min for minutes"):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14:03", datetime(2026, 11, 23, 12, 3)),
        ("today", datetime(2026, 11, 22, 22)),
        ("2026-07-01 14:03", datetime(2026, 7, 1, 12, 3)),
        ("2026-11-23T14:03Z", datetime(2026, 11, 23, 14, 3)),
        ("1795435200", datetime(2026, 11, 23, 12)),
        ("1h", NOW - timedelta(hours=1)),
    ],
)
def test_what_names_no_zone_is_read_in_the_zone_that_is_shown(
    text: str, expected: datetime
) -> None:
    assert expected == moment(text, NOW, timezone(timedelta(hours=2)))


def test_a_window_is_told_in_each_zone_that_differs() -> None:
    zone = timezone(timedelta(hours=2), "EET")
    told = "since 2026-11-23 14:30:15 EET (2026-11-23 12:30:15 UTC)"
    assert told == window(NOW, None, (zone, UTC))
    assert window(None, NOW, (UTC, UTC)) == "before 2026-11-23 12:30:15 UTC"
    assert window(None, None) == ""


@given(st.integers(0, 10_000), st.sampled_from(sorted(UNITS)))
def test_an_age_is_that_many_units_before_now(count: int, unit: str) -> None:
    assert timedelta(seconds=count * UNITS[unit]) == NOW - moment(f"{count}{unit}", NOW)


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),
    st.integers(-23 * 60, 23 * 60),
)
def test_the_zone_of_an_iso_time_never_changes_the_moment(when: datetime, minutes: int) -> None:
    there = when.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    assert when == moment(there.isoformat(), NOW)


@given(st.datetimes())
def test_a_time_without_a_zone_is_utc(when: datetime) -> None:
    assert when == moment(when.isoformat(), NOW)


@given(st.text(max_size=40))
def test_any_text_is_a_naive_moment_or_a_value_error(text: str) -> None:
    try:
        found = moment(text, NOW)
    except ValueError:
        return
    assert found.tzinfo is None
