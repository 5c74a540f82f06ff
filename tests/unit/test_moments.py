"""Moments as people write them, and as they are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from threadsworker.cli.moments import meant, shown, since
from threadsworker.errors import InvalidPost
from threadsworker.when import resolve

#: A Wednesday, 10:30 in Berlin.
NOW = datetime(2026, 11, 4, 9, 30, tzinfo=UTC)


def at(written: str, *, timezone: str | None = "Europe/Berlin", now: datetime = NOW) -> str:
    """The instant that is meant, in UTC."""
    moment, zone = meant(written, timezone=timezone, now=now)
    return f"{resolve(moment, timezone=zone, now=now).at:%Y-%m-%dT%H:%M:%S}"


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-12-01T09:00+01:00", "2026-12-01T08:00:00"),
        ("2026-12-01T09:00Z", "2026-12-01T09:00:00"),
        ("2026-12-01T09:00", "2026-12-01T08:00:00"),
        ("2026-12-01 9:00", "2026-12-01T08:00:00"),
        ("2026-12-01 9pm", "2026-12-01T20:00:00"),
        ("1 December 2026 9:00", "2026-12-01T08:00:00"),
        ("Dec 1st 9 a.m.", "2026-12-01T08:00:00"),
        ("tomorrow 9am", "2026-11-05T08:00:00"),
        ("tomorrow at noon", "2026-11-05T11:00:00"),
        ("tomorrow 12am", "2026-11-04T23:00:00"),
        ("tomorrow 9am EST", "2026-11-05T14:00:00"),
        ("next friday 18:00", "2026-11-06T17:00:00"),
        ("18:00", "2026-11-04T17:00:00"),
        ("9am", "2026-11-05T08:00:00"),
        ("in 2 hours", "2026-11-04T11:30:00"),
        ("in 90 seconds", "2026-11-04T09:31:30"),
        ("in 1 hour and 30 minutes", "2026-11-04T11:00:00"),
        ("in 2 days at 9am", "2026-11-06T08:00:00"),
        ("next month", "2026-12-04T09:30:00"),
    ],
)
def test_what_is_meant(written: str, utc: str) -> None:
    assert at(written) == utc


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "banana",
        "a",
        "tomorow 9am",
        "12",
        "2027",
        "1796115600",
        "december",
        "december 2026",
        "2026-13-01",
        "2026-02-30 9am",
        "31 feb 2027",
        "3/4/2027",
        "01.12.2026 09:00",
        "tomorrow 25:00",
        "tomorrow 13pm",
        "tomorrow 9",
        "tomorrow 9h",
        "tomorrow 9:00 or 10:00",
        "24h",
        "in 5",
        "in 99999999 hours",
    ],
)
def test_nothing_is_guessed_from_what_is_no_moment(written: str) -> None:
    with pytest.raises(InvalidPost) as refused:
        at(written)
    assert [problem.rule for problem in refused.value.problems] == ["schedule.at.invalid"]


@pytest.mark.parametrize("written", ["yesterday", "2 hours ago", "today 9am", "2026-11-04T10:28"])
def test_the_past_is_refused_also_in_words(written: str) -> None:
    with pytest.raises(InvalidPost) as refused:
        at(written)
    assert [problem.rule for problem in refused.value.problems] == ["schedule.in_past"]


def test_a_zone_that_there_is_not_is_refused() -> None:
    for written in ("tomorrow 9am", "2026-12-01T09:00"):
        with pytest.raises(InvalidPost) as refused:
            at(written, timezone="Europe/Nowhere")
        assert [p.rule for p in refused.value.problems] == ["schedule.timezone.unknown"]


def test_an_hour_is_an_hour_and_a_day_keeps_the_time_of_day_over_daylight_saving() -> None:
    before = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    assert at("in 2 hours", now=before) == "2027-03-28T02:30:00"
    assert at("tomorrow 9am", now=before - timedelta(days=1)) == "2027-03-28T07:00:00"
    assert at("tomorrow 9am", now=before - timedelta(days=2)) == "2027-03-27T08:00:00"


def test_a_time_that_daylight_saving_skips_is_moved_forward() -> None:
    assert at("2027-03-28 2:30am") == at("2027-03-28T02:30") == "2027-03-28T01:30:00"


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("24h", "2026-11-03T09:30:00"),
        ("90m", "2026-11-04T08:00:00"),
        ("2 hours ago", "2026-11-04T07:30:00"),
        ("2026-11-01T12:00Z", "2026-11-01T12:00:00"),
    ],
)
def test_since(written: str, utc: str) -> None:
    moment = since(written, now=NOW)
    assert moment is not None
    assert f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" == utc


def test_since_takes_words_for_the_past_and_refuses_what_is_none() -> None:
    monday = since("monday", now=NOW)
    assert monday is not None
    assert timedelta(0) < NOW - monday < timedelta(days=3)
    assert since("banana", now=NOW) is None
    assert since("99999999999d", now=NOW) is None


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Africa/Lagos", "2026-12-01 09:00 Africa/Lagos (08:00 UTC)"),
        ("Pacific/Auckland", "2026-12-01 21:00 Pacific/Auckland (08:00 UTC)"),
        ("America/Los_Angeles", "2026-12-01 00:00 America/Los_Angeles (08:00 UTC)"),
        ("Pacific/Honolulu", "2026-11-30 22:00 Pacific/Honolulu (2026-12-01 08:00 UTC)"),
        ("UTC+01:00", "2026-12-01 09:00 UTC+01:00 (08:00 UTC)"),
        ("UTC", "2026-12-01 08:00 UTC"),
        (None, "2026-12-01 08:00 UTC"),
    ],
)
def test_a_moment_is_shown_as_it_was_meant(zone: str | None, text: str) -> None:
    assert shown(datetime(2026, 12, 1, 8, tzinfo=UTC), zone) == text
