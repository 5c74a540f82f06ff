"""On to the next segment of the thread."""

from __future__ import annotations

from threadsworker.job import PASSED, Outcome
from threadsworker.steps.desk import Desk
from threadsworker.store import segments
from threadsworker.store.jobs import Claim
from threadsworker.store.runs import Start, start_of


def reply_chain(_desk: Desk, _claim: Claim) -> Outcome:
    """Nothing but the claim: a stale or doubled message ends its chain here."""
    return PASSED


def next_start(desk: Desk, job_id: str, run: int) -> Start:
    """Where the chain goes on, and what it is called: for whoever sends its messages."""
    with desk.reading() as session:
        return start_of(session, job_id, run)


def next_segment(desk: Desk, job_id: str) -> int | None:
    """Index of the next segment to publish; None when the whole thread is live."""
    with desk.reading() as session:
        return segments.next_index(session, job_id)
