"""What is left to be done for a thread, once its segments are live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, not_, select
from sqlmodel import Session, col

from threadsworker.job import LIVE, SegmentState, StagedState
from threadsworker.store import accounts
from threadsworker.store.claims import is_free_as_given
from threadsworker.store.prepared import Prepared, Times, among, given
from threadsworker.store.tables import AccountRow, JobRow, SegmentRow, StagedRow


@dataclass(frozen=True)
class Ending:
    """A job that is about to end, as it is `now`."""

    now: datetime
    account: AccountRow
    #: Of the job; `tries` are troubles in a row.
    epoch: int
    tries: int
    #: How many segments are not live.
    missing: int
    #: Those that are live and were not read back.
    unseen: list[SegmentRow]
    #: Whether files of it are, or may be, public.
    is_staged: bool

    @property
    def account_name(self) -> str:
        return self.account.name

    @property
    def token_version(self) -> int:
        return self.account.token_version


def find(session: Session, job_id: str, run: int) -> Ending | None:
    """None if the job is not there to be claimed for that run."""
    found = _FIND.run(session, job=job_id, run=run).first()
    if found is None:
        return None
    now, account, epoch, tries, missing, unseen, is_staged = found
    rows = list(_UNSEEN.run(session, job=job_id).scalars()) if unseen else []
    return Ending(now, account, epoch, tries, missing, rows, is_staged)


def _find(times: Times) -> Any:
    segments = select(func.count()).where(col(SegmentRow.job_id) == given("job"))
    staged = exists().where(
        col(StagedRow.job_id) == given("job"), col(StagedRow.state) != StagedState.GONE
    )
    return (
        select(
            times.now,
            AccountRow,
            col(JobRow.epoch),
            col(JobRow.tries),
            segments.where(not_(among(col(SegmentRow.state), sorted(LIVE)))).scalar_subquery(),
            segments.where(col(SegmentRow.state) == SegmentState.PUBLISHED).scalar_subquery(),
            staged,
        )
        .select_from(JobRow)
        .join(AccountRow, col(JobRow.account_id) == col(AccountRow.id))
        .where(*is_free_as_given(times))
        .options(accounts.to_act(AccountRow))
    )


_FIND = Prepared(_find)
_UNSEEN = Prepared(
    lambda _: (
        select(SegmentRow)
        .where(
            col(SegmentRow.job_id) == given("job"), col(SegmentRow.state) == SegmentState.PUBLISHED
        )
        .order_by(col(SegmentRow.index))
    )
)
