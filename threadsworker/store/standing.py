"""
Whether an account may be acted for: pauses that a person, Meta or GitHub asked for, and tokens
that were rejected. The account waits, not the worker: all workers read it in its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any

from sqlalchemy import ColumnElement, case, or_
from sqlmodel import Session, col, select, update

from threadsworker.job import RECONNECT_CHECK, JobState, WaitReason
from threadsworker.job import cool_down as pause_of
from threadsworker.notice import NoticeEvent
from threadsworker.store import notices
from threadsworker.store.prepared import Prepared, given
from threadsworker.store.tables import AccountRow, JobRow

#: How often a job of a paused account is looked at; the end of the pause wakes it at once.
PAUSE_CHECK = timedelta(minutes=15)


class AccountStatus(StrEnum):
    ACTIVE = "active"
    #: Meta or GitHub rejected a token; jobs wait until `put` brings a new one, or until the
    #: old one is seen to work.
    NEEDS_RECONNECT = "needs_reconnect"


@dataclass(frozen=True)
class Hold:
    """Why nothing is asked of Meta for an account, and for how long."""

    reason: WaitReason
    rest: timedelta


def hold_of(row: AccountRow, *, now: datetime) -> Hold | None:
    """Why nothing may be asked of Meta for the account now; None: it may."""
    if row.paused_at is not None:
        return Hold(WaitReason.PAUSED, PAUSE_CHECK)
    if row.status == AccountStatus.NEEDS_RECONNECT and row.disconnected_at is not None:
        # After a while one is tried: tokens have been rejected that were good.
        rest = rest_until(row.disconnected_at + RECONNECT_CHECK, now)
        return Hold(WaitReason.NEEDS_RECONNECT, rest) if rest else None
    rest = rest_until(row.paused_until, now)
    return Hold(WaitReason.THROTTLED, rest) if rest else None


def hold(session: Session, account_id: str, *, now: datetime) -> Hold | None:
    """The same, as the account's row says at this moment."""
    found = select(AccountRow).where(AccountRow.id == account_id)
    return hold_of(session.exec(found.execution_options(populate_existing=True)).one(), now=now)


def hold_the_row(session: Session, account_id: str) -> Hold | None:
    """
    The same, and the row is held until the transaction ends: one publish is authorised at a time.
    """
    row, now = _HOLD_THE_ROW.run(session, account=account_id).one()
    return hold_of(row, now=now)


_HOLD_THE_ROW = Prepared(
    lambda times: (
        select(AccountRow, times.now)
        .where(AccountRow.id == given("account"))
        .with_for_update(of=AccountRow, key_share=True)
        .execution_options(populate_existing=True)
    )
)


def rest_until(moment: datetime | None, now: datetime) -> timedelta:
    """How long it is until `moment`; zero if that is past, or None."""
    return timedelta(0) if moment is None else max(timedelta(0), moment - now)


def wake(session: Session, account_id: str, reason: WaitReason, *, now: datetime) -> None:
    """waiting for `reason` → waiting, due now: all jobs of the account that do."""
    session.exec(
        update(JobRow)
        .where(
            col(JobRow.account_id) == account_id,
            col(JobRow.state) == JobState.WAITING,
            col(JobRow.reason) == reason,
        )
        .values(wake_at=now)
    )


def pause(session: Session, account_id: str, *, now: datetime) -> bool:
    """not paused → paused by a person. False if it is."""
    paused = session.exec(
        update(AccountRow)
        .where(col(AccountRow.id) == account_id, col(AccountRow.paused_at).is_(None))
        .values(paused_at=now)
    )
    return paused.rowcount == 1


def resume(session: Session, account_id: str, *, now: datetime) -> bool:
    """paused by a person → not paused, and its jobs are due. False if it is not paused."""
    resumed = session.exec(
        update(AccountRow)
        .where(col(AccountRow.id) == account_id, col(AccountRow.paused_at).is_not(None))
        .values(paused_at=None)
    )
    if resumed.rowcount == 1:
        wake(session, account_id, WaitReason.PAUSED, now=now)
    return resumed.rowcount == 1


def proven(session: Session, account_id: str) -> None:
    """needs_reconnect → active: its token has just published a post."""
    session.exec(
        update(AccountRow)
        .where(
            col(AccountRow.id) == account_id,
            col(AccountRow.status) == AccountStatus.NEEDS_RECONNECT,
        )
        .values(status=AccountStatus.ACTIVE)
    )


