"""Jobs that come too late: nobody was there for them when it was their time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, not_, update
from sqlmodel import Session, col, select

from threadsworker.job import JobState
from threadsworker.notice import NoticeEvent
from threadsworker.store import events, notices, segments
from threadsworker.store.tables import JobRow


def miss(session: Session, *, now: datetime, limit: int) -> int:
    """
    scheduled | queued | waiting, begun too late → missed; how many.

    Only while nothing of it is live, nor may be.
    """
    late = and_(col(JobRow.wake_at) <= now, is_too_late(now))
    chosen = (
        select(JobRow.id).where(late).limit(limit).with_for_update(skip_locked=True).cte("chosen")
    )
    missed = session.exec(
        update(JobRow)
        .where(col(JobRow.id).in_(select(chosen.c.id)), late)
        .values(
            state=JobState.MISSED,
            reason=None,
            epoch=JobRow.epoch + 1,
            wake_at=None,
            overdue_at=None,
            reserved_at=None,
            finished_at=now,
            error_code="missed",
            error_message="it could not be begun in time",
            error_advice="`threadsworker retry` publishes it after all.",
        )
        .returning(col(JobRow.id), col(JobRow.run))
    ).all()
    for job_id, run in missed:
        events.record(session, job_id, "missed", now=now, run=run)
    if missed:
        ids = [job_id for job_id, _ in missed]
        notices.tell(session, NoticeEvent.JOB_MISSED, *ids, now=now)
    return len(missed)


def is_too_late(now: datetime) -> ColumnElement[bool]:
    """Whether a job was to begin by now, and nothing of it is live, or may be."""
    late = and_(
        col(JobRow.state).in_([JobState.SCHEDULED, JobState.QUEUED, JobState.WAITING]),
        col(JobRow.missed_at).is_not(None),
        col(JobRow.missed_at) <= now,
    )
    return and_(late, not_(segments.gone_out(JobRow.id)))
