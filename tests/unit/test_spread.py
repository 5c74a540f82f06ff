"""Free slots in a window of the day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from threadsworker.errors import InvalidPost
from threadsworker.spread import free, parse, slots

BERLIN = ZoneInfo("Europe/Berlin")
LAGOS = ZoneInfo("Africa/Lagos")


def moment(written: str, zone: ZoneInfo = LAGOS) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=zone)


def first(
    count: int,
    written: str,
    now: str,
    *,
    zone: ZoneInfo = LAGOS,
    taken: Iterable[datetime] = (),
) -> list[str]:
    """The first free slots, by the wall clock of the zone."""
    found = islice(free(parse(written), zone, now=moment(now, zone), taken=taken), count)
    return [f"{slot.astimezone(zone):%d %H:%M}" for slot in found]


def test_slots_are_even_in_the_window_and_its_end_is_none() -> None:
    assert first(4, "3/day 09:00-21:00", "2026-12-01T00:00") == [
        "01 09:00",
        "01 13:00",
        "01 17:00",
        "02 09:00",
    ]


def test_without_hours_the_whole_day_is_the_window() -> None:
    assert first(4, "4/day", "2026-12-01T06:00") == ["01 12:00", "01 18:00", "02 00:00", "02 06:00"]


def test_they_begin_after_now_and_are_in_utc() -> None:
    spread = parse("1/day 09:00-10:00")
    (slot,) = islice(slots(spread, LAGOS, after=moment("2026-12-01T09:00")), 1)
    assert slot == datetime(2026, 12, 2, 8, tzinfo=UTC)
    assert slot.tzinfo is UTC


def test_a_window_may_go_on_past_midnight() -> None:
    expected = ["01 01:00", "01 22:00", "01 23:00", "02 00:00", "02 01:00"]
    assert first(5, "4/day 22:00-02:00", "2026-12-01T00:30") == expected
    assert first(2, "2/day 12:00-24:00", "2026-12-01T00:30") == ["01 12:00", "01 18:00"]


def test_a_slot_is_taken_if_a_post_is_closer_than_half_the_gap() -> None:
    taken = [
        moment("2026-12-01T11:00"),  # two hours from 09:00 and from 13:00: not closer than half
        moment("2026-12-01T17:30"),
        moment("2026-12-02T07:30"),
    ]
    assert first(4, "3/day 09:00-21:00", "2026-12-01T00:00", taken=taken) == [
        "01 09:00",
        "01 13:00",
        "02 13:00",
        "02 17:00",
    ]


@pytest.mark.parametrize(
    ("day", "utc"),
    [("2027-03-27", 8), ("2027-03-28", 7), ("2026-10-24", 7), ("2026-10-25", 8)],
)
def test_nine_is_nine_on_both_sides_of_daylight_saving(day: str, utc: int) -> None:
    (slot,) = islice(slots(parse("1/day 09:00-21:00"), BERLIN, after=moment(day, BERLIN)), 1)
    assert slot == moment(day, ZoneInfo("UTC")) + timedelta(hours=utc)


def test_on_the_day_that_an_hour_is_skipped_no_two_slots_fall_together() -> None:
    """02:00 and 02:30 are none, and what they become would be 03:00 and 03:30 once more."""
    found = list(
        islice(slots(parse("48/day"), BERLIN, after=moment("2027-03-27T23:59", BERLIN)), 48)
    )
    assert found == sorted(set(found))
    assert len([slot for slot in found if slot < moment("2027-03-29", BERLIN)]) == 46
    hours = first(5, "24/day", "2027-03-28T00:30", zone=BERLIN)
    assert hours == ["28 01:00", "28 03:00", "28 04:00", "28 05:00", "28 06:00"]


def test_a_slot_that_was_moved_close_to_another_is_passed_over() -> None:
    """02:40 is moved to 03:40, twenty minutes before 04:00; the gap is eighty."""
    assert first(4, "18/day", "2027-03-28T00:30", zone=BERLIN) == [
        "28 01:20",
        "28 03:40",
        "28 05:20",
        "28 06:40",
    ]


def test_on_the_day_that_an_hour_comes_twice_the_first_is_meant() -> None:
    found = list(islice(slots(parse("24/day"), BERLIN, after=moment("2026-10-25", BERLIN)), 3))
    assert [slot.hour for slot in found] == [23, 0, 2]
    assert found == sorted(found)


def test_ten_thousand_slots_keep_apart() -> None:
    spread = parse("24/day")
    now = moment("2026-12-01")
    taken = [now + timedelta(hours=7 * number) for number in range(5_000)]
    found = list(islice(free(spread, LAGOS, now=now, taken=taken), 10_000))
    assert len(set(found)) == 10_000
    assert not set(found) & set(taken)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "often",
        "3",
        "3/week",
        "0/day",
        "251/day",
        "-1/day",
        "3/day 09:00",
        "3/day 9-21",
        "3/day 09:00-09:00",
        "3/day 24:00-09:00",
        "3/day 09:60-21:00",
        "3/day 09:00-25:00",
        "3/day 09:00-21:00 Africa/Lagos",
    ],
)
def test_what_is_no_spread_is_refused_and_named(written: str) -> None:
    with pytest.raises(InvalidPost) as refused:
        parse(written)
    (problem,) = refused.value.problems
    assert problem.rule == "import.spread.invalid"
    assert problem.given == written
    assert repr(written) in problem.message