def disconnect(
    session: Session,
    account_id: str,
    *,
    token_version: int,
    now: datetime,
    because: str | None = None,
) -> bool:
    """
    active | needs_reconnect → needs_reconnect. False if the token was replaced meanwhile.

    If the token before it is still there, somebody tries at once whether that one works.
    """
    whose = (col(AccountRow.id) == account_id, col(AccountRow.token_version) == token_version)
    before = col(AccountRow.previous_token)
    values = {
        "status": AccountStatus.NEEDS_RECONNECT,
        "disconnected_at": now,
        "disconnected_because": because,
        "refresh_at": case((before.is_not(None), now), else_=col(AccountRow.refresh_at)),
    }
    is_active = col(AccountRow.status) == AccountStatus.ACTIVE
    if session.exec(update(AccountRow).where(*whose, is_active).values(**values)).rowcount == 1:
        notices.tell_of_account(session, NoticeEvent.ACCOUNT_NEEDS_RECONNECT, account_id, now=now)
        return True
    return session.exec(update(AccountRow).where(*whose).values(**values)).rowcount == 1


def cool_down(
    session: Session, account_id: str, *, asked_for: float | None, now: datetime, dice: Random
) -> datetime:
    """
    Ask nothing of Meta for the account for a while, longer each time; until when.

    Several workers that are told so at once begin one pause, as long as the longest that was
    asked for, in seconds.
    """
    return _cool_down(
        session,
        col(AccountRow.id) == account_id,
        (AccountRow.paused_until, AccountRow.throttles),
        asked_for,
        now,
        dice,
    )


def cool_down_github(
    session: Session, account_id: str, *, asked_for: float | None, now: datetime, dice: Random
) -> datetime:
    """Ask nothing of GitHub with the account's token for a while, whoever has it."""
    return _cool_down(
        session,
        _same_github(account_id),
        (AccountRow.github_paused_until, AccountRow.github_throttles),
        asked_for,
        now,
        dice,
    )


def _cool_down(
    session: Session,
    whose: ColumnElement[bool],
    columns: tuple[Any, Any],
    asked_for: float | None,
    now: datetime,
    dice: Random,
) -> datetime:
    until, throttles = columns
    found = session.exec(
        select(until, throttles)
        .where(whose)
        .order_by(col(AccountRow.id))
        .with_for_update(key_share=True)
    ).all()
    present = [moment for moment, _ in found if moment is not None and moment > now]
    if present:
        # One pause, told to several at once: as long as the longest that was asked for.
        ends: datetime = max(*present, now + timedelta(seconds=asked_for or 0.0))
        session.exec(update(AccountRow).where(whose).values({until: ends}))
        return ends
    times = max((count for _, count in found), default=0)
    ends = now + pause_of(times, asked_for=asked_for, dice=dice)
    session.exec(update(AccountRow).where(whose).values({until: ends, throttles: times + 1}))
    return ends


def heard(session: Session, account_id: str, *, now: datetime) -> None:
    """Meta let a step through: the next pause that it asks for is a first one again."""
    _heard(
        session,
        col(AccountRow.id) == account_id,
        (AccountRow.paused_until, AccountRow.throttles),
        now,
    )


def heard_github(session: Session, account_id: str, *, now: datetime) -> None:
    """The same of GitHub, for all who have the account's token."""
    columns = (AccountRow.github_paused_until, AccountRow.github_throttles)
    _heard(session, _same_github(account_id), columns, now)


def _heard(
    session: Session, whose: ColumnElement[bool], columns: tuple[Any, Any], now: datetime
) -> None:
    until, throttles = columns
    session.exec(
        update(AccountRow)
        .where(whose, col(throttles) > 0, col(until) <= now)
        .values({throttles: 0})
    )


def _same_github(account_id: str) -> ColumnElement[bool]:
    """The account, and all that have its GitHub token."""
    token_id = select(AccountRow.github_token_id).where(AccountRow.id == account_id)
    # One of before tokens had digests is on its own.
    return or_(
        col(AccountRow.id) == account_id,
        col(AccountRow.github_token_id) == token_id.scalar_subquery(),
    )
