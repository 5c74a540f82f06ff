"""
Segments: the Threads posts of a job's thread.

That a segment is live is a fact and is taken from any worker, also from one whose claim is
lost: throwing away a media id would turn a known success into a case of doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, exists, func, not_, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select, update

from threadsworker.job import HARMLESS, LIVE, RESTING, SEGMENT_MOVES, AttemptState, SegmentState
from threadsworker.store.prepared import PreparedWrite, among, given
from threadsworker.store.tables import AttemptRow, ContainerRow, JobRow, MediaRow, SegmentRow

#: States of a segment whose container may have to be given up.
REBUILD = (
    SegmentState.CREATING,
    SegmentState.PROCESSING,
    SegmentState.PUBLISHABLE,
    SegmentState.PUBLISHING,
    SegmentState.IN_DOUBT,
)


def of_job(session: Session, job_id: str) -> list[SegmentRow]:
    """The job's segments, root first."""
    found = select(SegmentRow).where(SegmentRow.job_id == job_id).order_by(col(SegmentRow.index))
    return list(session.exec(found).all())


def from_index(
    session: Session, job_id: str, index: int, *, only: bool = False
) -> list[SegmentRow]:
    """The job's segments from `index` on; with `only`, no more than that and the next."""
    found = (
        select(SegmentRow)
        .where(SegmentRow.job_id == job_id, SegmentRow.index >= index)
        .order_by(col(SegmentRow.index))
    )
    if only:
        found = found.where(SegmentRow.index <= index + 1)
    return list(session.exec(found).all())


def at(session: Session, job_id: str, index: int) -> SegmentRow:
    """The job's segment of that index."""
    found = select(SegmentRow).where(SegmentRow.job_id == job_id, SegmentRow.index == index)
    return session.exec(found).one()


def media_of(session: Session, segments: Iterable[SegmentRow]) -> dict[str, list[MediaRow]]:
    """The media of each segment, in order, by segment id."""
    ids = [segment.id for segment in segments]
    media: dict[str, list[MediaRow]] = {segment_id: [] for segment_id in ids}
    found = (
        select(MediaRow).where(col(MediaRow.segment_id).in_(ids)).order_by(col(MediaRow.position))
    )
    for row in session.exec(found):
        media[row.segment_id].append(row)
    return media


def next_index(session: Session, job_id: str) -> int | None:
    """Index of the first segment that is not live and read back; None if all are."""
    found = (
        select(SegmentRow.index)
        .where(SegmentRow.job_id == job_id, not_(is_done()))
        .order_by(col(SegmentRow.index))
        .limit(1)
    )
    return session.exec(found).first()


def is_done() -> ColumnElement[bool]:
    """Whether a segment is live and read back."""
    return col(SegmentRow.state) == SegmentState.VERIFIED


def gone_out(job_id: str) -> ColumnElement[bool]:
    """
    Whether a segment of the job is live, or a publish of it may have happened or still happen.

    `job_id` may be the column of a query around it.
    """
    out = [*LIVE, SegmentState.PUBLISHING, SegmentState.IN_DOUBT]
    of_job = col(SegmentRow.job_id) == job_id
    of_segment = and_(of_job, col(ContainerRow.segment_id) == col(SegmentRow.id))
    return or_(
        exists().where(of_job, col(SegmentRow.state).in_(out)),
        exists().where(
            of_segment,
            col(ContainerRow.live).is_(True),
            col(AttemptRow.container_id) == col(ContainerRow.id),
            col(AttemptRow.state).not_in(list(HARMLESS)),
        ),
        exists().where(of_segment, col(ContainerRow.published_at).is_not(None)),
        exists().where(
            of_segment,
            col(ContainerRow.live).is_(True),
            col(ContainerRow.restored_at).is_not(None),
        ),
    )


def is_prepared(job_id: str) -> ColumnElement[bool]:
    """Whether the job's root is ready to be published, for a query on jobs."""
    return exists().where(
        col(SegmentRow.job_id) == job_id,
        col(SegmentRow.index) == 0,
        col(SegmentRow.state) == SegmentState.PUBLISHABLE,
    )


def move(
    session: Session, segment_id: str, *, source: Sequence[SegmentState], to: SegmentState
) -> bool:
    """source → to. False if it is in another state."""
    moved = _moving(tuple(source), to).run(session, segment=segment_id)
    return bool(moved.rowcount == 1)


@cache
def _moving(source: tuple[SegmentState, ...], to: SegmentState) -> PreparedWrite:
    return PreparedWrite(lambda _: moving(source, to))


def moving(source: Sequence[SegmentState], to: SegmentState) -> Update:
    """`move` as a part of a larger statement, which is given the ``segment``."""
    assert all(to in SEGMENT_MOVES[state] for state in source), (source, to)
    return (
        update(SegmentRow)
        .where(col(SegmentRow.id) == given("segment"), among(col(SegmentRow.state), source))
        .values(state=to)
    )


def move_all(
    session: Session, job_id: str, *, source: Sequence[SegmentState], to: SegmentState
) -> None:
    """source → to, for all of the job's segments that are in `source`."""
    assert all(to in SEGMENT_MOVES[state] for state in source), (source, to)
    session.exec(
        update(SegmentRow)
        .where(col(SegmentRow.job_id) == job_id, col(SegmentRow.state).in_(list(source)))
        .values(state=to)
    )


