"""
What the steps write of a segment that goes its way without a hitch: one statement for each commit,
since all segments go this way, or nearly all.

All of it is facts, which are kept from any worker, and the job's own row, which only the holder of
the claim moves: what these give back tells whether it still was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import JSON, Integer, String, exists, func, literal, not_, select, update
from sqlalchemy import insert as any_insert
from sqlmodel import Session, col

from threadsworker.errors import ClaimLost
from threadsworker.job import LIVE, AttemptState, SegmentState, WaitReason
from threadsworker.notice import NoticeEvent
from threadsworker.store import containers, notices, segments
from threadsworker.store.claims import lost
from threadsworker.store.jobs import (
    Claim,
    await_free,
    await_free_with,
    proceeding,
    proceeding_with,
)
from threadsworker.store.prepared import Times, Together, Write, among, given
from threadsworker.store.tables import (
    AttemptRow,
    ContainerRow,
    EventRow,
    QuotaUseRow,
    SegmentRow,
)

#: States in which a segment's container was never sent.
_UNSENT = (SegmentState.PROCESSING, SegmentState.PUBLISHABLE)
_TO_BE_MADE = (SegmentState.CREATING, SegmentState.READY_TO_CREATE)


# There is nothing to stage


def readied(session: Session, claim: Claim, *, silence: timedelta) -> None:
    """waiting | staging → ready_to_create, all of the job's segments, and the job is let go."""
    done = _READIED.write(session, **proceeding_with(claim, silence=silence, progress=False))
    if not done["job"]:
        raise lost(claim)


def _readied(times: Times) -> dict[str, Write]:
    return {
        "job": proceeding(times),
        "segments": update(SegmentRow)
        .where(
            col(SegmentRow.job_id) == given("job"),
            among(col(SegmentRow.state), [SegmentState.WAITING, SegmentState.STAGING]),
        )
        .values(state=SegmentState.READY_TO_CREATE),
    }


_READIED = Together(_readied)


# A container was made


def container_made(
    session: Session,
    claim: Claim,
    *,
    segment_id: str,
    threads_id: str,
    kind: str,
    seen: tuple[str, str | None] | None,
    silence: timedelta,
    delay: timedelta,
) -> bool:
    """
    creating → processing, and the job is let go; False if the claim was lost.

    If the segment has a live container already, this one is an orphan, which nobody will publish
    and which dies within a day.

    Parameters
    ----------
    seen:
        The segment before, if it was read back meanwhile, and its permalink: it is verified.
    delay:
        How long the job's next message waits.
    """
    before, permalink = seen or (None, None)
    done = _MADE.write(
        session,
        segment=segment_id,
        item=0,
        threads_id=threads_id,
        kind=kind,
        before=before,
        permalink=permalink,
        **proceeding_with(claim, silence=silence, delay=delay),
    )
    return bool(done["job"])


def _made(times: Times) -> dict[str, Write]:
    return {
        "job": proceeding(times),
        "container": containers.adding(times),
        "segment": segments.moving(_TO_BE_MADE, SegmentState.PROCESSING),
        "before": segments.verifying("before"),
    }


_MADE = Together(_made)


# A container is looked at


def still_processing(
    session: Session,
    job_id: str,
    *,
    run: int,
    container_id: int,
    delay: timedelta,
    silence: timedelta,
) -> bool:
    """held by nobody → waiting; False if the job is held. The container reads IN_PROGRESS."""
    done = _STILL_PROCESSING.write(
        session,
        container=container_id,
        **await_free_with(
            job_id, run=run, delay=delay, reason=WaitReason.PROCESSING, silence=silence
        ),
    )
    return bool(done["job"])


def _still_processing(times: Times) -> dict[str, Write]:
    return {
        "job": await_free(times),
        "container": update(ContainerRow)
        .where(col(ContainerRow.id) == given("container"))
        .values(status="IN_PROGRESS", in_progress_at=times.now),
    }


_STILL_PROCESSING = Together(_still_processing)


# It is about to be published


