"""Occurrences of recurring posts, around the changes of the clocks above all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from threadsworker.errors import InvalidPost
from threadsworker.recurrence import LONGEST, SHORTEST, Recurrence, interval, recurrence

NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"
LAGOS, LORD_HOWE = "Africa/Lagos", "Australia/Lord_Howe"


def rule(timezone: str, start: str, **given: Any) -> Recurrence:
    anchor = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    return recurrence(timezone=timezone, anchor=anchor, **given)


def first(recurs: Recurrence, count: int) -> list[str]:
    """The first occurrences, as the zone's clocks show them."""
    shown: list[str] = []
    found = recurs.first(after=None)
    while found is not None and len(shown) < count:
        assert found.tzinfo is UTC
        shown.append(found.astimezone(ZoneInfo(recurs.timezone)).strftime("%m-%d %H:%M %z"))
        found = recurs.next_after(found)
    return shown


@pytest.mark.parametrize(
    ("timezone", "start", "expected"),
    [
        # No daylight saving.
        (LAGOS, "2026-03-28T12:00", ["03-29 09:00 +0100", "03-30 09:00 +0100"]),
        (NEW_YORK, "2026-03-06T12:00", ["03-07 09:00 -0500", "03-08 09:00 -0400"]),
        (NEW_YORK, "2026-10-30T12:00", ["10-31 09:00 -0400", "11-01 09:00 -0500"]),
        (BERLIN, "2026-03-27T12:00", ["03-28 09:00 +0100", "03-29 09:00 +0200"]),
        (BERLIN, "2026-10-23T12:00", ["10-24 09:00 +0200", "10-25 09:00 +0100"]),
        (LORD_HOWE, "2026-10-02T12:00", ["10-03 09:00 +1030", "10-04 09:00 +1100"]),
        (LORD_HOWE, "2026-04-03T12:00", ["04-04 09:00 +1100", "04-05 09:00 +1030"]),
    ],
)
def test_nine_stays_nine(timezone: str, start: str, expected: list[str]) -> None:
    assert first(rule(timezone, start, cron="0 9 * * *"), 2) == expected
    daily = rule(timezone, f"{start[:8]}{expected[0][3:5]}T09:00", every="1d")
    assert first(daily, 2) == expected


@pytest.mark.parametrize(
    ("timezone", "start", "cron", "expected"),
    [
        (NEW_YORK, "2026-03-07T12:00", "30 2 * * *", ["03-08 03:00 -0400", "03-09 02:30 -0400"]),
        (BERLIN, "2026-03-28T12:00", "30 2 * * *", ["03-29 03:00 +0200", "03-30 02:30 +0200"]),
        (LORD_HOWE, "2026-10-03T12:00", "15 2 * * *", ["10-04 02:30 +1100", "10-05 02:15 +1100"]),
        # Several in the hour that is skipped are met once, when it is over.
        (BERLIN, "2026-03-28T12:00", "15,45 2,3 * * *", ["03-29 03:00 +0200", "03-29 03:15 +0200"]),
    ],
)
def test_a_fixed_time_that_is_skipped_is_met_when_the_clock_has_jumped(
    timezone: str, start: str, cron: str, expected: list[str]
) -> None:
    assert first(rule(timezone, start, cron=cron), 2) == expected


@pytest.mark.parametrize(
    ("timezone", "start", "cron", "expected"),
    [
        (NEW_YORK, "2026-10-31T12:00", "30 1 * * *", ["11-01 01:30 -0400", "11-02 01:30 -0500"]),
        (BERLIN, "2026-10-24T12:00", "30 2 * * *", ["10-25 02:30 +0200", "10-26 02:30 +0100"]),
        (LORD_HOWE, "2026-04-04T12:00", "45 1 * * *", ["04-05 01:45 +1100", "04-06 01:45 +1030"]),
    ],
)
def test_a_fixed_time_that_comes_twice_is_met_once(
    timezone: str, start: str, cron: str, expected: list[str]
) -> None:
    assert first(rule(timezone, start, cron=cron), 2) == expected


def test_a_moment_in_the_hour_that_comes_again_is_not_answered_with_the_past() -> None:
    daily = rule(NEW_YORK, "2026-10-30T12:00", cron="30 1 * * *")
    again = datetime(2026, 11, 1, 1, 10, tzinfo=ZoneInfo(NEW_YORK), fold=1)
    assert daily.next_after(again) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "start", "cron", "expected"),
    [
        # The hour that is skipped has no occurrence, the one that comes twice has them twice.
        (
            NEW_YORK,
            "2026-03-08T01:30",
            "*/30 * * * *",
            ["03-08 01:30 -0500", "03-08 03:00 -0400", "03-08 03:30 -0400"],
        ),
        (
            NEW_YORK,
            "2026-11-01T01:30",
            "*/30 * * * *",
            ["11-01 01:30 -0400", "11-01 01:00 -0500", "11-01 01:30 -0500", "11-01 02:00 -0500"],
        ),
        (
            LORD_HOWE,
            "2026-04-05T01:30",
            "*/15 1 * * *",
            ["04-05 01:30 +1100", "04-05 01:45 +1100", "04-05 01:30 +1030", "04-05 01:45 +1030"],
        ),
        # Half an hour off, for those who count hours from midnight.
        (
            LORD_HOWE,
            "2026-10-03T12:00",
            "*/30 3 * * *",
            ["10-04 03:00 +1100", "10-04 03:30 +1100", "10-05 03:00 +1100"],
        ),
    ],
)
def test_a_star_goes_by_what_the_clock_shows(
    timezone: str, start: str, cron: str, expected: list[str]
) -> None:
    assert first(rule(timezone, start, cron=cron), len(expected)) == expected


