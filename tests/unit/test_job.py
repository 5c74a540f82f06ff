"""Pauses: how they grow, and where they end."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from threadsworker.job import MOST_TRIES, backoff, cool_down

DICE = random.Random(1)


def seconds(duration: timedelta) -> float:
    return duration.total_seconds()


@pytest.mark.parametrize(
    ("tries", "full"), [(0, 1), (2, 4), (3, 30), (4, 60), (8, 960), (9, 1800), (5000, 1800)]
)
def test_the_back_off_is_quick_at_first_and_then_doubles_up_to_half_an_hour(
    tries: int, full: float
) -> None:
    found = [seconds(backoff(tries, dice=DICE)) for _ in range(100)]
    assert 0.8 * full <= min(found) < max(found) <= 1.2 * full


def test_the_tries_of_a_job_last_about_a_day() -> None:
    hours = sum(seconds(backoff(tries, dice=DICE)) for tries in range(MOST_TRIES)) / 3600
    assert 18 < hours < 26


def test_a_cool_down_doubles_and_is_never_shorter_than_what_was_asked_for() -> None:
    assert 60 <= seconds(cool_down(0, asked_for=None, dice=DICE)) <= 75
    assert 120 <= seconds(cool_down(1, asked_for=None, dice=DICE)) <= 150
    assert 90 <= seconds(cool_down(0, asked_for=90.0, dice=DICE)) <= 112.5
    assert 3600 <= seconds(cool_down(99, asked_for=None, dice=DICE)) <= 4500
