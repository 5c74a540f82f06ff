"""
Forgetting: rows that nothing needs any more are removed, children first.

What a publish took from the quota outlives its job: Meta's window knows nothing of our rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlmodel import Session, col, delete, select, update

from threadsworker.job import HARMLESS, TERMINAL, JobState, StagedState
from threadsworker.store.removal import DELETED
from threadsworker.store.tables import (
    AttemptRow,
    ContainerRow,
    EventRow,
    JobRow,
    MediaRow,
    QuotaUseRow,
    SegmentRow,
    StagedRow,
)


def forget_segments(session: Session, job_ids: Sequence[str]) -> None:
    """
    Remove the jobs' segments with all that hangs on them.

    Their containers become orphans, which nobody publishes and which die within a day. What
    unanswered sends of dead containers took from the quota counts on.
    """
    of_jobs = select(SegmentRow.id).where(col(SegmentRow.job_id).in_(list(job_ids)))
    attempts = select(AttemptRow.id).where(col(AttemptRow.segment_id).in_(of_jobs))
    harmless = attempts.where(col(AttemptRow.state).in_(list(HARMLESS)))
    session.exec(delete(QuotaUseRow).where(col(QuotaUseRow.attempt_id).in_(harmless)))
    session.exec(
        update(QuotaUseRow).where(col(QuotaUseRow.attempt_id).in_(attempts)).values(attempt_id=None)
    )
    for table in (AttemptRow, ContainerRow, MediaRow):
        session.exec(delete(table).where(col(table.segment_id).in_(of_jobs)))
    session.exec(delete(SegmentRow).where(col(SegmentRow.job_id).in_(list(job_ids))))


def ended_before(moments: Mapping[JobState, datetime]) -> ColumnElement[bool]:
    """
    Whether a job ended before its state's moment, and has left nothing public.

    Only states that a job leaves when a person asks for it: all others are at work, or need one.
    """
    assert moments.keys() <= TERMINAL
    staged = exists().where(
        col(StagedRow.job_id) == col(JobRow.id), col(StagedRow.state) != StagedState.GONE
    )
    ended = [
        and_(
            col(JobRow.state) == state,
            col(JobRow.finished_at) < moment,
            # For the index: nothing ends before it began.
            col(JobRow.created_at) < moment,
        )
        for state, moment in moments.items()
    ]
    return and_(or_(*ended), ~staged)


def forget_jobs(session: Session, moments: Mapping[JobState, datetime], *, limit: int) -> int:
    """ended before its state's moment → nothing: `limit` jobs with all their rows; how many."""
    if not moments:
        return 0
    chosen = select(JobRow.id).where(ended_before(moments)).order_by(col(JobRow.created_at))
    # Whoever else forgets at the same moment takes others.
    ids = session.exec(chosen.limit(limit).with_for_update(skip_locked=True)).all()
    forget_segments(session, ids)
    for table in (EventRow, StagedRow):
        session.exec(delete(table).where(col(table.job_id).in_(ids)))
    gone = session.exec(delete(JobRow).where(col(JobRow.id).in_(ids)))
    return gone.rowcount


def forget_events(session: Session, *, before: datetime, limit: int) -> int:
    """Remove the events, older than that, of jobs that have ended; how many."""
    of_ended = col(EventRow.job_id).in_(
        select(JobRow.id).where(
            col(JobRow.state).in_(list(TERMINAL)), col(JobRow.finished_at) < before
        )
    )
    # That a segment was deleted from Threads stands nowhere else.
    old = select(EventRow.id).where(
        of_ended, col(EventRow.at) < before, col(EventRow.what) != DELETED
    )
    return session.exec(delete(EventRow).where(col(EventRow.id).in_(old.limit(limit)))).rowcount


def forget_uses(session: Session, *, before: datetime, limit: int) -> int:
    """Remove uses of quotas, older than that, that no attempt stands for any more; how many."""
    old = select(QuotaUseRow.id).where(
        col(QuotaUseRow.attempt_id).is_(None), col(QuotaUseRow.at) < before
    )
    chosen = col(QuotaUseRow.id).in_(old.limit(limit))
    return session.exec(delete(QuotaUseRow).where(chosen)).rowcount


def referred_to(session: Session, sha256s: Sequence[str]) -> set[str]:
    """Those of the contents that a job's media are."""
    found = select(MediaRow.sha256).where(col(MediaRow.sha256).in_(list(sha256s)))
    return {sha256 for sha256 in session.exec(found).all() if sha256 is not None}
