# ruff: noqa: DTZ001 - times are naive UTC in the database and on the way to it
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.review.moments import UNITS, moment

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
    ],
)
def test_what_help_promises_is_understood(text: str, expected: datetime) -> None:
    assert expected == moment(text, NOW)


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "5", "-5m", "1.5h", "5y", "1h30m", "1795435200", "20261123"),
        *("2026-13-01", "2026-02-30", "2026-11-23T25:00", "23.11.2026", "2026-W47-1"),
        *("9" * 30 + "d", "9" * 18 + "w", "0001-01-01T00:00+10:00", "9999-12-31T23:00-10:00"),
        *("١h", "1 h", "now()", "'; DROP TABLE cancel_audit"),
    ],
)
def test_anything_else_is_refused_with_what_is_taken(text: str) -> None:
    with pytest.raises(ValueError, match="15m, 1h"):
        moment(text, NOW)


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