def published(
    session: Session, segment_id: str, *, media_id: str, reply_to: str | None, now: datetime
) -> bool:
    """anything not live → published. A fact, taken from any worker; the first is kept."""
    told = session.exec(
        update(SegmentRow)
        .where(
            col(SegmentRow.id) == segment_id,
            col(SegmentRow.media_id).is_(None),
            col(SegmentRow.state).not_in(list(LIVE)),
        )
        .values(
            state=SegmentState.PUBLISHED, media_id=media_id, reply_to=reply_to, published_at=now
        )
    )
    return told.rowcount == 1


def verified(session: Session, segment_id: str, *, permalink: str | None) -> bool:
    """published → verified. A fact: the post was read back and is where it belongs."""
    told = _VERIFIED.run(session, segment=segment_id, permalink=permalink)
    return bool(told.rowcount == 1)


def verifying(segment: str) -> Update:
    """`verified` as a part of a larger statement, which is given the `segment` by that name."""
    return (
        update(SegmentRow)
        .where(
            col(SegmentRow.id) == given(segment), col(SegmentRow.state) == SegmentState.PUBLISHED
        )
        .values(state=SegmentState.VERIFIED, permalink=given("permalink"))
    )


_VERIFIED = PreparedWrite(lambda _: verifying("segment"))


def alike(one: Any, other: Any) -> ColumnElement[bool]:
    """Whether two segments could not be told apart in a listing."""
    return or_(col(one.likeness) == col(other.likeness), col(one.text) == col(other.text))


def has_twin_in_flight(session: Session, segment_id: str, *, account_id: str) -> bool:
    """
    Whether a publish of another segment of the account that reads the same may be in flight.

    If its answer is lost, the post has to be found among the account's posts, and two alike
    could not be told apart. Segments of jobs at rest are not waited for.
    """
    own, other = aliased(SegmentRow), aliased(SegmentRow)
    found = (
        select(other.id)
        .join(JobRow, col(JobRow.id) == col(other.job_id))
        .join(own, alike(own, other))
        .where(
            own.id == segment_id,
            other.id != segment_id,
            col(other.state).in_([SegmentState.PUBLISHING, SegmentState.IN_DOUBT]),
            JobRow.account_id == account_id,
            col(JobRow.state).not_in(list(RESTING)),
        )
        .limit(1)
    )
    return session.exec(found).first() is not None


def resolved(
    session: Session, segment_id: str, *, media_id: str, accepted: bool, now: datetime
) -> bool:
    """
    not live → published, because a person said so. False if it is live already.

    `accepted`: published → verified, since the person has seen where it is.
    """
    told = session.exec(
        update(SegmentRow)
        .where(col(SegmentRow.id) == segment_id, _open_to_decision(of_live=accepted))
        .values(
            state=SegmentState.VERIFIED if accepted else SegmentState.PUBLISHED,
            media_id=media_id,
            published_at=func.coalesce(col(SegmentRow.published_at), now),
        )
    )
    return told.rowcount == 1


def has_twin_in_doubt(session: Session, segment_id: str, *, account_id: str) -> bool:
    """Whether another segment of the account that reads the same may be live, and as what."""
    own, other = aliased(SegmentRow), aliased(SegmentRow)
    found = (
        select(other.id)
        .join(JobRow, col(JobRow.id) == col(other.job_id))
        .join(AttemptRow, col(AttemptRow.segment_id) == col(other.id))
        .join(own, alike(own, other))
        .where(
            own.id == segment_id,
            other.id != segment_id,
            col(other.media_id).is_(None),
            col(AttemptRow.state).in_([AttemptState.OPEN, AttemptState.UNKNOWN]),
            JobRow.account_id == account_id,
        )
        .limit(1)
    )
    return session.exec(found).first() is not None


def _open_to_decision(*, of_live: bool) -> ColumnElement[bool]:
    """What is known to be live is decided about only if that is what the review is about."""
    if of_live:
        return col(SegmentRow.state) == SegmentState.PUBLISHED
    return and_(col(SegmentRow.media_id).is_(None), col(SegmentRow.state).not_in(list(LIVE)))


def renounced(session: Session, segment_id: str, *, of_live: bool) -> bool:
    """
    not live → ready_to_create, because a person said so. False if it is live.

    `of_live`: published → ready_to_create, since the person has deleted it.
    """
    told = session.exec(
        update(SegmentRow)
        .where(col(SegmentRow.id) == segment_id, _open_to_decision(of_live=of_live))
        .values(
            state=SegmentState.READY_TO_CREATE,
            media_id=None,
            permalink=None,
            reply_to=None,
            published_at=None,
            # Whoever said so has looked.
            audit_from=None,
        )
    )
    return told.rowcount == 1


def owned_media_ids(session: Session, candidates: Sequence[str]) -> set[str]:
    """Those of `candidates` that are segments of ours already."""
    found = select(SegmentRow.media_id).where(col(SegmentRow.media_id).in_(list(candidates)))
    return {media_id for media_id in session.exec(found).all() if media_id is not None}
