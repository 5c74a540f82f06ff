"""The report of a job, from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from threadsworker import report
from threadsworker.job import SegmentState
from threadsworker.plan import options_of
from threadsworker.post import MediaKind, Segment
from threadsworker.store import containers, events, removal, segments, staged
from threadsworker.store.tables import AccountRow, JobRow, MediaRow, SegmentRow


def summary(job: JobRow, account: str) -> report.JobSummary:
    """The job without its segments."""
    return report.JobSummary(**_summary(job, account))


def new(job: JobRow, account: str, planned: Sequence[Segment]) -> report.Job:
    """The same as `whole`, of a job that was submitted a moment ago: it asks nothing."""
    return report.Job(
        **_summary(job, account),
        segments=tuple(
            report.SegmentReport(
                index=segment.index,
                text=segment.text,
                state=SegmentState.WAITING,
                container_id=None,
                media_id=None,
                permalink=None,
                reply_to=job.reply_to if segment.index == 0 else None,
                options=options_of(segment),
                media=tuple(
                    report.MediaReport(
                        kind=item.kind, alt_text=item.alt_text, sha256=item.sha256, url=item.url
                    )
                    for item in segment.media
                ),
            )
            for segment in planned
        ),
        staged_files=0,
        events=(
            report.EventReport(
                at=job.created_at,
                what="enqueued",
                run=job.run,
                segment=None,
                data={"segments": len(planned)},
            ),
        ),
    )


def whole(session: Session, job: JobRow) -> report.Job:
    """All that is known of the job."""
    account = session.get_one(AccountRow, job.account_id)
    rows = segments.of_job(session, job.id)
    media = segments.media_of(session, rows)
    created = containers.creation_ids(session, [row.id for row in rows])
    history = events.of_job(session, job.id)
    gone = {event.data["media_id"]: event.at for event in history if event.what == removal.DELETED}
    return report.Job(
        **_summary(job, account.name),
        segments=tuple(
            _segment(job, row, media[row.id], created.get(row.id), gone.get(row.media_id))
            for row in rows
        ),
        staged_files=staged.count(session, job.id),
        events=tuple(
            report.EventReport(
                at=event.at, what=event.what, run=event.run, segment=event.segment, data=event.data
            )
            for event in history
        ),
    )


def _summary(job: JobRow, account: str) -> dict[str, Any]:
    error = None
    if job.error_code is not None:
        error = report.Problem(
            code=job.error_code, message=job.error_message or "", advice=job.error_advice or ""
        )
    return {
        "id": job.id,
        "account": account,
        "state": job.state,
        "reason": job.reason,
        "error": error,
        "run": job.run,
        "scheduled_at": job.scheduled_at,
        "timezone": job.timezone,
        "revision": job.revision,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }


def _segment(
    job: JobRow,
    row: SegmentRow,
    media: Sequence[MediaRow],
    container_id: str | None,
    deleted_at: datetime | None,
) -> report.SegmentReport:
    return report.SegmentReport(
        index=row.index,
        text=row.text,
        state=SegmentState(row.state),
        container_id=container_id,
        media_id=row.media_id,
        permalink=row.permalink,
        reply_to=row.reply_to or (job.reply_to if row.index == 0 else None),
        options=row.options,
        media=tuple(
            report.MediaReport(
                kind=MediaKind(item.kind), alt_text=item.alt_text, sha256=item.sha256, url=item.url
            )
            for item in media
        ),
        deleted_at=deleted_at,
    )
