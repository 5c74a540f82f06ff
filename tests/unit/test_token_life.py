"""When a token is refreshed, and how often that is tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadsworker.token_life import next_try, refresh_due

NOW = datetime(2027, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("issued", "expires", "due"),
    [
        # Thirty days before its end.
        (NOW, NOW + 60 * DAY, NOW + 30 * DAY),
        # Not before it is a day old.
        (NOW, NOW + 10 * DAY, NOW + DAY),
        (None, NOW + 60 * DAY, NOW + 30 * DAY),
        (NOW, None, NOW + DAY),
        (None, None, None),
    ],
)
def test_a_token_is_refreshed_in_the_middle_of_its_life(
    issued: datetime | None, expires: datetime | None, due: datetime | None
) -> None:
    assert refresh_due(issued, expires) == due


@given(st.integers(1, 200), st.integers(0, 60 * 24), st.integers())
def test_it_is_tried_every_day_at_least_and_every_hour_at_most(
    tries: int, hours_left: int, seed: int
) -> None:
    expires = NOW + hours_left * HOUR
    gap = next_try(tries, expires_at=expires, now=NOW, dice=Random(seed)) - NOW
    assert 0.9 * HOUR <= gap <= 1.1 * DAY
    if hours_left >= 24:
        # There are some tries left.
        assert gap < (expires - NOW) / 4


def test_the_gaps_grow() -> None:
    gaps = [next_try(n, expires_at=None, now=NOW, dice=Random(1)) - NOW for n in range(1, 9)]
    assert [gap / HOUR for gap in gaps[:4]] == pytest.approx([1, 2, 4, 8], rel=0.1)
    assert gaps[-1] > 0.9 * DAY
