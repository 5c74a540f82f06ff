"""
Where one segment of a job stands: with the job, the account, the segment before, its containers
and their attempts. One statement, whatever the length of the thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, exists, false, func, select
from sqlalchemy.orm import aliased, load_only
from sqlmodel import Session, col

from threadsworker.job import StagedState
from threadsworker.post import MediaKind
from threadsworker.store import accounts
from threadsworker.store.claims import CLAIMABLE
from threadsworker.store.containers import TOO_OLD
from threadsworker.store.prepared import Prepared, Times, given
from threadsworker.store.tables import (
    AccountRow,
    AttemptRow,
    ContainerRow,
    JobRow,
    MediaRow,
    SegmentRow,
    StagedRow,
)


@dataclass(frozen=True)
class Situation:
    """A segment and all that a step has to know before it acts, as it is `now`."""

    now: datetime
    job: JobRow
    account: AccountRow
    segment: SegmentRow
    #: The segment that it replies to; None for the first.
    before: SegmentRow | None
    #: Live containers by item; 0 is the post itself.
    containers: dict[int, ContainerRow]
    #: Attempts to publish that, oldest first.
    attempts: list[AttemptRow]
    #: Whether it has media, whether a video is among them, and whether the segments from here on
    #: have carousels, which is looked at for the first segment only.
    has_media: bool
    has_film: bool
    has_carousels_ahead: bool
    #: Whether a video is among the media of the segment before.
    is_below_film: bool
    #: How many containers were made for the post itself, see `containers.made`.
    made: int

    @property
    def is_free(self) -> bool:
        """Whether a worker could claim the job now, for its present run."""
        job = self.job
        is_held = job.lease_until is not None and job.lease_until > self.now
        return job.state in CLAIMABLE and not is_held


# Short names: what is longer than 4,096 characters the driver reads anew each time.
_job: Any = aliased(JobRow, name="j")
_account: Any = aliased(AccountRow, name="a")
_segment: Any = aliased(SegmentRow, name="s")
_before: Any = aliased(SegmentRow, name="b")
_container: Any = aliased(ContainerRow, name="c")
_attempt: Any = aliased(AttemptRow, name="t")
_media: Any = aliased(MediaRow, name="m")


def find(session: Session, job_id: str, index: int) -> Situation | None:
    """How segment `index` of the job stands; None if there is no such job or segment."""
    rows = _FIND.run(session, job=job_id, index=index).all()
    if not rows:
        return None
    now, job, account, segment, before, _, _, *more = rows[0]
    containers = {row[5].item: row[5] for row in rows if row[5] is not None}
    attempts = {row[6].id: row[6] for row in rows if row[6] is not None}
    has_media, has_film, has_carousels_ahead, is_below_film, made = more
    return Situation(
        now=now,
        job=job,
        account=account,
        segment=segment,
        before=before,
        containers=containers,
        attempts=sorted(attempts.values(), key=lambda one: one.sent_at),
        has_media=has_media,
        has_film=has_film,
        has_carousels_ahead=has_carousels_ahead,
        is_below_film=is_below_film,
        made=made,
    )


def _has(segment: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_media.segment_id == segment.id, *conditions)


def _made() -> ScalarSelect[int]:
    every = aliased(ContainerRow)
    return (
        select(func.count())
        .where(
            col(every.segment_id) == _segment.id,
            col(every.item) == 0,
            func.coalesce(col(every.death), "") != TOO_OLD,
        )
        .scalar_subquery()
    )


def _carousels_ahead() -> ColumnElement[bool]:
    ahead: Any = aliased(SegmentRow)
    second = exists().where(
        ahead.job_id == _segment.job_id, _media.segment_id == ahead.id, _media.position == 2
    )
    return case((_segment.index == 0, second), else_=false())


def _find(times: Times) -> Any:
    return (
        select(
            times.now,
            _job,
            _account,
            _segment,
            _before,
            _container,
            _attempt,
            _has(_segment),
            _has(_segment, _media.kind == MediaKind.VIDEO),
            _carousels_ahead(),
            _has(_before, _media.kind == MediaKind.VIDEO),
            _made(),
        )
        .select_from(_segment)
        .join(_job, _job.id == _segment.job_id)
        .join(_account, _account.id == _job.account_id)
        .outerjoin(
            _before, and_(_before.job_id == _segment.job_id, _before.index == _segment.index - 1)
        )
        .outerjoin(
            _container, and_(_container.segment_id == _segment.id, _container.live.is_(True))
        )
        .outerjoin(_attempt, and_(_attempt.container_id == _container.id, _container.item == 0))
        .where(_segment.job_id == given("job"), _segment.index == given("index"))
        .options(
            accounts.to_act(_account),
            # The others hold what no step reads.
            load_only(
                _job.id,
                _job.state,
                _job.run,
                _job.epoch,
                _job.lease_until,
                _job.tries,
                _job.scheduled_at,
                _job.created_at,
                _job.pace,
                _job.pace_jitter,
                _job.reply_to,
            ),
        )
    )


_FIND = Prepared(_find)


def media_of(session: Session, segment_id: str) -> tuple[list[MediaRow], dict[str, str]]:
    """The segment's media in order, and the public URLs of those that are staged, by sha256."""
    rows = _MEDIA.run(session, segment=segment_id).all()
    urls = {media.sha256: url for media, url in rows if url is not None}
    return [media for media, _ in rows], urls


def _with_urls(_: Times) -> Any:
    staged = and_(
        col(StagedRow.job_id) == col(SegmentRow.job_id),
        col(StagedRow.sha256) == col(MediaRow.sha256),
        col(StagedRow.state) == StagedState.PRESENT,
    )
    return (
        select(MediaRow, col(StagedRow.url))
        .join(SegmentRow, col(SegmentRow.id) == col(MediaRow.segment_id))
        .outerjoin(StagedRow, staged)
        .where(col(MediaRow.segment_id) == given("segment"))
        .order_by(col(MediaRow.position))
    )


_MEDIA = Prepared(_with_urls)
