"""
The states of the model: one segment's rows, two workers, Meta, and what is on the wire.

Small numbers and tuples only, since a million of them is made. `tidy` forgets what can make no
difference any more, so that states which differ in nothing else become one.
"""

from __future__ import annotations

from typing import NamedTuple

from threadsworker.job import HARMLESS, AttemptState, SegmentState

#: Containers of the segment that are ever recorded, and publishes on the wire at a time.
CONTAINERS, IN_FLIGHT = 3, 2

#: States of a segment and of an attempt, as numbers: their places in the enums of `job`.
SEGMENT, ATTEMPT = tuple(SegmentState), tuple(AttemptState)
READY = SEGMENT.index(SegmentState.READY_TO_CREATE)
CREATING = SEGMENT.index(SegmentState.CREATING)
PROCESSING = SEGMENT.index(SegmentState.PROCESSING)
PUBLISHABLE = SEGMENT.index(SegmentState.PUBLISHABLE)
PUBLISHING = SEGMENT.index(SegmentState.PUBLISHING)
IN_DOUBT = SEGMENT.index(SegmentState.IN_DOUBT)
#: This one and the one after it are live.
PUBLISHED = SEGMENT.index(SegmentState.PUBLISHED)
VERIFIED = SEGMENT.index(SegmentState.VERIFIED)
OPEN = ATTEMPT.index(AttemptState.OPEN)
NOT_SENT = ATTEMPT.index(AttemptState.NOT_SENT)
ACCEPTED = ATTEMPT.index(AttemptState.ACCEPTED)
REFUSED = ATTEMPT.index(AttemptState.REFUSED)
UNKNOWN = ATTEMPT.index(AttemptState.UNKNOWN)
#: Attempts that prove that nothing was published.
PROOFS = frozenset(ATTEMPT.index(state) for state in HARMLESS)

#: No container, no attempt, no request.
NONE = -1
#: The job: at work, every segment live, given up, left to a person.
ACTIVE, DONE, FAILED, PARKED = range(4)
#: A container at Meta. DEAD is EXPIRED or ERROR: for ever, and without a post. GONE: there is
#: none, or nobody can name it any more.
GONE, FINISHED, LIVE, DEAD = range(4)
#: Posts that the segment has had.
NO_POST, POST, DELETED, TWO_POSTS = range(4)
#: A publish on the wire; one that Meta has looked at and not carried out yet.
SENT, CHECKED = range(2)
#: What a worker does next. Before it does, it may crash, or lose its claim and go on.
(IDLE, CREATE, POLL, NOTE, OBSERVE, SETTLE, WRITE_OFF) = range(7)
(AUTHORISE, SEND, LISTEN, STORE, CLOSE, GIVE_UP) = range(7, 13)

_COMMANDS = frozenset({AUTHORISE, GIVE_UP})
_LOOKS = frozenset({POLL, OBSERVE, SETTLE})
#: Without effect once the segment is live. A publish that is on its way is not.
_VAIN_WHEN_LIVE = frozenset(range(POLL, GIVE_UP + 1)) - {AUTHORISE, SEND}


class Worker(NamedTuple):
    """What a worker has in its memory."""

    next: int = IDLE
    #: The container that it has loaded.
    container: int = NONE
    #: Whether its epoch is the job's, so that it may command.
    held: bool = False
    #: Its attempt as the rows have it: OPEN, or UNKNOWN if somebody wrote it off.
    attempt: int = NONE
    #: Its publish, for as long as that is on the wire.
    request: int = NONE


FREE = Worker()


class State(NamedTuple):
    """Everything that can make a difference."""

    segment: int = READY
    job: int = ACTIVE
    #: The live container of the segment's rows, and how many were recorded.
    container: int = NONE
    made: int = 0
    #: The attempts on it, sorted; those that prove nothing was published only once each.
    attempts: tuple[int, ...] = ()
    #: Meta's containers, and the posts that came of them.
    meta: tuple[int, ...] = (GONE,) * CONTAINERS
    posts: int = NO_POST
    #: Publishes that nobody listens for any more: (container, SENT or CHECKED), sorted.
    flight: tuple[tuple[int, int], ...] = ()
    #: Sorted, a free one first: they differ in nothing but what they do.
    workers: tuple[Worker, Worker] = (FREE, FREE)


def on_the_wire(state: State, container: int = NONE) -> int:
    """How many publishes are on the wire: of this container, or of all."""
    awaited = sum(
        worker.request != NONE and container in (NONE, worker.container) for worker in state.workers
    )
    return awaited + sum(container in (NONE, of) for of, _ in state.flight)


def with_status(state: State, container: int, status: int) -> tuple[int, ...]:
    """Meta's containers, with one of them changed."""
    return (*state.meta[:container], status, *state.meta[container + 1 :])


def tidy(state: State, *, stale_is_over: bool) -> State:
    """
    The state without what can make no difference any more, and in a fixed order.

    `stale_is_over`: a worker that has lost its claim never commands again.
    """
    one, two = state.workers
    attempts, flight, meta = state.attempts, state.flight, state.meta
    if one.next:
        one, flight = _tidy_worker(state, one, flight, stale_is_over)
    if two.next:
        two, flight = _tidy_worker(state, two, flight, stale_is_over)
    if two < one:
        one, two = two, one
    if flight:
        flight = tuple(sorted(late for late in flight if _may_act(meta[late[0]], late[1])))
    if attempts and state.segment >= PUBLISHED:
        attempts = ()
    if state.made > (state.container != NONE):
        named = [state.container, one.container, two.container, *[of for of, _ in flight]]
        meta = tuple([status if of in named else GONE for of, status in enumerate(meta)])
    return State(
        state.segment,
        state.job,
        state.container,
        state.made,
        attempts,
        meta,
        state.posts,
        flight,
        (one, two),
    )


def _may_act(status: int, phase: int) -> bool:
    """Meta does nothing with a publish of a dead container, and nothing twice."""
    return status == FINISHED or (status == LIVE and phase == CHECKED)


def _tidy_worker(
    state: State, me: Worker, flight: tuple[tuple[int, int], ...], stale_is_over: bool
) -> tuple[Worker, tuple[tuple[int, int], ...]]:
    """The worker, free if nothing that it still does has an effect; and the late publishes."""
    live = state.segment >= PUBLISHED
    held = me.held and state.job == ACTIVE
    stale = stale_is_over and not held
    if (
        (live and me.next in _VAIN_WHEN_LIVE)
        or (stale and me.next in _COMMANDS)
        or (stale and me.next in _LOOKS and state.meta[me.container] == DEAD)
    ):
        return FREE, flight if me.request == NONE else (*flight, (me.container, me.request))
    attempt = NONE if live or me.container != state.container else me.attempt
    if held == me.held and attempt == me.attempt:
        return me, flight
    return Worker(me.next, me.container, held, attempt, me.request), flight
