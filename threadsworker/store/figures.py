"""
Figures about all rows, for those who watch. Nothing is decided by them.

Each is one query for all accounts, so that looking costs the same however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, and_, bindparam, case, func, or_
from sqlmodel import Session, col, select

from threadsworker.job import HARMLESS, RESTING, JobState, SegmentState, StagedState
from threadsworker.store.notice_tables import DeliveryRow
from threadsworker.store.quota import DAY, TO_COME, TOTALS, Kind
from threadsworker.store.standing import rest_until
from threadsworker.store.tables import (
    AccountRow,
    AttemptRow,
    DutyRow,
    JobRow,
    PublishingLimitRow,
    QuotaUseRow,
    SegmentRow,
    StagedRow,
    WorkerRow,
)
from threadsworker.window import Window

#: States of a segment of which a publish may be in flight.
IN_FLIGHT = (SegmentState.PUBLISHING, SegmentState.IN_DOUBT)


@dataclass(frozen=True)
class Standing:
    """One account, as far as those who watch are concerned."""

    name: str
    status: str
    #: When its token ends; None: not known.
    token_ends: datetime | None
    #: Until Meta, and GitHub, may be asked again; zero: they may.
    threads_rest: timedelta
    github_rest: timedelta


@dataclass(frozen=True)
class Quota:
    """One quota of one account."""

    account: str
    kind: Kind
    used: int
    reserved: int
    total: int


def jobs_by_state(session: Session) -> dict[tuple[str, str], int]:
    """How many jobs are in each state; for those that wait, by reason, else by an empty one."""
    reason = case((col(JobRow.state) == JobState.WAITING, col(JobRow.reason)), else_="")
    found = select(JobRow.state, reason, func.count()).group_by(col(JobRow.state), reason)
    return {(state, why or ""): count for state, why, count in session.exec(found).all()}


def oldest_due(session: Session, *, silence: timedelta, now: datetime) -> timedelta:
    """
    For how long the oldest job that should be at work is not.

    `silence` is what a message is granted to be acted upon: a queued job was due so long before
    its `wake_at`.
    """
    states = [JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED]
    rung = col(JobRow.overdue_at).is_not(None)
    found = (
        select(rung, func.min(col(JobRow.wake_at)))
        .where(
            col(JobRow.state).in_(states),
            or_(
                and_(rung, col(JobRow.wake_at) <= now + silence),
                and_(~rung, col(JobRow.wake_at) <= now),
            ),
        )
        .group_by(rung)
    )
    ages = [timedelta(0)]
    for is_rung, due in session.exec(found).all():
        assert due is not None, "a group has a row"
        ages.append(now - due + (silence if is_rung else timedelta(0)))
    return max(ages)


def segments_in_flight(session: Session) -> dict[str, int]:
    """Segments of which a publish may be in flight, by state."""
    # Written out, or SQLite would not know that its partial index holds these.
    states: BindParameter[Any] = bindparam(
        "states", list(IN_FLIGHT), expanding=True, literal_execute=True
    )
    found = (
        select(SegmentRow.state, func.count())
        .where(col(SegmentRow.state).in_(states))
        .group_by(col(SegmentRow.state))
    )
    return dict(session.exec(found).all())


def staged_by_state(session: Session) -> dict[str, int]:
    """Staged files that are public, or may be."""
    found = (
        select(StagedRow.state, func.count())
        .where(StagedRow.state != StagedState.GONE)
        .group_by(col(StagedRow.state))
    )
    return dict(session.exec(found).all())


def deliveries_by_state(session: Session) -> dict[str, int]:
    """Deliveries of notices, by state."""
    found = select(DeliveryRow.state, func.count()).group_by(col(DeliveryRow.state))
    return dict(session.exec(found).all())


def duties_done(session: Session) -> dict[str, datetime]:
    """When each of beat's duties was last done."""
    return dict(session.exec(select(DutyRow.name, DutyRow.done_at)).all())


def workers_seen(session: Session, *, since: datetime) -> int:
    """How many worker processes were seen at `since` or later."""
    found = select(func.count()).select_from(WorkerRow).where(col(WorkerRow.seen_at) >= since)
    return session.exec(found).one()


def accounts(session: Session, *, now: datetime) -> list[Standing]:
    """Every account, by name."""
    found = select(AccountRow).order_by(col(AccountRow.name))
    return [
        Standing(
            name=row.name,
            status="paused" if row.paused_at is not None else row.status,
            token_ends=row.token_expires_at,
            threads_rest=rest_until(row.paused_until, now),
            github_rest=rest_until(row.github_paused_until, now),
        )
        for row in session.exec(found).all()
    ]


def quotas(session: Session, *, now: datetime) -> list[Quota]:
    """Every quota of every account, by name: the same figures as `quota.window` has."""
    named = dict(session.exec(select(AccountRow.id, AccountRow.name)).all())
    told = {
        (row.account_id, row.kind): row for row in session.exec(select(PublishingLimitRow)).all()
    }
    uses = _uses(session, now=now)
    reserved = _reserved(session)
    kinds: Sequence[Kind] = list(TOTALS)
    found = []
    for account_id, name in sorted(named.items(), key=lambda item: item[1]):
        for kind in kinds:
            row = told.get((account_id, kind))
            window = Window(
                total=row.total if row else TOTALS[kind],
                length=timedelta(seconds=row.duration) if row else DAY,
                uses=uses[account_id, kind],
                told=row.used if row else 0,
                told_at=row.read_at if row else None,
            )
            set_aside = reserved.get((account_id, kind), 0)
            found.append(Quota(name, kind, window.used(now), set_aside, window.total))
    return found


def _uses(session: Session, *, now: datetime) -> dict[tuple[str, str], list[datetime]]:
    # A container is one post, however often it is sent.
    one_post = func.coalesce(col(AttemptRow.container_id), -col(QuotaUseRow.id))
    found = (
        select(QuotaUseRow.account_id, QuotaUseRow.kind, func.max(col(QuotaUseRow.at)))
        .outerjoin(AttemptRow, col(AttemptRow.id) == col(QuotaUseRow.attempt_id))
        .where(
            QuotaUseRow.at > now - DAY,
            or_(col(AttemptRow.id).is_(None), col(AttemptRow.state).not_in(list(HARMLESS))),
        )
        .group_by(col(QuotaUseRow.account_id), col(QuotaUseRow.kind), one_post)
    )
    uses: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for account_id, kind, at in session.exec(found).all():
        uses[account_id, kind].append(at)
    return uses


def _reserved(session: Session) -> dict[tuple[str, str], int]:
    is_post = and_(col(SegmentRow.index) == 0, col(JobRow.reply_to).is_(None))
    kind = case((is_post, "post"), else_="reply")
    found = (
        select(JobRow.account_id, kind, func.count())
        .join(SegmentRow, col(JobRow.id) == col(SegmentRow.job_id))
        .where(
            col(JobRow.reserved_at).is_not(None),
            col(JobRow.state).not_in(list(RESTING)),
            col(SegmentRow.state).in_(TO_COME),
        )
        .group_by(col(JobRow.account_id), kind)
    )
    return {(account_id, what): count for account_id, what, count in session.exec(found).all()}
