"""
The life of an account's token in its row: who refreshes it, what came of that, and what is known.

Whoever refreshes holds a lease, so that nobody else does at the same time; a lease that ran out
is anybody's. What a refresh brought is stored by `token_version`: of two that were sent, the
first one that is stored wins. Tokens are ciphertexts everywhere in here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, or_
from sqlmodel import Session, col, select, update

from threadsworker.job import WaitReason
from threadsworker.store import standing
from threadsworker.store.standing import AccountStatus
from threadsworker.store.tables import AccountRow


@dataclass(frozen=True)
class Held:
    """One worker's hold on an account's token."""

    account_id: str
    name: str
    access_token: str
    #: The one before, while nobody knows whether the present one works.
    previous_token: str | None
    token_version: int
    issued_at: datetime | None
    expires_at: datetime | None
    checked_at: datetime | None
    #: When a refresh was sent whose answer was never stored.
    begun_at: datetime | None
    tries: int
    #: Until when it is held; also says whose hold it is.
    lease_until: datetime


def claim_due(session: Session, *, lease: timedelta, now: datetime) -> Held | None:
    """
    nobody's, due → held: a token that is to be looked at; None if there is none.

    Tokens of accounts that a person has paused are refreshed as well: they would die. Those of
    accounts that cool down wait until Meta takes calls again.
    """
    due = or_(col(AccountRow.refresh_at).is_(None), col(AccountRow.refresh_at) <= now)
    calm = or_(col(AccountRow.paused_until).is_(None), col(AccountRow.paused_until) <= now)
    return _claim(session, due & calm, lease=lease, now=now)


def claim(session: Session, name: str, *, lease: timedelta, now: datetime) -> Held | None:
    """nobody's → held: this account's token, due or not. None: somebody holds it."""
    return _claim(session, col(AccountRow.name) == name, lease=lease, now=now)


def _claim(
    session: Session, which: ColumnElement[bool], *, lease: timedelta, now: datetime
) -> Held | None:
    until = col(AccountRow.refresh_lease_until)
    free = or_(until.is_(None), until <= now)
    chosen = (
        select(AccountRow.id)
        .where(which, free)
        .order_by(col(AccountRow.refresh_at).nulls_first())
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    taken = session.exec(
        update(AccountRow)
        .where(col(AccountRow.id).in_(select(chosen.c.id)), free)
        .values(refresh_lease_until=now + lease)
        .returning(col(AccountRow.id))
    ).first()
    if taken is None:
        return None
    found = select(AccountRow).where(AccountRow.id == taken[0])
    row = session.exec(found.execution_options(populate_existing=True)).one()
    assert row.refresh_lease_until is not None
    return Held(
        account_id=row.id,
        name=row.name,
        access_token=row.access_token,
        previous_token=row.previous_token,
        token_version=row.token_version,
        issued_at=row.token_issued_at,
        expires_at=row.token_expires_at,
        checked_at=row.token_checked_at,
        begun_at=row.refresh_begun_at,
        tries=row.refresh_tries,
        lease_until=row.refresh_lease_until,
    )


def begin(session: Session, held: Held, *, now: datetime) -> bool:
    """held → held, a refresh is under way. False: the hold or the token is another one by now."""
    return _if_mine(session, held, refresh_begun_at=now)


def keep(
    session: Session,
    held: Held,
    fresh: str,
    *,
    same: bool,
    expires_at: datetime | None,
    now: datetime,
) -> Held | None:
    """
    any → the fresh token is the account's, and the one before is kept until it has answered.

    A fact: it is taken also when the hold is over. The account is active, and jobs that waited
    for that are woken. None: another token came first, and this one is dropped.

    Parameters
    ----------
    same:
        Meta gave the same string again: there is nothing to keep.
    """
    previous = None if same else held.access_token
    kept = session.exec(
        update(AccountRow)
        .where(_is(held))
        .values(
            access_token=fresh,
            previous_token=previous,
            token_version=held.token_version + 1,
            token_issued_at=now,
            token_refreshed_at=now,
            token_expires_at=expires_at,
            refresh_begun_at=None,
            expiry_told_at=None,
            status=AccountStatus.ACTIVE,
            disconnected_at=None,
        )
    )
    if kept.rowcount == 0:
        return None
    standing.wake(session, held.account_id, WaitReason.NEEDS_RECONNECT, now=now)
    return replace(
        held,
        access_token=fresh,
        previous_token=previous,
        token_version=held.token_version + 1,
        issued_at=now,
        expires_at=expires_at,
        begun_at=None,
    )


def confirm(session: Session, held: Held, *, look_at: datetime) -> bool:
    """held → nobody's until `look_at`: the token has answered, the one before is dropped."""
    confirmed = session.exec(
        update(AccountRow)
        .where(_is(held))
        .values(
            previous_token=None,
            refresh_tries=0,
            refresh_at=look_at,
            refresh_lease_until=_released(held),
        )
    )
    return confirmed.rowcount == 1


