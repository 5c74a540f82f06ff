"""Subscriptions: who is told of what. A target has one for each account, and one for all."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from pydantic import SecretStr
from sqlmodel import Session, col, delete, select, update

from threadsworker import report
from threadsworker.crypto import Cipher
from threadsworker.errors import NotFound
from threadsworker.notice import NoticeEvent, TargetKind
from threadsworker.store.notice_tables import DeliveryRow, SubscriptionRow
from threadsworker.store.tables import AccountRow

#: Why a subscription is paused.
BY_HAND = "paused"
#: Its receiver has answered 410.
GONE = "gone"


def put(
    session: Session,
    target: str,
    *,
    kind: TargetKind,
    account_id: str | None,
    events: Sequence[NoticeEvent],
    secret: SecretStr | None,
    cipher: Cipher,
    now: datetime,
) -> tuple[SubscriptionRow, SecretStr | None]:
    """
    Add a subscription, or its events to the one that the target has already; no events: all.

    The second of what it gives is the secret, if it is a new one: the given one, or, for a URL
    that is new, one that is made here. It can be read nowhere later.
    """
    found = select(SubscriptionRow).where(SubscriptionRow.target == target)
    if account_id is None:
        found = found.where(col(SubscriptionRow.account_id).is_(None))
    else:
        found = found.where(SubscriptionRow.account_id == account_id)
    row = session.exec(found.with_for_update()).first()
    if row is None:
        row = SubscriptionRow(
            id=secrets.token_hex(6),
            target=target,
            kind=kind,
            account_id=account_id,
            events=_written(events),
            created_at=now,
        )
        if kind is TargetKind.URL and secret is None:
            secret = SecretStr("whsec_" + secrets.token_urlsafe(32))
    elif row.events is not None:
        row.events = _written(sorted({*events, *events_in(row)})) if events else None
    if secret is not None:
        row.secret = cipher.encrypt(secret, bound_to=row.id)
    session.add(row)
    session.flush()
    return row, secret


def _written(events: Sequence[NoticeEvent]) -> str | None:
    return f" {' '.join(events)} " if events else None


def events_in(row: SubscriptionRow) -> tuple[NoticeEvent, ...]:
    """The events that it wants; none: all."""
    return tuple(NoticeEvent(name) for name in (row.events or "").split())


def find(session: Session, subscription_id: str) -> SubscriptionRow:
    """The subscription; NotFound if there is none of that id."""
    row = session.get(SubscriptionRow, subscription_id)
    if row is None:
        raise NotFound(
            f"there is no subscription {subscription_id!r}; "
            "`threadsworker subscription list` lists them"
        )
    return row


def all_of(session: Session) -> list[SubscriptionRow]:
    """Every subscription, oldest first."""
    found = select(SubscriptionRow).order_by(
        col(SubscriptionRow.created_at), col(SubscriptionRow.id)
    )
    return list(session.exec(found).all())


def remove(session: Session, subscription_id: str) -> None:
    """Remove it and its deliveries; NotFound if there is none of that id."""
    find(session, subscription_id)
    session.exec(delete(DeliveryRow).where(col(DeliveryRow.subscription_id) == subscription_id))
    session.exec(delete(SubscriptionRow).where(col(SubscriptionRow.id) == subscription_id))


def forget_account(session: Session, account_id: str) -> None:
    """Remove the subscriptions of an account that is about to be removed."""
    own = select(SubscriptionRow.id).where(SubscriptionRow.account_id == account_id)
    session.exec(delete(DeliveryRow).where(col(DeliveryRow.subscription_id).in_(own)))
    session.exec(delete(SubscriptionRow).where(col(SubscriptionRow.account_id) == account_id))


def pause(session: Session, subscription_id: str, *, reason: str, now: datetime) -> bool:
    """
    active → paused: nothing is told, and what was not delivered yet waits. False if it is.
    """
    paused = session.exec(
        update(SubscriptionRow)
        .where(col(SubscriptionRow.id) == subscription_id, col(SubscriptionRow.paused_at).is_(None))
        .values(paused_at=now, pause_reason=reason)
    )
    return paused.rowcount == 1


def resume(session: Session, subscription_id: str) -> bool:
    """paused → active. False if it is."""
    resumed = session.exec(
        update(SubscriptionRow)
        .where(
            col(SubscriptionRow.id) == subscription_id, col(SubscriptionRow.paused_at).is_not(None)
        )
        .values(paused_at=None, pause_reason=None)
    )
    return resumed.rowcount == 1


def describe(
    session: Session, row: SubscriptionRow, *, secret: SecretStr | None = None
) -> report.Subscription:
    """The subscription as it is shown; `secret` only when it is new."""
    account = session.get(AccountRow, row.account_id) if row.account_id is not None else None
    return report.Subscription(
        id=row.id,
        target=row.target,
        kind=TargetKind(row.kind),
        account=account.name if account is not None else None,
        events=events_in(row),
        state="active" if row.paused_at is None else "paused",
        reason=row.pause_reason,
        secret=secret.get_secret_value() if secret is not None else None,
        created_at=row.created_at,
    )
