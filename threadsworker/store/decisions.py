"""
What people decide about a job from outside: no claim is needed, and none withstands it.

The epoch grows with each decision, so a worker that is at the job right now may still report
facts but decides nothing more: the next side effect does not happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlmodel import Session, col, select, update

from threadsworker.errors import NotPossible
from threadsworker.job import RESTING, JobState
from threadsworker.notice import NoticeEvent
from threadsworker.post import Segment
from threadsworker.store import events, forgetting, jobs, notices, segments, submission
from threadsworker.store.submission import Terms
from threadsworker.store.tables import JobRow

#: States in which the post or its time may still be changed, if nothing of it has gone out.
CHANGEABLE = (
    JobState.SCHEDULED,
    JobState.QUEUED,
    JobState.PUBLISHING,
    JobState.WAITING,
    JobState.FAILED,
    JobState.MISSED,
)
#: Of these, those that a change does not start again.
_ENDED = (JobState.FAILED, JobState.MISSED)


def cancel(session: Session, job_id: str, *, now: datetime) -> bool:
    """anything but at rest → cancelled. False if it is at rest."""
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
    notices.tell(session, NoticeEvent.JOB_CANCELLED, job_id, now=now)
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
    notices.tell(session, NoticeEvent.JOB_FAILED, job_id, now=now)
    return True


def reschedule(session: Session, job_id: str, terms: Terms, *, now: datetime) -> None:
    """
    anything of which nothing has gone out → scheduled, or queued if `terms` say now.

    Raises
    ------
    NotFound, NotPossible:
        There is no such job; part of it is live or may be (`job.begun`), or it has ended.
    """
    row = _unsent(session, job_id)
    run = row.run + 1
    _begin_anew(session, row, terms, now=now, **_moments(terms))
    at = terms.when.at.isoformat() if terms.when else None
    events.record(session, job_id, "rescheduled", now=now, run=run, at=at)


def _moments(terms: Terms) -> dict[str, Any]:
    return {
        "scheduled_at": terms.when.at if terms.when else None,
        "timezone": terms.when.timezone if terms.when else None,
        "missed_at": terms.missed_at,
    }


def edit(
    session: Session,
    job_id: str,
    planned: Sequence[Segment],
    *,
    reply_to: str | None,
    terms: Terms,
    now: datetime,
) -> None:
    """
    Replace the post as a whole, as a new revision; its time stays.

    A job that had failed or was missed stays so, until it is retried.

    Raises
    ------
    NotFound, NotPossible:
        There is no such job; part of it is live or may be (`job.begun`), or it has ended.
    """
    row = _unsent(session, job_id)
    forgetting.forget_segments(session, [job_id])
    submission.add_segments(session, job_id, planned)
    ended = row.state in _ENDED
    run, revision = row.run + (not ended), row.revision + 1
    content = {
        "revision": revision,
        "content_hash": submission.content_hash(planned, reply_to=reply_to),
        "reply_to": reply_to,
        "pace": terms.pace,
        "pace_jitter": terms.pace_jitter,
        "check_quota": terms.check_quota,
        "wait_on_quota": terms.wait_on_quota,
    }
    if ended:
        session.exec(update(JobRow).where(col(JobRow.id) == job_id).values(**content))
    else:
        _begin_anew(session, row, terms, now=now, **content)
    events.record(
        session,
        job_id,
        "edited",
        now=now,
        run=run,
        revision=revision,
        segments=len(planned),
    )


def _unsent(session: Session, job_id: str) -> JobRow:
    """The job, locked: whoever is about to write an attempt down waits, and loses its claim."""
    jobs.find(session, job_id)
    row = session.exec(
        select(JobRow)
        .where(JobRow.id == job_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if row.state not in CHANGEABLE:
        raise NotPossible(f"job {job_id} is {row.state}", code="job.ended")
    # Another statement than the lock's, so that it sees what was committed meanwhile.
    if session.exec(select(segments.gone_out(job_id))).one():
        raise NotPossible(
            f"job {job_id} has begun: part of it is live, or may be", code="job.begun"
        )
    return row


def _begin_anew(
    session: Session, row: JobRow, terms: Terms, *, now: datetime, **values: Any
) -> None:
    """
    A new run, begun by `dispatch` when its time has come; no claim and no message counts.

    `terms` say when; a job that was edited keeps the time that it has.
    """
    at = values.get("scheduled_at", row.scheduled_at)
    starts_at = now if at is None else max(now, at - terms.prepare_ahead)
    session.exec(
        update(JobRow)
        .where(col(JobRow.id) == row.id)
        .values(
            state=JobState.SCHEDULED if at is not None and at > now else JobState.QUEUED,
            reason=None,
            run=row.run + 1,
            epoch=row.epoch + 1,
            claimed_by=None,
            lease_until=None,
            overdue_at=None,
            wake_at=starts_at,
            claims=0,
            tries=0,
            reserved_at=None,
            finished_at=None,
            error_code=None,
            error_message=None,
            error_advice=None,
            **values,
        )
    )
