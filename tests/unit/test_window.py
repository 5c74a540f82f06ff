"""Room in a moving window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from threadsworker.window import SLACK, Window

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY, QUARTER = timedelta(hours=24), timedelta(minutes=15)


def ago(**given: float) -> datetime:
    return NOW - timedelta(**given)


def window(total: int, *uses: datetime, **given: object) -> Window:
    return Window(total=total, length=DAY, uses=uses, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "used"),
    [
        (window(250), 0),
        (window(250, ago(hours=23), ago(hours=1)), 2),
        (window(250, ago(hours=24), ago(hours=1)), 1),
        (window(250, ago(hours=1), told=7, told_at=ago(seconds=30)), 7),
        (window(250, ago(seconds=10), told=7, told_at=ago(seconds=30)), 8),
        (window(250, *[ago(hours=2)] * 9, told=7, told_at=ago(seconds=30)), 9),
        (window(250, told=250, told_at=ago(hours=25)), 0),
    ],
)
def test_the_greater_figure_counts(found: Window, used: int) -> None:
    assert found.used(NOW) == used


def test_what_is_set_aside_is_not_free() -> None:
    assert window(10, ago(hours=1), reserved=4).free(NOW) == 5
    assert window(10, ago(hours=1), reserved=40).free(NOW) == 0


def test_room_opens_when_enough_of_our_own_uses_have_left() -> None:
    own = window(3, ago(hours=24, minutes=-2), ago(hours=23, minutes=50), ago(hours=1))
    assert own.opens_at(1, NOW) == NOW + timedelta(minutes=2) + SLACK
    assert own.opens_at(2, NOW) == NOW + timedelta(minutes=10) + SLACK
    assert own.opens_at(3, NOW) == NOW + QUARTER


def test_room_that_others_have_taken_is_looked_for_every_quarter_of_an_hour() -> None:
    others = window(250, told=250, told_at=ago(seconds=1))
    assert others.opens_at(1, NOW) == NOW + QUARTER
    assert window(250).opens_at(250, NOW) == NOW
