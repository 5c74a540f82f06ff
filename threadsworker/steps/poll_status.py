"""Wait until Meta has processed a segment's container."""

from __future__ import annotations

from threadsworker.job import PASSED, Done, Outcome, SegmentState, Wait, WaitReason
from threadsworker.steps.desk import Desk
from threadsworker.steps.observe import observe
from threadsworker.steps.work import load
from threadsworker.store import segments
from threadsworker.store.jobs import Claim


def poll_status(desk: Desk, claim: Claim, index: int) -> Outcome:
    """Done when the container of segment `index` is ready to be published."""
    work, account = load(desk, claim, index)
    if work.live or work.attempts:
        return PASSED
    if work.container is None:
        return Wait(delay=desk.settings.dispatch_every, reason=WaitReason.BACKOFF, rewind=True)
    if work.container.published_at is not None or work.container.restored_at is not None:
        # What became of it, or whether it was sent, is for the publish step to find out.
        return PASSED
    outcome = observe(desk, claim, desk.threads(account), work.container)
    if isinstance(outcome, Done):
        with desk.transaction() as session:
            segments.move(
                session,
                work.row.id,
                source=[SegmentState.PROCESSING],
                to=SegmentState.PUBLISHABLE,
            )
    return outcome
