"""
Publishing quotas: what Meta said of them, what we used, and what is set aside.

A thread takes one post and a reply for each further segment. Room for all of it is set aside
before it begins, so that none is left half out. Whoever reads here to decide holds the account's
row, see `accounts.lock`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, func, or_, true
from sqlmodel import Session, col, select, update
from sqlmodel.sql.expression import SelectOfScalar

from threadsworker.job import HARMLESS, LIVE, RESTING, SegmentState
from threadsworker.post import DELETE_QUOTA, POST_QUOTA, QUOTA_HOURS, REPLY_QUOTA
from threadsworker.store.jobs import Claim
from threadsworker.store.prepared import PreparedWrite, given
from threadsworker.store.tables import (
    AccountRow,
    AttemptRow,
    JobRow,
    PublishingLimitRow,
    QuotaUseRow,
    SegmentRow,
)
from threadsworker.window import Window

Kind = Literal["post", "reply", "delete"]

#: What Meta documents, until it was asked.
TOTALS: dict[Kind, int] = {"post": POST_QUOTA, "reply": REPLY_QUOTA, "delete": DELETE_QUOTA}
DAY = timedelta(hours=QUOTA_HOURS)
#: States of a segment that may take from the quota still.
TO_COME = [state for state in SegmentState if state not in LIVE | {"publishing", "in_doubt"}]


@dataclass(frozen=True)
class Told:
    """What Meta says of one quota: used and allowed, in a window of so many seconds."""

    used: int
    total: int
    duration: int


def tell(session: Session, account_id: str, told: Mapping[Kind, Told], *, now: datetime) -> None:
    """Keep what Meta said, for every worker. The caller holds the account's row."""
    for kind, one in told.items():
        row = PublishingLimitRow(
            account_id=account_id,
            kind=kind,
            used=one.used,
            total=one.total,
            duration=one.duration,
            read_at=now,
        )
        session.merge(row)


def told_at(session: Session, account_id: str) -> datetime | None:
    """When Meta was last asked for the account's quotas; None if it never was."""
    found = select(func.min(col(PublishingLimitRow.read_at))).where(
        PublishingLimitRow.account_id == account_id
    )
    return session.exec(found).one()


def used_up(session: Session, account_id: str, kind: Kind, *, now: datetime) -> None:
    """Meta refused for the quota: it is full, whatever was thought before."""
    row = session.get(PublishingLimitRow, (account_id, kind))
    total = row.total if row else TOTALS[kind]
    duration = row.duration if row else int(DAY.total_seconds())
    tell(session, account_id, {kind: Told(total, total, duration)}, now=now)


def window(
    session: Session, account_id: str, kind: Kind, *, now: datetime, without: str | None = None
) -> Window:
    """
    The account's quota of that kind.

    For the job `without`, which asks: neither its reservation counts, nor its sends that may
    be sent again. A container is one post, however often it is sent.
    """
    row = session.get(PublishingLimitRow, (account_id, kind))
    length = timedelta(seconds=row.duration) if row else DAY
    # A container is one post, however often it is sent.
    one_post = func.coalesce(col(AttemptRow.container_id), -col(QuotaUseRow.id))
    uses = (
        select(func.max(col(QuotaUseRow.at)))
        .outerjoin(AttemptRow, col(AttemptRow.id) == col(QuotaUseRow.attempt_id))
        .where(
            QuotaUseRow.account_id == account_id,
            QuotaUseRow.kind == kind,
            QuotaUseRow.at > now - length,
            or_(col(AttemptRow.id).is_(None), col(AttemptRow.state).not_in(list(HARMLESS))),
            or_(
                col(QuotaUseRow.attempt_id).is_(None),
                col(QuotaUseRow.attempt_id).not_in(to_repeat(without)),
            )
            if without
            else true(),
        )
        .group_by(one_post)
        .order_by(func.max(col(QuotaUseRow.at)))
    )
    return Window(
        total=row.total if row else TOTALS[kind],
        length=length,
        uses=list(session.exec(uses).all()),
        told=row.used if row else 0,
        told_at=row.read_at if row else None,
        reserved=_reserved(session, account_id, without=without).get(kind, 0),
    )


def to_repeat(job_id: Any) -> SelectOfScalar[str]:
    """Sends of the job's segments that are not known to be live. `job_id` may be a parameter."""
    return (
        select(AttemptRow.id)
        .join(SegmentRow, col(SegmentRow.id) == col(AttemptRow.segment_id))
        .where(SegmentRow.job_id == job_id, col(SegmentRow.state).not_in(list(LIVE)))
    )


def _reserved(session: Session, account_id: str, *, without: str | None) -> dict[Kind, int]:
    """What jobs that have begun have still to send, by kind."""
    return _to_come(
        session,
        and_(
            col(JobRow.account_id) == account_id,
            col(JobRow.reserved_at).is_not(None),
            col(JobRow.state).not_in(list(RESTING)),
            col(JobRow.id) != (without or ""),
        ),
    )


def needed(session: Session, job_id: str) -> dict[Kind, int]:
    """What the job has still to send, by kind."""
    return _to_come(session, col(JobRow.id) == job_id)


def _to_come(session: Session, whose: ColumnElement[bool]) -> dict[Kind, int]:
    is_post = and_(col(SegmentRow.index) == 0, col(JobRow.reply_to).is_(None))
    kind = case((is_post, "post"), else_="reply")
    found = (
        select(kind, func.count())
        .join(JobRow, col(JobRow.id) == col(SegmentRow.job_id))
        .where(whose, col(SegmentRow.state).in_(TO_COME))
        .group_by(kind)
    )
    return dict(session.exec(found).all())


def reserve(session: Session, claim: Claim, *, now: datetime) -> None:
    """Set room aside for all that the job has still to send."""
    _RESERVE.run(session, now=now, job=claim.job_id, epoch=claim.epoch)


_RESERVE = PreparedWrite(
    lambda times: (
        update(JobRow)
        .where(col(JobRow.id) == given("job"), col(JobRow.epoch) == given("epoch"))
        .values(reserved_at=times.now)
    )
)


def release(session: Session, claim: Claim) -> None:
    """Nothing is set aside for the job any more."""
    session.exec(
        update(JobRow)
        .where(col(JobRow.id) == claim.job_id, col(JobRow.epoch) == claim.epoch)
        .values(reserved_at=None)
    )


def use(session: Session, account_id: str, kind: Kind, *, now: datetime) -> None:
    """Something was done that no attempt stands for: a post was deleted."""
    session.add(QuotaUseRow(account_id=account_id, kind=kind, at=now))


def policy(session: Session, job_id: str) -> tuple[bool, bool]:
    """Whether the job asks for room before it begins, and whether it waits for it."""
    found = (
        select(
            func.coalesce(col(JobRow.check_quota), col(AccountRow.check_quota)),
            func.coalesce(col(JobRow.wait_on_quota), col(AccountRow.wait_on_quota)),
        )
        .join(AccountRow, col(AccountRow.id) == col(JobRow.account_id))
        .where(JobRow.id == job_id)
    )
    check, wait = session.exec(found).one()
    return bool(check), bool(wait)
