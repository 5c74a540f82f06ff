"""
Containers and the attempts to publish them: what makes "once" true.

A segment has at most one live container (a unique index says so), a container yields at
most one post, and a container is given up only when it can never yield one: no publish of
it was ever authorised, or Meta says that it is dead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, not_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select, update

from threadsworker.job import HARMLESS, AttemptState, SegmentState
from threadsworker.store import jobs
from threadsworker.store.jobs import Claim
from threadsworker.store.prepared import PreparedWrite, Times, given
from threadsworker.store.tables import AttemptRow, ContainerRow, SegmentRow

#: The death of a container that was not sent in time.
TOO_OLD = "TOO_OLD"


def live(session: Session, segment_id: str) -> dict[int, ContainerRow]:
    """The segment's live containers by item: 0 is the post itself, 1 to 20 its carousel items."""
    return live_of(session, [segment_id])[segment_id]


def live_of(session: Session, segment_ids: Sequence[str]) -> dict[str, dict[int, ContainerRow]]:
    """The live containers of each of the segments, by item, by segment id."""
    found = select(ContainerRow).where(
        col(ContainerRow.segment_id).in_(list(segment_ids)), col(ContainerRow.live).is_(True)
    )
    made: dict[str, dict[int, ContainerRow]] = {segment_id: {} for segment_id in segment_ids}
    for row in session.exec(found).all():
        made[row.segment_id][row.item] = row
    return made


def get(session: Session, container_id: int) -> ContainerRow:
    """The container of that row id."""
    return session.get_one(ContainerRow, container_id)


def creation_ids(session: Session, segment_ids: Sequence[str]) -> dict[str, str]:
    """Meta's creation id of each segment's live container, by segment id."""
    found = select(ContainerRow.segment_id, ContainerRow.threads_id).where(
        col(ContainerRow.segment_id).in_(list(segment_ids)),
        col(ContainerRow.live).is_(True),
        ContainerRow.item == 0,
    )
    return dict(session.exec(found).all())


def made(session: Session, segment_ids: Iterable[str]) -> dict[tuple[str, int], int]:
    """
    How many containers were made for each item of the segments so far, dead ones included.

    Those that only grew old while the job waited do not count.
    """
    aged = func.coalesce(col(ContainerRow.death), "") == TOO_OLD
    found = (
        select(ContainerRow.segment_id, ContainerRow.item, func.count())
        .where(col(ContainerRow.segment_id).in_(list(segment_ids)), not_(aged))
        .group_by(col(ContainerRow.segment_id), col(ContainerRow.item))
    )
    return {(segment_id, item): count for segment_id, item, count in session.exec(found).all()}


def add(
    session: Session,
    segment_id: str,
    *,
    item: int,
    threads_id: str,
    kind: str,
    now: datetime | None = None,
) -> bool:
    """
    Record a container that Meta has made. False if the item has a live one already: then
    this one is an orphan, which nobody will publish and which dies within a day.
    """
    given = {"segment": segment_id, "item": item, "threads_id": threads_id, "kind": kind}
    return _ADD.run(session, now=now, **given).first() is not None


def adding(times: Times) -> Any:
    """`add` as a part of a larger statement, which is given the same."""
    its_own: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    row = {
        "segment_id": given("segment"),
        "item": given("item"),
        "threads_id": given("threads_id"),
        "kind": given("kind"),
        "status": "IN_PROGRESS",
        "live": True,
        "created_at": times.now,
    }
    return its_own[times.dialect](ContainerRow).values(**row).on_conflict_do_nothing()


_ADD = PreparedWrite(lambda times: adding(times).returning(col(ContainerRow.id)))


def observed(session: Session, container_id: int, *, status: str, now: datetime) -> None:
    """Keep what Meta said of a container. A fact, taken from any worker."""
    values: dict[str, object] = {"status": status}
    if status == "IN_PROGRESS":
        values["in_progress_at"] = now
    if status == "FINISHED":
        values["finished_at"] = func.coalesce(col(ContainerRow.finished_at), now)
    if status == "PUBLISHED":
        values["published_at"] = func.coalesce(col(ContainerRow.published_at), now)
    session.exec(update(ContainerRow).where(col(ContainerRow.id) == container_id).values(**values))


