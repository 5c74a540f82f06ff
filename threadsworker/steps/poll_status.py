"""
Wait until Meta has processed a segment's container.

What may be ready in a moment is left to the publish, which has to look itself before it sends.
"""

from __future__ import annotations

from threadsworker.job import Done, Outcome, SegmentState, Wait, WaitReason
from threadsworker.steps.desk import Desk
from threadsworker.steps.observe import OLDEST_CONTAINER, observe
from threadsworker.steps.step import Go, Step
from threadsworker.steps.work import Work, see
from threadsworker.store import segments
from threadsworker.store.jobs import Claim


def _look(desk: Desk, work: Work) -> Go | Work:
    container = work.container
    if work.live or work.attempts:
        return Go("had been done before")
    if container is None:
        return work
    if container.published_at is not None or container.restored_at is not None:
        return Go("what became of it is for the publish to find out")
    age = work.now - container.created_at
    if age < OLDEST_CONTAINER and desk.expectation(container.kind).soon(age):
        return Go("ready in a moment")
    return work


def _act(desk: Desk, claim: Claim, work: Work) -> Outcome:
    """Done when the container of the segment is ready to be published."""
    if work.container is None:
        return Wait(delay=desk.settings.dispatch_every, reason=WaitReason.BACKOFF, rewind=True)
    outcome = observe(desk, claim, desk.threads(work.account), work.container)
    if isinstance(outcome, Done):
        with desk.transaction() as session:
            segments.move(
                session,
                work.row.id,
                source=[SegmentState.PROCESSING],
                to=SegmentState.PUBLISHABLE,
            )
    return outcome


POLL_STATUS = Step("poll_status", see=see, look=_look, act=_act)
