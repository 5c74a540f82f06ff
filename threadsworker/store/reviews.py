"""
Reviews: what a person decides about a job that asking could not settle.

A decision is about the first segment that is not settled yet. Who took it is an event.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from threadsworker.errors import NotPossible
from threadsworker.job import HARMLESS, JobState
from threadsworker.notice import NoticeEvent
from threadsworker.store import containers, decisions, jobs, notices, removal, runs, segments
from threadsworker.store.runs import Start
from threadsworker.store.tables import JobRow

#: Reason of a job whose segment is live, known, and in the wrong place.
DETACHED = "reply_detached"
#: Reasons that say that a publish is in doubt.
_IN_DOUBT = frozenset(
    {
        "in_doubt",
        "in_doubt_not_found",
        "published_id_unknown",
        "error_but_live",
        "error_after_publish",
    }
)
#: How long a publish of a container may still take effect: it expires after 24 hours.
DANGEROUS_FOR = timedelta(hours=26)


def decide(
    session: Session,
    job_id: str,
    *,
    media_id: str | None,
    by: str,
    silence: timedelta,
    now: datetime,
) -> Start:
    """
    needs_review → queued: the segment in question is live as `media_id`, or, if None, not live.

    Raises
    ------
    NotFound, NotPossible:
        There is no such job; it does not need review; what was in question is known by now;
        the media id is another segment's; a part of it was deleted.
    """
    reason = _in_review(session, job_id).reason
    index = segments.next_index(session, job_id)
    # A detached reply may be deleted, to be published anew.
    removal.check_whole(session, job_id, but=index if media_id is None else None)
    start = runs.retry(
        session,
        job_id,
        silence=silence,
        now=now,
        source=[JobState.NEEDS_REVIEW],
        what="resolved",
        by=by,
        verdict="not_published" if media_id is None else "published",
        media_id=media_id,
        segment=index,
        **_risk(session, job_id, index, now=now),
    )
    if start is None or index is None:
        raise _not_in_review(job_id)
    segment = segments.at(session, job_id, index)
    live = containers.live(session, segment.id).get(0)
    if reason in _IN_DOUBT and (live is None or live.id is None or not _doubt(session, live.id)):
        raise _settled(f"segment {index} of job {job_id} is not in doubt any more")
    detached = reason == DETACHED
    if media_id is None:
        if not segments.renounced(session, segment.id, of_live=detached):
            raise _settled(f"segment {index} of job {job_id} is live as {segment.media_id}")
        if live is not None and live.id is not None:
            containers.renounce(session, live.id)
        containers.forget_below(session, job_id, index)
        return start
    try:
        with session.begin_nested():
            decided = segments.resolved(
                session, segment.id, media_id=media_id, accepted=detached, now=now
            )
    except IntegrityError:
        raise NotPossible(
            f"media id {media_id} belongs to another segment", code="resolve.media_taken"
        ) from None
    if not decided:
        raise _settled(f"segment {index} of job {job_id} is live as {segment.media_id}")
    if not detached:
        told = {"index": index, "media_id": media_id}
        notices.tell(session, NoticeEvent.SEGMENT_PUBLISHED, job_id, now=now, **told)
    return runs.start_of(session, job_id, start.run)


def give_up(session: Session, job_id: str, *, by: str, now: datetime) -> None:
    """
    needs_review → failed.

    Raises
    ------
    NotFound, NotPossible:
        There is no such job; it does not need review.
    """
    _in_review(session, job_id)
    if not decisions.give_up(session, job_id, now=now, by=by):
        raise _not_in_review(job_id)


def _in_review(session: Session, job_id: str) -> JobRow:
    row = jobs.find(session, job_id)
    if row.state != JobState.NEEDS_REVIEW:
        raise _not_in_review(job_id, row.state)
    return row


def _not_in_review(job_id: str, state: str = "something else") -> NotPossible:
    return NotPossible(
        f"job {job_id} is {state}; only one that needs review can be resolved",
        code="job.not_in_review",
    )


def _risk(session: Session, job_id: str, index: int | None, *, now: datetime) -> dict[str, bool]:
    """Whether a publish of the segment's container may still be on its way."""
    if index is None:
        return {}
    live = containers.live(session, segments.at(session, job_id, index).id).get(0)
    if live is None or live.id is None:
        return {"risk": False}
    return {"risk": _doubt(session, live.id) and now < live.created_at + DANGEROUS_FOR}


def _doubt(session: Session, container_id: int) -> bool:
    """Whether a publish of the container may have happened, or may still happen."""
    row = containers.get(session, container_id)
    sent = containers.attempts(session, container_id)
    told = row.published_at is not None or row.restored_at is not None
    return told or any(one.state not in HARMLESS for one in sent)


def _settled(message: str) -> NotPossible:
    return NotPossible(
        f"{message}: `threadsworker retry` goes on from there", code="resolve.settled"
    )
