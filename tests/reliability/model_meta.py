"""
Meta and the adversary: what happens without a worker's doing.

A publish may be carried out whenever it arrives, or be refused for no reason, or get lost.
Containers expire. The user deletes the post. The database fails over. What would not happen
on a good day is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.reliability.model_state import (
    ACTIVE,
    CHECKED,
    CLOSE,
    DEAD,
    DELETED,
    FINISHED,
    IDLE,
    LIVE,
    NO_POST,
    NONE,
    PARKED,
    POST,
    PROCESSING,
    PUBLISHED,
    SENT,
    STORE,
    TWO_POSTS,
    State,
    with_status,
)
from tests.reliability.model_variants import NotFound, Quiet, Variant

#: How containers are called in a trace.
NAMES = "ABC"


class Step(NamedTuple):
    """One thing that may happen, and the state after it."""

    what: str
    is_fault: bool
    state: State


class Handled(NamedTuple):
    """What Meta makes of a publish."""

    what: str
    is_fault: bool
    state: State
    #: CHECKED if it is not carried out yet; else NONE.
    request: int = NONE
    #: What a worker does next that hears the answer.
    answer: int = CLOSE


def handle(state: State, container: int, phase: int, *, atomic: bool) -> Iterator[Handled]:
    """What Meta may make of a publish that has arrived, or that it has looked at before."""
    name, status = NAMES[container], state.meta[container]
    if phase == SENT:
        if status != FINISHED:
            yield Handled(f"Meta refuses {name}", False, state)
            return
        yield Handled(f"Meta refuses {name} for no reason", True, state)
        if not atomic:
            yield Handled(f"Meta has checked {name}", False, state, CHECKED)
            return
    elif status == DEAD:
        yield Handled(f"Meta refuses {name}", False, state)
        return
    published = state._replace(
        meta=with_status(state, container, LIVE),
        posts=POST if state.posts == NO_POST else TWO_POSTS,
    )
    yield Handled(f"Meta publishes {name}", False, published, NONE, STORE)


def events(state: State, variant: Variant) -> Iterator[Step]:
    """What may happen by itself."""
    yield from _late_publishes(state, variant)
    for container, status in enumerate(state.meta):
        if status == FINISHED:
            # A day goes by. Only a variant that never sends twice has to wait for that.
            yield Step(
                f"{NAMES[container]} expires",
                variant.quiet is not Quiet.NEVER_AGAIN,
                state._replace(meta=with_status(state, container, DEAD)),
            )
    if state.posts == POST:
        yield Step("the user deletes the post", True, state._replace(posts=DELETED))
    if state.job == PARKED and variant.not_found is NotFound.ASK_THEN_PARK:
        yield Step("the parked job is looked at again", False, state._replace(job=ACTIVE))
    if variant.intent_lost and state.job == ACTIVE:
        yield from _failover(state)


def _late_publishes(state: State, variant: Variant) -> Iterator[Step]:
    """Of publishes whose sender is dead or has stopped listening."""
    for late in set(state.flight):
        container, phase = late
        others = list(state.flight)
        others.remove(late)
        yield Step("a late publish gets lost", True, state._replace(flight=tuple(others)))
        for done in handle(state, container, phase, atomic=variant.atomic):
            left = others if done.request == NONE else [*others, (container, done.request)]
            yield Step(f"late: {done.what}", done.is_fault, done.state._replace(flight=tuple(left)))


def _failover(state: State) -> Iterator[Step]:
    """
    The attempts on the live container are forgotten, and all that came after them.

    Claims may be forgotten too: then epochs repeat, and stale workers hold the job again.
    """
    if not state.attempts and state.segment != PUBLISHED:
        return
    for claims_too in (False, True):
        one, two = (
            worker._replace(attempt=NONE, held=worker.held or (claims_too and worker.next != IDLE))
            for worker in state.workers
        )
        yield Step(
            "the database fails over",
            True,
            state._replace(segment=PROCESSING, attempts=(), workers=(one, two)),
        )
