"""Accounts: profiles whose tokens we hold. Tokens are ciphertexts everywhere in here."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import exists, func, or_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import load_only
from sqlmodel import Session, col, delete, select, update

from threadsworker import report
from threadsworker.crypto import Cipher
from threadsworker.errors import NotFound, NotPossible
from threadsworker.job import WaitReason
from threadsworker.store import inbox, standing, subscriptions
from threadsworker.store.standing import AccountStatus, Hold
from threadsworker.store.tables import AccountRow, JobRow, PublishingLimitRow, ScheduleRow
from threadsworker.text import no_character

#: Longer than anybody waits.
_NOT_SOON = timedelta(days=3650)


@dataclass(frozen=True)
class Credentials:
    """What it takes to act for an account. The tokens are open: never log one of these."""

    account_id: str
    name: str
    user_id: str
    access_token: SecretStr
    github_repo: str | None
    github_token: SecretStr | None
    #: Until it may be acted for again, and why not before; None: it may.
    hold: Hold | None = None
    #: How long GitHub wants no request with this token; zero: it may be asked.
    github_rest: timedelta = timedelta(0)
    #: Whether its token has not been rejected, as far as is known.
    is_active: bool = True


def put(
    session: Session,
    name: str,
    *,
    user_id: str,
    access_token: SecretStr,
    github_repo: str | None,
    github_token: SecretStr | None,
    token_expires_at: datetime | None,
    cipher: Cipher,
    now: datetime,
    token_issued_at: datetime | None = None,
    scopes: Sequence[str] | None = None,
) -> AccountRow:
    """
    Add an account, or replace the tokens of the one of that name and make it active again.

    Jobs that waited for the reconnection are woken. What is not known of the token is asked
    for by whoever looks after tokens, soon.
    """
    # Locked: a refresh that is stored at the same moment has a version of its own.
    found = select(AccountRow).where(AccountRow.name == name).with_for_update(key_share=True)
    row = session.exec(found.execution_options(populate_existing=True)).first()
    if row is None:
        row = _added(session, name, user_id=user_id, now=now)
    else:
        row.token_version += 1
    row.user_id = user_id
    row.access_token = cipher.encrypt(access_token, bound_to=row.id)
    row.token_issued_at, row.token_expires_at = token_issued_at, token_expires_at
    row.scopes = None if scopes is None else list(scopes)
    # Nothing of the token before holds for this one.
    row.previous_token = row.token_checked_at = row.token_refreshed_at = None
    row.refresh_at = row.refresh_lease_until = row.refresh_begun_at = row.expiry_told_at = None
    row.refresh_tries = 0
    row.github_repo = github_repo or row.github_repo
    if github_token is not None:
        row.github_token = cipher.encrypt(github_token, bound_to=row.id)
        row.github_token_id = _token_id(github_token)
        row.github_throttles = 0
        # GitHub may have asked others for a pause who have the same token.
        others = select(func.max(col(AccountRow.github_paused_until))).where(
            AccountRow.github_token_id == row.github_token_id, AccountRow.id != row.id
        )
        row.github_paused_until = session.exec(others).one()
    row.status = AccountStatus.ACTIVE
    row.disconnected_at = None
    session.add(row)
    session.flush()
    standing.wake(session, row.id, WaitReason.NEEDS_RECONNECT, now=now)
    return row


def _added(session: Session, name: str, *, user_id: str, now: datetime) -> AccountRow:
    """A new account; or the one of that name that somebody else has added at the same moment."""
    row = AccountRow(
        id=secrets.token_hex(8), name=name, user_id=user_id, access_token="", created_at=now
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return session.exec(select(AccountRow).where(AccountRow.name == name)).one()
    return row


def _token_id(token: SecretStr) -> str:
    """Tells whether two tokens are the same, and nothing else of them."""
    return hashlib.sha256(token.get_secret_value().encode()).hexdigest()


def set_quota_policy(
    session: Session, account_id: str, *, check: bool | None, wait: bool | None
) -> None:
    """Whether its posts ask for room in the quota, and wait for it; None: as it is."""
    given = {"check_quota": check, "wait_on_quota": wait}
    values = {name: value for name, value in given.items() if value is not None}
    if values:
        session.exec(update(AccountRow).where(col(AccountRow.id) == account_id).values(**values))


def find(session: Session, name: str) -> AccountRow:
    """The account of that name; NotFound, naming those that exist, if there is none."""
    # PostgreSQL cannot even be asked for what is no text.
    known = select(AccountRow).where(AccountRow.name == name)
    row = session.exec(known).first() if no_character(name) is None else None
    if row is None:
        names = session.exec(select(AccountRow.name).order_by(AccountRow.name)).all()
        makes = "`threadsworker auth login`, or `account add`, makes one"
        there = f"known: {', '.join(names)}" if names else makes
        raise NotFound(f"there is no account {name!r} ({there})")
    return row


def all_of(session: Session) -> list[AccountRow]:
    """Every account, by name."""
    return list(session.exec(select(AccountRow).order_by(AccountRow.name)).all())


def remove(session: Session, name: str) -> None:
    """
    Remove the account and its tokens.

    Raises
    ------
    NotFound, NotPossible:
        It is unknown; it has jobs, whose history would lose its owner, or schedules
        (`account.has_jobs`, `account.has_schedules`).
    """
    row = find(session, name)
    if session.exec(select(exists().where(col(JobRow.account_id) == row.id))).one():
        raise NotPossible(
            f"account {name!r} has jobs; they would lose their owner", code="account.has_jobs"
        )
    if session.exec(select(exists().where(col(ScheduleRow.account_id) == row.id))).one():
        raise NotPossible(
            f"account {name!r} has schedules; remove them first", code="account.has_schedules"
        )
    session.exec(delete(PublishingLimitRow).where(col(PublishingLimitRow.account_id) == row.id))
    subscriptions.forget_account(session, row.id)
    inbox.forget_account(session, row.id)
    session.exec(delete(AccountRow).where(col(AccountRow.id) == row.id))


def credentials(session: Session, account_id: str, *, cipher: Cipher, now: datetime) -> Credentials:
    """The account's tokens, opened, and whether they may be used."""
    row = session.exec(select(AccountRow).where(AccountRow.id == account_id)).one()
    return credentials_of(row, cipher=cipher, now=now)


