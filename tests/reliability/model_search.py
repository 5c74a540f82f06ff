"""Look at every state that a variant can get into, the nearest first."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache

from tests.reliability.model_state import (
    ACTIVE,
    FAILED,
    NO_POST,
    PUBLISHED,
    SEGMENT,
    TWO_POSTS,
    State,
    tidy,
)
from tests.reliability.model_variants import Variant
from tests.reliability.model_workers import Model
from threadsworker.job import SegmentState


@dataclass(frozen=True)
class Verdict:
    """What came of a search."""

    #: ``double``: two posts. ``false``: called live without a post, or failed with one.
    #: ``stuck``: without further faults the job never ends. Else ``safe``.
    outcome: str
    #: States looked at: all there are, unless a double post ended the search.
    states: int
    #: States that no schedule without faults leads out of; not counted after a double post.
    stuck: int
    #: The shortest way to the first bad state; empty if there is none.
    trace: tuple[str, ...]
    #: Moves of the segment that the workers made.
    moves: frozenset[tuple[SegmentState, SegmentState]]
    #: Of CPU time.
    seconds: float


@dataclass
class _Search:
    """The states found so far, by number, and how each was reached first."""

    states: list[State]
    numbers: dict[State, int]
    came_from: list[tuple[int, str]] = field(default_factory=lambda: [(0, "")])
    #: For each state those that a step without a fault leads to.
    good_steps: list[list[int]] = field(default_factory=list)

    def trace(self, number: int) -> tuple[str, ...]:
        steps = []
        while number:
            number, what = self.came_from[number]
            steps.append(what)
        return tuple(reversed(steps))


@cache
def verdict_on(variant: Variant) -> Verdict:
    """Breadth first, until there are two posts or nothing is left to look at."""
    began, model = time.process_time(), Model(variant)
    # After a failover a stale worker may hold the claim again.
    stale_is_over = variant.fenced and not variant.intent_lost
    start = State()
    search = _Search([start], {start: 0})
    double = _explore(search, model, stale_is_over)
    stuck = _stuck(search) if double is None else []
    false = next((n for n, state in enumerate(search.states) if _is_false(state)), None)
    outcome, bad = "safe", double
    if double is not None:
        outcome = "double"
    elif false is not None:
        outcome, bad = "false", false
    elif stuck:
        outcome, bad = "stuck", stuck[0]
    return Verdict(
        outcome=outcome,
        states=len(search.states),
        stuck=len(stuck),
        trace=() if bad is None else search.trace(bad),
        moves=frozenset((SEGMENT[source], SEGMENT[to]) for source, to in model.moves),
        seconds=time.process_time() - began,
    )


def _explore(search: _Search, model: Model, stale_is_over: bool) -> int | None:
    """Fill `search`; the number of the first state with two posts."""
    states, numbers = search.states, search.numbers
    for number, state in enumerate(states):  # the list grows meanwhile
        good = []
        for what, is_fault, raw in model.steps(state):
            # Most are known, and tidy already.
            found = numbers.get(raw)
            if found is None:
                after = tidy(raw, stale_is_over=stale_is_over)
                found = numbers.setdefault(after, len(states))
                if found == len(states):
                    states.append(after)
                    search.came_from.append((number, what))
                    if after.posts == TWO_POSTS:
                        return found
            if not is_fault:
                good.append(found)
        search.good_steps.append(good)
    return None


def _is_false(state: State) -> bool:
    """Called live, and never was; or called failed, and there was a post."""
    if state.posts == NO_POST:
        return state.segment >= PUBLISHED
    return state.job == FAILED


def _stuck(search: _Search) -> list[int]:
    """States from which no steps without a fault lead to the end of the job."""
    ends = [state.job != ACTIVE for state in search.states]
    grown = True
    while grown:
        grown = False
        # A step mostly leads to a state with a higher number: backwards few rounds do.
        for number in range(len(ends) - 1, -1, -1):
            if not ends[number] and any(ends[after] for after in search.good_steps[number]):
                ends[number] = grown = True
    return [number for number, leads_on in enumerate(ends) if not leads_on]
