"""Tokens that will soon be over, and scheduled posts that would outlive theirs: told once each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists
from sqlmodel import Session, col, select, update

from threadsworker.job import RESTING
from threadsworker.notice import NoticeEvent
from threadsworker.store import accounts, events, notices
from threadsworker.store.tables import AccountRow, EventRow, JobRow

#: What happens, in the words of events and notifications.
EXPIRING = NoticeEvent.TOKEN_EXPIRING


@dataclass(frozen=True)
class Expiring:
    """What is to be told: of an account, and maybe of one of its jobs."""

    account_id: str
    account: str
    expires_at: datetime
    #: When the token is refreshed or tried next, and how often that failed in a row.
    refresh_at: datetime | None
    tries: int
    #: The post that would outlive it; None: it is about the account.
    job_id: str | None = None
    run: int = 0
    scheduled_at: datetime | None = None


def accounts_to_outlive(session: Session, *, limit: int) -> Sequence[str]:
    """Ids of accounts with posts that are scheduled for after the end of their token."""
    found = (
        select(AccountRow.id)
        .join(JobRow, col(JobRow.account_id) == col(AccountRow.id))
        .where(_outlives())
        .distinct()
        .limit(limit)
    )
    return session.exec(found).all()


def take_outliving(session: Session, account_id: str, *, now: datetime) -> list[Expiring]:
    """
    The account's posts that would outlive its token, each with an event: told to one caller only.
    """
    accounts.lock(session, account_id)
    found = (
        select(AccountRow, JobRow)
        .join(JobRow, col(JobRow.account_id) == col(AccountRow.id))
        .where(AccountRow.id == account_id, _outlives())
        .order_by(col(JobRow.scheduled_at))
    )
    taken = []
    for account, job in session.exec(found).all():
        assert account.token_expires_at is not None
        assert job.scheduled_at is not None
        one = Expiring(
            account_id=account.id,
            account=account.name,
            expires_at=account.token_expires_at,
            refresh_at=account.refresh_at,
            tries=account.refresh_tries,
            job_id=job.id,
            run=job.run,
            scheduled_at=job.scheduled_at,
        )
        announce(session, one, now=now)
        taken.append(one)
    return taken


def _outlives() -> ColumnElement[bool]:
    told = exists().where(col(EventRow.job_id) == col(JobRow.id), col(EventRow.what) == EXPIRING)
    return (
        (col(JobRow.scheduled_at) > col(AccountRow.token_expires_at))
        & col(JobRow.state).not_in(list(RESTING))
        & ~told
    )


def take_soon_over(session: Session, *, before: datetime, now: datetime) -> list[Expiring]:
    """Accounts whose token ends before that moment: each is told once, to one caller."""
    taken = session.exec(
        update(AccountRow)
        .where(col(AccountRow.token_expires_at) < before, col(AccountRow.expiry_told_at).is_(None))
        .values(expiry_told_at=now)
        .returning(
            col(AccountRow.id),
            col(AccountRow.name),
            col(AccountRow.token_expires_at),
            col(AccountRow.refresh_at),
            col(AccountRow.refresh_tries),
        )
    ).all()
    told = [Expiring(*row) for row in taken]
    for one in told:
        announce(session, one, now=now)
    return told


def announce(session: Session, found: Expiring, *, now: datetime) -> None:
    """
    Tell it, and write down that it was told, in the transaction that makes sure that it is told
    once.

    Of a post it is an event of its job; of an account, its row says so already.
    """
    told: dict[str, Any] = {
        "expires_at": found.expires_at.isoformat(),
        "next_try_at": found.refresh_at.isoformat() if found.refresh_at else None,
        "tries": found.tries,
    }
    if found.job_id is None:
        notices.tell_of_account(session, EXPIRING, found.account_id, now=now, **told)
        return
    ends = told["expires_at"]
    events.record(session, found.job_id, EXPIRING, now=now, run=found.run, expires_at=ends)
    notices.tell(session, EXPIRING, found.job_id, now=now, **told)