def go_back(session: Session, held: Held, *, look_at: datetime, now: datetime) -> bool:
    """
    held → the token before is the account's again, since the present one does not work.

    When it ends is not known any more.
    """
    back = session.exec(
        update(AccountRow)
        .where(_is(held), col(AccountRow.previous_token).is_not(None))
        .values(
            access_token=AccountRow.previous_token,
            previous_token=None,
            token_version=held.token_version + 1,
            token_issued_at=None,
            token_expires_at=None,
            token_checked_at=None,
            refresh_tries=held.tries + 1,
            refresh_at=look_at,
            refresh_lease_until=_released(held),
            status=AccountStatus.ACTIVE,
            disconnected_at=None,
        )
    )
    if back.rowcount == 1:
        standing.wake(session, held.account_id, WaitReason.NEEDS_RECONNECT, now=now)
    return back.rowcount == 1


def learn(
    session: Session,
    held: Held,
    *,
    issued_at: datetime | None,
    expires_at: datetime | None,
    scopes: Sequence[str],
    now: datetime,
) -> Held:
    """What Meta says of the token, unless it was replaced meanwhile; a hold stays one."""
    known = {
        "token_issued_at": issued_at or held.issued_at,
        "token_expires_at": expires_at or held.expires_at,
    }
    session.exec(
        update(AccountRow)
        .where(_is(held))
        .values(**known, scopes=list(scopes), token_checked_at=now)
    )
    return replace(
        held,
        issued_at=known["token_issued_at"],
        expires_at=known["token_expires_at"],
        checked_at=now,
    )


def put_off(
    session: Session, held: Held, *, look_at: datetime, tries: int, lost: bool = False
) -> bool:
    """
    held → nobody's until `look_at`.

    Parameters
    ----------
    lost:
        The answer to a refresh is: that one was begun stays written down.
    """
    begun = col(AccountRow.refresh_begun_at) if lost else held.begun_at
    return _if_mine(
        session,
        held,
        refresh_at=look_at,
        refresh_tries=tries,
        refresh_begun_at=begun,
        refresh_lease_until=None,
    )


def release(session: Session, held: Held) -> bool:
    """held → nobody's, as it was."""
    return _if_mine(session, held, refresh_lease_until=None)


def reject(session: Session, held: Held, *, because: str, look_at: datetime, now: datetime) -> bool:
    """held → nobody's, needs_reconnect: the token is dead. False: it was replaced meanwhile."""
    if not standing.disconnect(
        session, held.account_id, token_version=held.token_version, because=because, now=now
    ):
        return False
    session.exec(
        update(AccountRow)
        .where(_is(held))
        .values(
            # The one before stays: tokens have been rejected that were good.
            refresh_begun_at=None,
            refresh_tries=held.tries + 1,
            refresh_at=look_at,
            refresh_lease_until=_released(held),
        )
    )
    return True


def _is(held: Held) -> ColumnElement[bool]:
    """The account, while its token is the one that is held."""
    return (col(AccountRow.id) == held.account_id) & (
        col(AccountRow.token_version) == held.token_version
    )


def _if_mine(session: Session, held: Held, **values: Any) -> bool:
    mine = col(AccountRow.refresh_lease_until) == held.lease_until
    changed = session.exec(update(AccountRow).where(_is(held), mine).values(**values))
    return changed.rowcount == 1


def _released(held: Held) -> Any:
    """No lease, if it is still this one's: somebody else's stays."""
    until = col(AccountRow.refresh_lease_until)
    return case((until == held.lease_until, None), else_=until)
