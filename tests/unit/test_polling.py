"""When to look at a container: properties of the gaps, and how quickly they are learned."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadsworker.polling import (
    BELIEFS,
    FIRST_GAPS,
    LONGEST_GAP,
    MEMORY,
    SHORTEST,
    Belief,
    Expectation,
    Seen,
    at_first,
    doubt_gap,
    expect,
)

KINDS = sorted(BELIEFS)
LOOKS = st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)).map(
    lambda ages: Seen(unready=min(ages), ready=max(ages))
)


def seconds(duration: timedelta) -> float:
    return duration.total_seconds()


def gap(expected: Expectation, age: float) -> float:
    return seconds(expected.gap(timedelta(seconds=age)))


def looks(expected: Expectation, taken: float) -> list[float]:
    """The ages at which a container is looked at that is ready after so many seconds."""
    ages = [seconds(expected.first_look())]
    while ages[-1] < taken:
        ages.append(ages[-1] + gap(expected, ages[-1]))
    return ages


def seen(expected: Expectation, taken: float) -> Seen:
    ages = [0.0, *looks(expected, taken)]
    return Seen(unready=ages[-2], ready=ages[-1])


def learned(belief: Belief, times: Sequence[float]) -> list[Seen]:
    """What is known after containers that took these times, each looked at as was known then."""
    known: list[Seen] = []
    for taken in times:
        known.insert(0, seen(expect(belief, known), taken))
    return known


def drawn(belief: Belief, count: int, seed: int = 1) -> list[float]:
    dice = random.Random(seed)
    return [belief.median * math.exp(belief.sigma * dice.gauss(0, 1)) for _ in range(count)]


@given(kind=st.sampled_from(KINDS), known=st.lists(LOOKS, max_size=60), age=st.floats(0, 1e5))
def test_looks_come_after_one_another_and_never_too_far_apart(
    kind: str, known: list[Seen], age: float
) -> None:
    belief = BELIEFS[kind]
    expected = expect(belief, known)
    assert 0 < seconds(expected.first_look()) <= LONGEST_GAP
    assert belief.least <= gap(expected, age) <= LONGEST_GAP


@given(kind=st.sampled_from(KINDS), known=st.lists(LOOKS, max_size=60), age=st.floats(0, 1e4))
def test_the_gap_of_one_that_stalls_grows_up_to_the_longest(
    kind: str, known: list[Seen], age: float
) -> None:
    expected = expect(BELIEFS[kind], known)
    stalled = expected.quantile(0.999)
    assert gap(expected, stalled + 2 * age) >= gap(expected, stalled + age)
    assert gap(expected, stalled + 1000) == LONGEST_GAP


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_are_shortest_where_most_become_ready(kind: str) -> None:
    expected = expect(BELIEFS[kind], [])
    early, mode = gap(expected, 0.0), gap(expected, expected.median)
    assert seconds(expected.first_look()) == pytest.approx(early, rel=0.05)
    assert mode < early
    assert mode < gap(expected, expected.quantile(0.9999))


@pytest.mark.parametrize("kind", KINDS)
def test_a_gap_waits_in_vain_for_what_a_look_is_worth(kind: str) -> None:
    belief = BELIEFS[kind]
    expected = expect(belief, [])
    age = expected.quantile(0.3)
    end = age + gap(expected, age)
    ready_later = [taken for taken in drawn(belief, 200_000) if taken > age]
    in_vain = sum(max(0.0, end - taken) for taken in ready_later) / len(ready_later)
    assert in_vain == pytest.approx(belief.cost, rel=0.06)


@pytest.mark.parametrize(("kind", "longest"), FIRST_GAPS.items())
@given(taken=st.floats(0.01, 100.0))
def test_while_none_was_seen_nobody_waits_long_in_vain(
    kind: str, longest: float, taken: float
) -> None:
    expected = at_first(kind)
    ages = looks(expected, min(taken, expected.quantile(0.99)))
    assert max(later - earlier for earlier, later in pairwise([0.0, *ages])) <= longest


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [1 / 3, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_belief_that_is_wrong_by_three_is_mended_by_twenty_containers(
    kind: str, wrong: float, seed: int
) -> None:
    true = BELIEFS[kind]
    belief = replace(true, median=true.median * wrong)
    expected = expect(belief, learned(belief, drawn(true, 20, seed)))
    assert 0.6 < expected.median / true.median < 1.6
    assert 0.6 < expected.sigma / true.sigma < 1.6


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_always_ready_at_once_is_looked_at_at_once(kind: str) -> None:
    belief = BELIEFS[kind]
    known = learned(belief, [0.0] * MEMORY)
    firsts = [seconds(expect(belief, known[-count:]).first_look()) for count in (1, 20, MEMORY)]
    assert firsts[1] < 0.03 * seconds(expect(belief, []).first_look())
    assert firsts[2] < 10 * SHORTEST
    # And it is found out when that is over.
    slow_again = known[:]
    for _ in range(MEMORY):
        slow_again.insert(0, seen(expect(belief, slow_again), belief.median))
    assert expect(belief, slow_again).median == pytest.approx(belief.median, rel=0.25)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_was_slow_for_long_and_is_quick_again_is_looked_at_earlier(kind: str) -> None:
    belief = BELIEFS[kind]
    known = learned(belief, [20 * belief.median] * MEMORY)
    assert expect(belief, known).median > 10 * belief.median
    for _ in range(MEMORY):
        known.insert(0, seen(expect(belief, known), belief.median))
    assert expect(belief, known).median == pytest.approx(belief.median, rel=0.5)


def test_what_nobody_looked_at_for_long_tells_nothing() -> None:
    belief = BELIEFS["text"]
    usual = learned(belief, drawn(belief, 20))
    parked, throttled = Seen(unready=0.0, ready=600.0), Seen(unready=0.5, ready=3600.0)
    assert expect(belief, [parked, throttled, *usual]) == expect(belief, usual)


def test_one_that_stalled_changes_little() -> None:
    belief = BELIEFS["text"]
    usual = learned(belief, drawn(belief, 20))
    before, after = expect(belief, usual), expect(belief, [Seen(290.0, 310.0), *usual])
    assert after.median < 1.2 * before.median
    assert after.sigma < 1.4 * before.sigma


@pytest.mark.parametrize(("kind", "soon"), [("text", True), ("image", True), ("video", False)])
def test_the_next_look_at_a_text_is_soon(kind: str, soon: bool) -> None:
    expected = expect(BELIEFS[kind], [])
    assert expected.soon(timedelta(seconds=expected.median)) is soon
    assert not expected.soon(timedelta(hours=1))


@pytest.mark.parametrize(("since", "expected"), [(0, 5), (100, 10), (100_000, 30)])
def test_after_a_publish_in_doubt_the_gap_grows_with_the_time(since: int, expected: int) -> None:
    assert doubt_gap(timedelta(seconds=since)) == timedelta(seconds=expected)