def bury(
    session: Session, claim: Claim, container_id: int, *, death: str, dead: bool = False
) -> bool:
    """
    live → dead. A command: only the holder of the claim may give a container up.

    Either Meta says that it is `dead`, or every publish of it that was ever authorised was
    refused or never sent; what a restored backup knows of that is not all. False if neither
    holds, or if it was given up already.

    Raises
    ------
    ClaimLost:
        Another worker has the job.
    """
    jobs.check(session, claim)
    if not dead and any(one.state not in HARMLESS for one in attempts(session, container_id)):
        return False
    # One that once read PUBLISHED is a post, whatever Meta says of it later.
    conditions = [col(ContainerRow.published_at).is_(None)]
    if not dead:
        conditions.append(col(ContainerRow.restored_at).is_(None))
    return _buried(session, container_id, *conditions, death=death)


def forget_below(session: Session, job_id: str, index: int) -> None:
    """
    live → dead: containers of the segments behind `index`, which were made to reply to a post
    that is no more. None of them was sent: nothing goes out below a post that was not read back.
    """
    below = select(SegmentRow.id).where(SegmentRow.job_id == job_id, SegmentRow.index > index)
    sent = select(AttemptRow.container_id).where(AttemptRow.container_id == ContainerRow.id)
    session.exec(
        update(ContainerRow)
        .where(
            col(ContainerRow.segment_id).in_(below),
            col(ContainerRow.item) == 0,
            col(ContainerRow.live).is_(True),
            col(ContainerRow.published_at).is_(None),
            not_(sent.exists()),
        )
        .values(live=False, death="PARENT_GONE")
    )
    session.exec(
        update(SegmentRow)
        .where(
            col(SegmentRow.id).in_(below),
            col(SegmentRow.state).in_([SegmentState.PROCESSING, SegmentState.PUBLISHABLE]),
        )
        .values(state=SegmentState.READY_TO_CREATE)
    )


def renounce(session: Session, container_id: int) -> bool:
    """live → dead, because a person said that it did not become a post, or is none any more."""
    return _buried(session, container_id, death="RENOUNCED")


def _buried(
    session: Session, container_id: int, *conditions: ColumnElement[bool], death: str
) -> bool:
    buried = session.exec(
        update(ContainerRow)
        .where(col(ContainerRow.id) == container_id, col(ContainerRow.live).is_(True), *conditions)
        .values(live=False, death=death)
    )
    return buried.rowcount == 1


def deaths(session: Session, segment_id: str, death: str) -> int:
    """How many containers of the segment died of `death`."""
    found = (
        select(func.count())
        .select_from(ContainerRow)
        .where(ContainerRow.segment_id == segment_id, ContainerRow.death == death)
    )
    return session.exec(found).one()


def attempts(session: Session, container_id: int) -> list[AttemptRow]:
    """The attempts to publish this container, oldest first."""
    found = (
        select(AttemptRow)
        .where(AttemptRow.container_id == container_id)
        .order_by(col(AttemptRow.sent_at))
    )
    return list(session.exec(found).all())


def is_authorised(session: Session, attempt_id: str) -> bool:
    """Whether the attempt was written down: for a caller whose COMMIT got no answer."""
    return session.get(AttemptRow, attempt_id) is not None


def settle(
    session: Session,
    attempt_id: str,
    state: AttemptState,
    *,
    http_status: int | None = None,
    code: str | None = None,
) -> None:
    """open | unknown → state. A fact, taken from any worker."""
    session.exec(
        update(AttemptRow)
        .where(
            col(AttemptRow.id) == attempt_id,
            col(AttemptRow.state).in_([AttemptState.OPEN, AttemptState.UNKNOWN]),
        )
        .values(state=state, http_status=http_status, code=code)
    )
