"""
Which segments of a job have been deleted from Threads.

An event says so, and nothing else: a segment's own row tells what was published, and stays as
it is.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select, update

from threadsworker.errors import NotPossible
from threadsworker.job import RESTING, JobState
from threadsworker.store import events, jobs, segments
from threadsworker.store.tables import EventRow, JobRow, SegmentRow

#: The event of a deleted segment; its data hold the media id.
DELETED = "segment_deleted"


def check_rest(session: Session, job_id: str) -> None:
    """
    Raises
    ------
    NotFound, NotPossible:
        There is no such job; it is not at rest, and may publish more (`job.not_at_rest`).
    """
    row = jobs.find(session, job_id)
    if row.state not in RESTING:
        raise NotPossible(
            f"job {job_id} is {row.state}: cancel it first, or wait for its end",
            code="job.not_at_rest",
        )


def still_live(session: Session, job_id: str) -> list[tuple[int, str]]:
    """Index and media id of each segment that is live for all we know, the last first."""
    gone = _deleted(session, job_id)
    return [
        (row.index, row.media_id)
        for row in reversed(segments.of_job(session, job_id))
        if row.media_id is not None and row.media_id not in gone
    ]


def begun(session: Session, job_id: str, *, but: int | None = None) -> bool:
    """
    Whether a part of the job was deleted: it cannot be gone on with.

    `but`: a segment that does not count, since it is about to be published anew.
    """
    gone = _deleted(session, job_id)
    return bool(gone) and any(
        row.media_id in gone and row.index != but for row in segments.of_job(session, job_id)
    )


def check_whole(session: Session, job_id: str, *, but: int | None = None) -> None:
    """
    Raises
    ------
    NotPossible:
        A part of the job was deleted: what came next would hang below nothing (`job.deleted`).
    """
    if begun(session, job_id, but=but):
        raise NotPossible(
            f"job {job_id} was deleted from Threads, or part of it: enqueue it anew",
            code="job.deleted",
        )


def deleted(
    session: Session, job_id: str, index: int, media_id: str, *, gone_before: bool, now: datetime
) -> None:
    """
    The segment is not on Threads any more; told once, whoever tells it.

    `gone_before`: Meta said that there was nothing to delete.
    """
    row = session.exec(select(JobRow).where(JobRow.id == job_id).with_for_update()).one()
    if media_id in _deleted(session, job_id):
        return
    events.record(
        session,
        job_id,
        DELETED,
        now=now,
        run=row.run,
        epoch=row.epoch,
        segment=index,
        media_id=media_id,
        gone_before=gone_before,
    )
    # What time may tell of the rest must not send it on.
    in_review = (col(JobRow.id) == job_id, col(JobRow.state) == JobState.NEEDS_REVIEW)
    session.exec(update(JobRow).where(*in_review).values(wake_at=None))


def deleted_alone(session: Session, media_id: str, *, now: datetime) -> None:
    """A post was deleted by its id; if it is a segment of a job, that job is told."""
    row = session.exec(select(SegmentRow).where(SegmentRow.media_id == media_id)).first()
    if row is not None:
        deleted(session, row.job_id, row.index, media_id, gone_before=False, now=now)


def _deleted(session: Session, job_id: str) -> set[str]:
    found = select(EventRow.data).where(EventRow.job_id == job_id, EventRow.what == DELETED)
    return {str(data.get("media_id")) for data in session.exec(found).all()}
