"""Pauses: how they grow, and where they end."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from threadsworker.job import backoff, cool_down, polling_gap

DICE = random.Random(1)


def seconds(duration: timedelta) -> float:
    return duration.total_seconds()


@pytest.mark.parametrize(
    ("kind", "age", "gap"),
    [
        ("text", 0, 0.5),
        ("text", 4, 1.0),
        ("image", 1, 1.0),
        ("carousel", 60, 6.0),
        ("video", 0, 5.0),
        ("video", 100, 10.0),
        ("video", 100_000, 30.0),
    ],
)
def test_the_polling_gap_starts_with_the_kind_and_grows_with_the_age(
    kind: str, age: float, gap: float
) -> None:
    assert seconds(polling_gap(kind, age=timedelta(seconds=age))) == pytest.approx(gap)


@pytest.mark.parametrize(("tries", "most"), [(0, 1), (3, 8), (8, 256), (9, 300), (5000, 300)])
def test_the_back_off_doubles_up_to_five_minutes(tries: int, most: float) -> None:
    assert 0.75 * most <= seconds(backoff(tries, dice=DICE)) <= most


def test_a_cool_down_is_never_shorter_than_what_was_asked_for() -> None:
    assert 45 <= seconds(cool_down(0, asked_for=None, dice=DICE)) <= 60
    assert seconds(cool_down(0, asked_for=90.0, dice=DICE)) == 90
    assert seconds(cool_down(99, asked_for=None, dice=DICE)) <= 3600
