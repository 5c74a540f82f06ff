"""What a job needs before its first container is made: public media, and room in the quota."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, exists, func, not_, select
from sqlmodel import Session, col

from threadsworker.job import LIVE, SegmentState, StagedState
from threadsworker.store import accounts
from threadsworker.store.claims import is_free_as_given
from threadsworker.store.prepared import Prepared, Times, among, given
from threadsworker.store.tables import (
    AccountRow,
    JobRow,
    MediaRow,
    PublishingLimitRow,
    SegmentRow,
    StagedRow,
)


@dataclass(frozen=True)
class Intake:
    """A job that is about to begin, or to begin again, as it is `now`."""

    now: datetime
    account: AccountRow
    #: Of the job.
    epoch: int
    #: Whether segments of it are not live.
    has_to_send: bool
    #: Whether it has to ask for room in the quota still, and whether it waits for it.
    asks_for_room: bool
    waits_for_room: bool
    #: How old Meta's figures of the account's quotas are; None: it was not asked.
    figures_age: timedelta | None
    #: Local media of what is not live, by sha256, if one of them is not public.
    local: dict[str, MediaRow]

    @property
    def account_name(self) -> str:
        return self.account.name

    @property
    def token_version(self) -> int:
        return self.account.token_version


def find(session: Session, job_id: str, run: int) -> Intake | None:
    """None if the job is not there to be claimed for that run."""
    found = _FIND.run(session, job=job_id, run=run).first()
    if found is None:
        return None
    now, account, epoch, asks, waits, reserved_at, told_at, first, has_local = found
    local = list(_LOCAL.run(session, job=job_id).scalars()) if has_local else []
    # What became of a publish is found out first, whatever room there is for more.
    in_doubt = first in (SegmentState.PUBLISHING, SegmentState.IN_DOUBT)
    return Intake(
        now=now,
        account=account,
        epoch=epoch,
        has_to_send=first is not None,
        asks_for_room=bool(asks and first and not in_doubt and reserved_at is None),
        waits_for_room=bool(waits),
        figures_age=None if told_at is None else now - told_at,
        local={one.sha256: one for one in local if one.sha256 is not None},
    )


def _find(times: Times) -> Any:
    return (
        select(
            times.now,
            AccountRow,
            col(JobRow.epoch),
            func.coalesce(col(JobRow.check_quota), col(AccountRow.check_quota)),
            func.coalesce(col(JobRow.wait_on_quota), col(AccountRow.wait_on_quota)),
            col(JobRow.reserved_at),
            select(func.min(col(PublishingLimitRow.read_at)))
            .where(col(PublishingLimitRow.account_id) == col(JobRow.account_id))
            .scalar_subquery(),
            _first_state(),
            exists().where(*_is_local(), not_(_is_present())),
        )
        .select_from(JobRow)
        .join(AccountRow, col(JobRow.account_id) == col(AccountRow.id))
        .where(*is_free_as_given(times))
        .options(accounts.to_act(AccountRow))
    )


def _first_state() -> ScalarSelect[Any]:
    """Of the first segment that is not live."""
    return (
        select(col(SegmentRow.state))
        .where(
            col(SegmentRow.job_id) == given("job"), not_(among(col(SegmentRow.state), sorted(LIVE)))
        )
        .order_by(col(SegmentRow.index))
        .limit(1)
        .scalar_subquery()
    )


def _is_local() -> tuple[ColumnElement[bool], ...]:
    """Whether a medium is one of this machine, of a segment of the job that is not live."""
    return (
        col(SegmentRow.job_id) == given("job"),
        not_(among(col(SegmentRow.state), sorted(LIVE))),
        col(MediaRow.segment_id) == col(SegmentRow.id),
        col(MediaRow.sha256).is_not(None),
    )


def _is_present() -> ColumnElement[bool]:
    return exists().where(
        col(StagedRow.job_id) == given("job"),
        col(StagedRow.sha256) == col(MediaRow.sha256),
        col(StagedRow.state) == StagedState.PRESENT,
    )


_FIND = Prepared(_find)
_LOCAL = Prepared(
    lambda _: (
        select(MediaRow)
        .join(SegmentRow, col(SegmentRow.id) == col(MediaRow.segment_id))
        .where(*_is_local())
        .order_by(col(SegmentRow.index), col(MediaRow.position))
    )
)