def test_every_minute_is_every_minute_whatever_the_clocks_do() -> None:
    for day in ("2026-03-29T00:00", "2026-10-25T00:00"):
        recurs = rule(BERLIN, day, cron="* * * * *")
        moment = recurs.anchor
        for _ in range(300):
            following = recurs.next_after(moment)
            assert following == moment + timedelta(minutes=1)
            moment = following


def test_days_keep_their_time_and_hours_their_length() -> None:
    assert first(rule(BERLIN, "2026-03-28T02:30", every="1d"), 3) == [
        "03-28 02:30 +0100",
        "03-29 03:00 +0200",
        "03-30 02:30 +0200",
    ]
    assert first(rule(BERLIN, "2026-03-27T09:00", every="P2D"), 2) == [
        "03-27 09:00 +0100",
        "03-29 09:00 +0200",
    ]
    assert first(rule(BERLIN, "2026-10-24T23:00", every="2h"), 3) == [
        "10-24 23:00 +0200",
        "10-25 01:00 +0200",
        "10-25 02:00 +0100",
    ]


def test_an_interval_counts_from_its_anchor_not_from_the_question() -> None:
    recurs = rule("UTC", "2026-01-01T00:00", every=7)
    moment = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert recurs.next_after(moment) == datetime(2026, 1, 1, 0, 1, 3, tzinfo=UTC)
    assert recurs.first(after=None) == recurs.anchor


def test_the_end_is_the_last_possible_occurrence() -> None:
    end = datetime(2026, 1, 1, 2, tzinfo=UTC)
    recurs = rule("UTC", "2026-01-01T00:00", every="1h", ends_at=end)
    assert len(first(recurs, 10)) == 3
    assert recurs.next_after(end) is None


@pytest.mark.parametrize("given", [{"cron": "*/7 3,4 * 6 *"}, {"every": 11}, {"every": "3d"}])
def test_the_last_before_a_moment_is_the_one_that_counting_finds(given: dict[str, Any]) -> None:
    recurs = rule(BERLIN, "2026-06-01T00:00", **given)
    for days in (1, 2.6, 10.01):
        moment = recurs.anchor + timedelta(days=days)
        since = counted = recurs.first(after=None)
        assert since is not None
        while counted is not None and counted < moment:
            last, counted = counted, recurs.next_after(counted)
        assert recurs.last_before(moment, since=since) == last


def test_jitter_is_never_early_and_never_more_than_that() -> None:
    recurs = rule("UTC", "2026-01-01T00:00", every="1h", jitter="5m")
    dice = Random(1)
    late = [recurs.moment_of(recurs.anchor, dice) - recurs.anchor for _ in range(200)]
    assert timedelta(0) <= min(late) < timedelta(seconds=30)
    assert timedelta(seconds=270) < max(late) <= timedelta(minutes=5)


@pytest.mark.parametrize(
    ("given", "length"),
    [
        (90, timedelta(seconds=90)),
        ("90", timedelta(seconds=90)),
        ("2h", timedelta(hours=2)),
        ("1d12h", timedelta(days=1.5)),
        ("PT30M", timedelta(minutes=30)),
        ("P1W", timedelta(days=7)),
        (timedelta(hours=1), timedelta(hours=1)),
    ],
)
def test_lengths_of_time(given: Any, length: timedelta) -> None:
    assert interval(given, "every", at_least=SHORTEST, at_most=LONGEST) == length


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        ({}, ["schedule.cron_or_every"]),
        ({"cron": "0 9 * * *", "every": 60}, ["schedule.cron_or_every"]),
        ({"cron": "61 * * * *"}, ["schedule.cron.invalid"]),
        ({"cron": "0 9 * *"}, ["schedule.cron.invalid"]),
        ({"cron": "0 0 9 * * *"}, ["schedule.cron.invalid"]),
        ({"cron": "0 0 30 2 *"}, ["schedule.cron.invalid"]),
        ({"every": 0.5}, ["schedule.every.invalid"]),
        ({"every": "-5"}, ["schedule.every.invalid"]),
        ({"every": "nan"}, ["schedule.every.invalid"]),
        ({"every": "often"}, ["schedule.every.invalid"]),
        ({"every": "P1M"}, ["schedule.every.invalid"]),
        ({"every": 60, "jitter": "2d"}, ["schedule.jitter.invalid"]),
        ({"every": 60, "ends_at": datetime(2025, 1, 1, tzinfo=UTC)}, ["schedule.end.invalid"]),
        ({"cron": "0 9 * * *", "ends_at": datetime(2026, 1, 1, 8, tzinfo=UTC)}, ["schedule.never"]),
        ({"cron": "x", "jitter": "y"}, ["schedule.cron.invalid", "schedule.jitter.invalid"]),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_rule(given: Any, rules: list[str]) -> None:
    with pytest.raises(InvalidPost) as refused:
        rule("UTC", "2026-01-01T00:00", **given)
    assert [problem.rule for problem in refused.value.problems] == rules


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(InvalidPost, match="Africa/Lagoon") as refused:
        recurrence(every=60, timezone="Africa/Lagoon", anchor=datetime(2026, 1, 1, tzinfo=UTC))
    assert [problem.rule for problem in refused.value.problems] == ["schedule.timezone.unknown"]
