"""Submitting a post: the rows of a new job."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Insert, insert
from sqlmodel import Session

from threadsworker.errors import NotUnderstood
from threadsworker.job import JobState, SegmentState
from threadsworker.plan import options_of
from threadsworker.post import (
    Gif,
    MediaItem,
    MediaKind,
    Poll,
    ReplyControl,
    Segment,
    Spoiler,
    TextAttachment,
)
from threadsworker.store import events, jobs
from threadsworker.store.tables import AccountRow, EventRow, JobRow, MediaRow, SegmentRow
from threadsworker.text import likeness
from threadsworker.when import When

#: What the rows know of a `MediaItem`.
_MEDIA = {field.name for field in fields(MediaItem)}
_JOBS, _SEGMENTS, _MEDIA_ROWS, _EVENTS = (
    # Nobody asks for the numbers that the database gives to events.
    insert(row).inline()
    for row in (JobRow, SegmentRow, MediaRow, EventRow)
)
_JOB_COLUMNS = tuple(JobRow.model_fields)


@dataclass(frozen=True)
class Terms:
    """When and how a post is published, apart from what it says."""

    #: None: now.
    when: When | None = None
    #: How long before that it is prepared, and how late it may begin; zero: at any time.
    prepare_ahead: timedelta = timedelta(0)
    missed_after: timedelta = timedelta(0)
    pace: float = 0.0
    pace_jitter: float = 0.0
    #: None: as the account has it.
    check_quota: bool | None = None
    wait_on_quota: bool | None = None
    #: The schedule that makes the post, and the moment that it is for.
    schedule_id: str | None = None
    occurrence: datetime | None = None

    def starts_at(self, now: datetime) -> datetime:
        """When the job's chain begins."""
        return now if self.when is None else max(now, self.when.at - self.prepare_ahead)

    def state_at(self, now: datetime) -> JobState:
        """The state that the job begins in."""
        later = self.when is not None and self.when.at > now
        return JobState.SCHEDULED if later else JobState.QUEUED

    @property
    def missed_at(self) -> datetime | None:
        """When it is too late to begin."""
        if self.when is None or not self.missed_after:
            return None
        return self.when.at + self.missed_after


@dataclass(frozen=True)
class Submission:
    """One of many posts to submit; see `submit`."""

    account_id: str
    planned: Sequence[Segment]
    reply_to: str | None
    key: str | None
    silence: timedelta
    terms: Terms


def submit(
    session: Session,
    *,
    account: AccountRow,
    planned: Sequence[Segment],
    reply_to: str | None,
    key: str | None,
    silence: timedelta,
    now: datetime,
    terms: Terms | None = None,
) -> JobRow:
    """
    nothing → queued | scheduled: the rows of a new job and its segments. The row is the truth.

    `silence` is how long the caller's message may be under way; none if nobody sends one.
    """
    one = Submission(account.id, planned, reply_to, key, silence, terms or Terms())
    return submit_all(session, [one], now=now)[0]


def submit_all(session: Session, many: Sequence[Submission], *, now: datetime) -> list[JobRow]:
    """
    nothing → queued | scheduled: the same for many, in a few statements, in their order.

    What it gives is what was written, and no part of the session: a later change of one of
    these objects is not stored.
    """
    session.flush()
    rows = [_job(one, now=now) for one in many]
    begun = [(row, _segments(row.id, one.planned)) for row, one in zip(rows, many, strict=True)]
    # Not by the session: for one post, its work on each object takes longer than the database.
    _insert(session, _JOBS, [_columns(row) for row in rows])
    _insert_segments(session, [planned for _, planned in begun])
    _insert(session, _EVENTS, [_enqueued(row, len(planned), now=now) for row, planned in begun])
    return rows