def authorise(
    session: Session,
    claim: Claim,
    *,
    attempt_id: str,
    segment_id: str,
    index: int,
    container_id: int,
    threads_id: str,
    kind: str,
) -> None:
    """
    processing | publishable → publishing: one row, which authorises one send after the commit.

    ClaimLost if the segment is in another state, or the container is given up, and then nothing
    may be committed.
    """
    done = _AUTHORISE.write(
        session,
        attempt=attempt_id,
        segment=segment_id,
        index=index,
        container=container_id,
        kind=kind,
        account=claim.account_id,
        job=claim.job_id,
        run=claim.run,
        epoch=claim.epoch,
        data={"container": threads_id, "attempt": attempt_id},
    )
    if not done["segment"] or not done["container"]:
        raise ClaimLost(f"job {claim.job_id}: segment {index} is in another state now")


def _authorise(times: Times) -> dict[str, Write]:
    return {
        "segment": segments.moving(_UNSENT, SegmentState.PUBLISHING),
        # It has just read so.
        "container": update(ContainerRow)
        .where(
            col(ContainerRow.id) == given("container"),
            col(ContainerRow.segment_id) == given("segment"),
            col(ContainerRow.live).is_(True),
        )
        .values(
            status="FINISHED",
            finished_at=func.coalesce(col(ContainerRow.finished_at), times.now),
        ),
        "attempt": any_insert(AttemptRow).values(
            id=given("attempt"),
            segment_id=given("segment"),
            container_id=given("container"),
            epoch=given("epoch"),
            state=AttemptState.OPEN,
            sent_at=times.now,
        ),
        "quota": any_insert(QuotaUseRow).values(
            account_id=given("account"),
            kind=given("kind"),
            attempt_id=given("attempt"),
            at=times.now,
        ),
        "event": any_insert(EventRow).values(
            job_id=given("job"),
            at=times.now,
            run=given("run"),
            epoch=given("epoch"),
            what="publishing",
            segment=given("index"),
            data=given("data"),
        ),
    }


_AUTHORISE = Together(_authorise)


# It was published


@dataclass(frozen=True)
class Accepted:
    """What the rows made of an answer that the segment is live."""

    now: datetime
    #: Whether the claim still held: the job was let go.
    is_held: bool
    #: Whether it was not known yet that the segment is live.
    is_news: bool
    #: Whether somebody wants to be told.
    is_awaited: bool


def accepted(
    session: Session,
    claim: Claim,
    *,
    attempt_id: str,
    segment_id: str,
    index: int,
    media_id: str,
    reply_to: str | None,
    silence: timedelta,
) -> Accepted:
    """publishing → published, the attempt is settled, and the job let go."""
    done = _ACCEPTED.write(
        session,
        attempt=attempt_id,
        segment=segment_id,
        index=index,
        media=media_id,
        reply_to=reply_to,
        account=claim.account_id,
        run=claim.run,
        data={"media_id": media_id},
        **proceeding_with(claim, silence=silence),
    )
    return Accepted(
        now=done["now"],
        is_held=bool(done["job"]),
        is_news=bool(done["segment"]),
        is_awaited=bool(done["is_awaited"]),
    )


def _accepted(times: Times) -> dict[str, Write]:
    unheard = (
        col(SegmentRow.id) == given("segment"),
        col(SegmentRow.media_id).is_(None),
        not_(among(col(SegmentRow.state), sorted(LIVE))),
    )
    # Before the segment itself, where they are written in turn.
    event = select(
        given("job", String),
        times.now,
        given("run", Integer),
        given("epoch", Integer),
        literal("segment_published"),
        given("index", Integer),
        given("data", JSON),
    ).where(exists().where(*unheard))
    columns = ["job_id", "at", "run", "epoch", "what", "segment", "data"]
    return {
        "job": proceeding(times),
        "event": any_insert(EventRow).from_select(columns, event, include_defaults=False),
        "segment": update(SegmentRow)
        .where(*unheard)
        .values(
            state=SegmentState.PUBLISHED,
            media_id=given("media"),
            reply_to=given("reply_to"),
            published_at=times.now,
        ),
        "attempt": update(AttemptRow)
        .where(
            col(AttemptRow.id) == given("attempt"),
            among(col(AttemptRow.state), [AttemptState.OPEN, AttemptState.UNKNOWN]),
        )
        .values(state=AttemptState.ACCEPTED),
        # It was answered: from now on its window counts.
        "quota": update(QuotaUseRow)
        .where(col(QuotaUseRow.attempt_id) == given("attempt"))
        .values(at=times.now),
    }


_ACCEPTED = Together(
    _accepted,
    ask=lambda times: {
        "now": times.now,
        "is_awaited": notices.is_awaited(NoticeEvent.SEGMENT_PUBLISHED, given("account", String)),
    },
)
