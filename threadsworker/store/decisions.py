"""
What people decide about a job from outside: no claim is needed, and none withstands it.

The epoch grows with each decision, so a worker that is at the job right now may still report
facts but decides nothing more: the next side effect does not happen.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlmodel import Session, col, update

from threadsworker.job import RESTING, JobState
from threadsworker.store import events
from threadsworker.store.tables import JobRow


def cancel(session: Session, job_id: str, *, now: datetime) -> bool:
    """
    anything but at rest → cancelled. False if it is at rest.
    """
    cancelled = session.exec(
        update(JobRow)
        .where(
            col(JobRow.id) == job_id,
            or_(
                col(JobRow.state).not_in(list(RESTING)),
                col(JobRow.state) == JobState.NEEDS_REVIEW,
            ),
        )
        .values(
            state=JobState.CANCELLED,
            reason=None,
            epoch=JobRow.epoch + 1,
            lease_until=None,
            claimed_by=None,
            wake_at=None,
            overdue_at=None,
            reserved_at=None,
            finished_at=now,
        )
        .returning(col(JobRow.run))
    ).first()
    if cancelled is None:
        return False
    events.record(session, job_id, "cancelled", now=now, run=cancelled[0])
    return True


def give_up(session: Session, job_id: str, *, now: datetime, **data: Any) -> bool:
    """needs_review → failed, because a person said so. False if it is in another state."""
    given_up = session.exec(
        update(JobRow)
        .where(col(JobRow.id) == job_id, col(JobRow.state) == JobState.NEEDS_REVIEW)
        .values(state=JobState.FAILED, reason=None, wake_at=None, finished_at=now)
        .returning(col(JobRow.run))
    ).first()
    if given_up is None:
        return False
    events.record(session, job_id, "given_up", now=now, run=given_up[0], **data)
    return True
