"""
Generations of the database: it begins another one when it is restored from a backup.

What was written after the backup is lost, publishes among it. So nothing that the rows of then
do not say is taken for proof: a container may have been sent, and a segment without one may be
live. `begin` writes these doubts down, in one transaction with the fence against workers of
before; the steps settle them one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, delete, func, literal, or_
from sqlmodel import Session, col, select, update

from threadsworker.errors import InvalidSettings
from threadsworker.job import LIVE, TERMINAL, JobState
from threadsworker.store import events
from threadsworker.store.moment import Moment
from threadsworker.store.schedules import recurrence_of
from threadsworker.store.tables import (
    AccountRow,
    ContainerRow,
    GenerationRow,
    JobRow,
    ScheduleRow,
    SegmentRow,
    WorkerRow,
)

#: The event of a job that a restored backup leaves in doubt.
RESTORED = "restored"


@dataclass(frozen=True)
class Suspect:
    """A segment that may be live although the rows do not say so."""

    job_id: str
    account: str
    index: int
    state: str
    #: Meta's creation id of the container that is asked for; None: the account's posts are
    #: looked through.
    container_id: str | None


@dataclass(frozen=True)
class PassedOver:
    """Occurrences of a schedule that are not made, since it is not known whether they were."""

    schedule: str
    first: datetime
    #: None: there is no further one.
    next_at: datetime | None


@dataclass(frozen=True)
class Generation:
    """A generation that has just begun, and what has to be found out."""

    number: int
    began_at: datetime
    suspects: tuple[Suspect, ...]
    #: What may have gone out of schedules.
    passed_over: tuple[PassedOver, ...]


def current(session: Session) -> int:
    """The database's generation: 1, and one more for each restored backup."""
    return session.exec(select(func.count()).select_from(GenerationRow)).one() + 1


def begin(session: Session, *, backup_from: datetime, now: datetime) -> Generation:
    """
    generation n → n + 1: what was written between `backup_from` and `now` is lost.

    No claim and no message of before counts any more. What may have been published meanwhile is
    marked, and is asked about before anything of it is sent.

    Raises
    ------
    InvalidSettings:
        `backup_from` is still to come.
    """
    if backup_from > now:
        raise InvalidSettings(
            f"the backup cannot be from {backup_from:%Y-%m-%d %H:%M:%S} UTC: that is still to "
            f"come, it is {now:%H:%M:%S} UTC"
        )
    number = current(session) + 1
    session.add(GenerationRow(number=number, began_at=now, backup_from=backup_from))
    _fence(session, now=now)
    _doubt(session, backup_from=backup_from, now=now)
    suspects = _suspects(session)
    for job_id, run in _runs(session, {one.job_id for one in suspects}).items():
        events.record(session, job_id, RESTORED, now=now, run=run, generation=number)
    passed = _pass_over(session, until=now)
    return Generation(number, now, tuple(suspects), tuple(passed))


def _fence(session: Session, *, now: datetime) -> None:
    """anything that goes on → the same, held by nobody, with another run and epoch."""
    goes_on = col(JobRow.state).not_in(list(TERMINAL))
    anew = {
        "run": JobRow.run + 1,
        "epoch": JobRow.epoch + 1,
        "claimed_by": None,
        "lease_until": None,
        "overdue_at": None,
        "reserved_at": None,
        "claims": 0,
    }
    session.exec(update(JobRow).where(goes_on).values(**anew))
    under_way = col(JobRow.state).in_([JobState.QUEUED, JobState.PUBLISHING])
    session.exec(update(JobRow).where(under_way).values(wake_at=now))
    session.exec(delete(WorkerRow))
    # Their tokens may have been refreshed meanwhile: they are looked at soon.
    session.exec(
        update(AccountRow).values(refresh_at=None, refresh_lease_until=None, swept_at=None)
    )


def _doubt(session: Session, *, backup_from: datetime, now: datetime) -> None:
    """Mark the containers that may have been sent, and the segments that may be live."""
    not_live = col(SegmentRow.state).not_in(list(LIVE))
    of_those = col(ContainerRow.segment_id).in_(select(SegmentRow.id).where(not_live))
    session.exec(
        update(ContainerRow)
        .where(col(ContainerRow.live).is_(True), col(ContainerRow.item) == 0, of_those)
        .values(restored_at=now)
    )
    of_due = col(SegmentRow.job_id).in_(select(JobRow.id).where(_may_have_begun(now)))
    # Restored twice, the older backup decides.
    before = col(SegmentRow.audit_from)
    since = literal(backup_from, Moment())
    earliest = case((before < since, before), else_=since)
    session.exec(update(SegmentRow).where(not_live, of_due).values(audit_from=earliest))


def _may_have_begun(now: datetime) -> ColumnElement[bool]:
    """
    Whether a job may have been at work in the lost time.

    One that had ended may have been retried; one whose time is still to come is not suspected.
    """
    begun = or_(col(JobRow.scheduled_at).is_(None), col(JobRow.scheduled_at) <= now)
    return and_(begun, col(JobRow.state) != JobState.PUBLISHED)


def _suspects(session: Session) -> list[Suspect]:
    """What goes on by itself; jobs that have ended are only looked into if they are retried."""
    sent = and_(
        col(ContainerRow.segment_id) == col(SegmentRow.id),
        col(ContainerRow.live).is_(True),
        col(ContainerRow.item) == 0,
    )
    found = (
        select(JobRow.id, AccountRow.name, SegmentRow, ContainerRow.threads_id)
        .join(JobRow, col(JobRow.id) == col(SegmentRow.job_id))
        .join(AccountRow, col(AccountRow.id) == col(JobRow.account_id))
        .outerjoin(ContainerRow, sent)
        .where(
            col(JobRow.state).not_in(list(TERMINAL)),
            col(SegmentRow.state).not_in(list(LIVE)),
            or_(col(ContainerRow.id).is_not(None), col(SegmentRow.audit_from).is_not(None)),
        )
        .order_by(AccountRow.name, JobRow.id, col(SegmentRow.index))
    )
    return [
        Suspect(job_id, account, row.index, row.state, container)
        for job_id, account, row, container in session.exec(found).all()
    ]


def _pass_over(session: Session, *, until: datetime) -> list[PassedOver]:
    """next at or before `until` → next after it, whatever the schedule's policy is."""
    found = select(ScheduleRow).where(col(ScheduleRow.next_at) <= until).with_for_update()
    passed = []
    for row in session.exec(found.order_by(ScheduleRow.name)).all():
        assert row.next_at is not None
        first, row.next_at = row.next_at, recurrence_of(row).next_after(until)
        session.add(row)
        passed.append(PassedOver(row.name, first, row.next_at))
    return passed


def _runs(session: Session, job_ids: set[str]) -> dict[str, int]:
    found = select(JobRow.id, JobRow.run).where(col(JobRow.state).not_in(list(TERMINAL)))
    return {job_id: run for job_id, run in session.exec(found).all() if job_id in job_ids}