def to_act(account: Any) -> Any:
    """For a query that reads `account`, the row or an alias, for `credentials_of` alone."""
    return load_only(
        account.id,
        account.name,
        account.user_id,
        account.access_token,
        account.github_repo,
        account.github_token,
        account.github_paused_until,
        account.token_version,
        account.status,
        account.disconnected_at,
        account.paused_at,
        account.paused_until,
    )


def credentials_of(row: AccountRow, *, cipher: Cipher, now: datetime) -> Credentials:
    """The same, of a row that was read already."""
    return Credentials(
        account_id=row.id,
        name=row.name,
        user_id=row.user_id,
        access_token=cipher.decrypt(row.access_token, bound_to=row.id),
        github_repo=row.github_repo,
        github_token=(
            cipher.decrypt(row.github_token, bound_to=row.id) if row.github_token else None
        ),
        hold=standing.hold_of(row, now=now),
        github_rest=standing.rest_until(row.github_paused_until, now),
        is_active=row.status == AccountStatus.ACTIVE,
    )


def lock(session: Session, account_id: str) -> None:
    """Hold the account's row until the transaction ends: one publish is authorised at a time."""
    session.exec(
        select(AccountRow.id).where(AccountRow.id == account_id).with_for_update(key_share=True)
    ).one()


def to_sweep(session: Session, *, before: datetime, now: datetime, limit: int) -> list[str]:
    """Ids of accounts whose repository was not swept since `before`: this caller's to sweep."""
    waiting = or_(col(AccountRow.swept_at).is_(None), col(AccountRow.swept_at) < before)
    chosen = (
        select(AccountRow.id)
        .where(waiting, col(AccountRow.github_repo).is_not(None))
        .order_by(col(AccountRow.swept_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    taken = session.exec(
        update(AccountRow)
        .where(col(AccountRow.id).in_(select(chosen.c.id)), waiting)
        .values(swept_at=now)
        .returning(col(AccountRow.id))
    ).all()
    return [row[0] for row in taken]


def describe(row: AccountRow) -> report.Account:
    """The account as it may be shown."""
    shown = row.model_dump(include=set(report.Account.model_fields))
    if row.status == AccountStatus.ACTIVE:
        # Of a time that is over.
        shown["disconnected_because"] = None
    return report.Account.model_validate(shown)


def has_followed(session: Session, name: str, said: str) -> bool:
    """
    Whether the account of that name was made, or changed, as the environment says already.

    Once for each thing that it says, of which `said` is a digest: a token that was refreshed,
    or put there by a person, is not replaced by an older one that still stands there.
    """
    found = select(AccountRow.environment).where(AccountRow.name == name)
    return session.exec(found).first() == said


def followed(session: Session, name: str, said: str) -> None:
    """Keep what the environment has said."""
    session.exec(update(AccountRow).where(col(AccountRow.name) == name).values(environment=said))


def matches(
    session: Session,
    name: str,
    *,
    user_id: str,
    access_token: SecretStr,
    github_repo: str | None,
    github_token: SecretStr | None,
    cipher: Cipher,
    now: datetime,
) -> bool:
    """Whether the account of that name exists and holds just this."""
    row = session.exec(select(AccountRow).where(AccountRow.name == name)).first()
    if row is None:
        return False
    stored = credentials(session, row.id, cipher=cipher, now=now)
    return (
        stored.user_id == user_id
        and stored.access_token == access_token
        and github_repo in (None, stored.github_repo)
        and github_token in (None, stored.github_token)
    )


def revoked(
    session: Session,
    user_id: str,
    *,
    issued_before: datetime | None,
    cipher: Cipher,
    now: datetime,
) -> list[str]:
    """
    anything → needs_reconnect, without its token: its owner has taken it back.

    Names of the user's accounts; without those whose token was issued later than that.
    """
    owned = select(AccountRow).where(AccountRow.user_id == user_id).order_by(AccountRow.id)
    if issued_before is not None:
        issued = col(AccountRow.token_issued_at)
        owned = owned.where(or_(issued.is_(None), issued <= issued_before))
    # Locked: a refresh that is stored at the same moment must not make this one unheard.
    rows = session.exec(owned.with_for_update(key_share=True)).all()
    for row in rows:
        standing.disconnect(
            session,
            row.id,
            token_version=row.token_version,
            because="its owner has removed the app",
            now=now,
        )
        session.exec(
            update(AccountRow)
            .where(col(AccountRow.id) == row.id)
            .values(
                # What Meta refuses as it refuses any token that is none. A refresh that is
                # under way finds another version.
                access_token=cipher.encrypt(SecretStr("revoked"), bound_to=row.id),
                token_version=AccountRow.token_version + 1,
                previous_token=None,
                token_issued_at=None,
                token_expires_at=None,
                scopes=None,
                # There is nothing to refresh until somebody signs in again.
                refresh_at=now + _NOT_SOON,
                refresh_begun_at=None,
            )
        )
    return [row.name for row in rows]