def _insert(session: Session, into: Insert, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.connection().execute(into, rows)


def _columns(row: JobRow) -> dict[str, Any]:
    given = vars(row)
    return {name: given.get(name) for name in _JOB_COLUMNS}


def _enqueued(row: JobRow, segments: int, *, now: datetime) -> dict[str, Any]:
    return events.written(row.id, "enqueued", now=now, run=row.run, segments=segments)


def _job(one: Submission, *, now: datetime) -> JobRow:
    terms = one.terms
    due = jobs.under_way(terms.starts_at(now), one.silence)
    return JobRow(
        id=secrets.token_hex(10),
        account_id=one.account_id,
        key=one.key,
        content_hash=content_hash(one.planned, reply_to=one.reply_to),
        state=terms.state_at(now),
        scheduled_at=terms.when.at if terms.when else None,
        timezone=terms.when.timezone if terms.when else None,
        missed_at=terms.missed_at,
        schedule_id=terms.schedule_id,
        occurrence=terms.occurrence,
        pace=terms.pace,
        pace_jitter=terms.pace_jitter,
        check_quota=terms.check_quota,
        wait_on_quota=terms.wait_on_quota,
        reply_to=one.reply_to,
        created_at=now,
        wake_at=due["wake_at"],
        overdue_at=due["overdue_at"] if one.silence else None,
    )


def add_segments(session: Session, job_id: str, planned: Sequence[Segment]) -> None:
    """The rows of the job's segments and of their media."""
    session.flush()
    _insert_segments(session, [_segments(job_id, planned)])


#: The rows of a segment, and of its media.
_Added = tuple[dict[str, Any], list[dict[str, Any]]]


def _insert_segments(session: Session, of_jobs: Sequence[Sequence[_Added]]) -> None:
    added = [one for of_job in of_jobs for one in of_job]
    _insert(session, _SEGMENTS, [segment for segment, _ in added])
    _insert(session, _MEDIA_ROWS, [item for _, media in added for item in media])


def _segments(job_id: str, planned: Sequence[Segment]) -> list[_Added]:
    rows = [_segment_row(job_id, segment) for segment in planned]
    return [(row, _media_rows(row["id"], one)) for row, one in zip(rows, planned, strict=True)]


def _segment_row(job_id: str, segment: Segment) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(10),
        "job_id": job_id,
        "index": segment.index,
        "text": segment.text,
        "likeness": likeness(segment.text),
        "options": options_of(segment),
        "state": SegmentState.WAITING,
    }


def _media_rows(segment_id: str, segment: Segment) -> list[dict[str, Any]]:
    return [
        {
            "id": secrets.token_hex(10),
            "segment_id": segment_id,
            "position": position,
            "kind": item.kind,
            "alt_text": item.alt_text,
            "sha256": item.sha256,
            "content_type": item.content_type,
            "size": item.size,
            "url": item.url,
        }
        for position, item in enumerate(segment.media, 1)
    ]


def content_hash(planned: Sequence[Segment], *, reply_to: str | None) -> str:
    """A hash of all that will be published, to tell whether two submissions are the same."""
    content = [
        [segment.text, options_of(segment), [_media_identity(item) for item in segment.media]]
        for segment in planned
    ]
    written = json.dumps([reply_to, content], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


def _media_identity(item: MediaItem) -> list[str | None]:
    return [item.kind, item.alt_text, item.sha256, item.url]


def planned_segment(row: SegmentRow, media: Sequence[MediaRow]) -> Segment:
    """
    The `Segment` that `submit` was given, read back from its rows.

    Raises
    ------
    NotUnderstood:
        A newer version wrote them, with options that are unknown here.
    """
    items = [item.model_dump(include=_MEDIA) for item in media]
    try:
        return _read(row.index, row.text, row.options, items)
    except (TypeError, ValueError):
        # The error itself would repeat what people wrote.
        raise NotUnderstood(
            f"segment {row.index} has options that this version does not know"
        ) from None


def written(planned: Sequence[Segment]) -> list[dict[str, Any]]:
    """Segments as JSON, for rows that are no jobs yet; `segments_in` reads them back."""
    return [
        {
            "text": segment.text,
            "options": options_of(segment),
            "media": [asdict(item) for item in segment.media],
        }
        for segment in planned
    ]


def segments_in(parts: Sequence[dict[str, Any]]) -> tuple[Segment, ...]:
    """The segments that `written` was given."""
    return tuple(
        _read(index, part["text"], part["options"], part["media"])
        for index, part in enumerate(parts)
    )


def _read(
    index: int, text: str, options: dict[str, Any], media: Sequence[dict[str, Any]]
) -> Segment:
    options = dict(options)
    models: dict[str, type[BaseModel]] = {
        "poll": Poll,
        "gif": Gif,
        "text_attachment": TextAttachment,
    }
    for name, model in models.items():
        if name in options:
            options[name] = model.model_validate(options[name])
    if "reply_control" in options:
        options["reply_control"] = ReplyControl(options["reply_control"])
    if "spoilers" in options:
        options["spoilers"] = tuple(Spoiler.model_validate(s) for s in options["spoilers"])
    if "countries" in options:
        options["countries"] = tuple(options["countries"])
    items = tuple(MediaItem(**{**item, "kind": MediaKind(item["kind"])}) for item in media)
    return Segment(index=index, text=text, media=items, **options)
