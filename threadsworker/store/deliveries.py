"""
Deliveries: the outbox's rows on their way.

A claim is a token in the row, with an end: who is slower than that may still report that it
has delivered, which is a fact, and decides nothing else.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func
from sqlmodel import Session, col, delete, select, update
from sqlmodel.sql.expression import SelectOfScalar

from threadsworker import report
from threadsworker.errors import NotFound
from threadsworker.notice import DeliveryState, NoticeEvent, TargetKind
from threadsworker.store.notice_tables import DeliveryRow, SubscriptionRow
from threadsworker.store.tables import AccountRow


@dataclass(frozen=True)
class Claimed:
    """A delivery that this worker tries now."""

    id: str
    subscription_id: str
    event: str
    body: str
    #: This one included.
    tries: int
    claim: str
    target: str
    kind: TargetKind
    #: Ciphertext, see `threadsworker.crypto`.
    secret: str | None
    #: By the database's clock; the try begins at once.
    claimed_at: datetime


def next_due(session: Session, *, now: datetime, most: int, each: int) -> list[str]:
    """
    Ids of what may be claimed now, longest due first.

    No more than `most` are in hand at a time, whoever has them, and no more than `each` of one
    subscription: a receiver that answers slowly costs neither the others nor the worker. It takes
    a look at all that is due, and so is apart from `claim`: writers of SQLite wait for each other.
    """
    is_in_hand = and_(col(DeliveryRow.claim).is_not(None), col(DeliveryRow.due_at) > now)
    free = most - session.exec(select(func.count()).where(is_in_hand)).one()
    if free <= 0:
        return []
    found = (
        select(DeliveryRow.id)
        .where(_due(now), col(DeliveryRow.id).in_(_fair(_due(now), is_in_hand, each)))
        .order_by(col(DeliveryRow.due_at), col(DeliveryRow.id))
        .limit(free)
    )
    return list(session.exec(found).all())


def claim(
    session: Session, ids: Sequence[str], *, lease: timedelta, now: datetime
) -> list[Claimed]:
    """
    pending, due → pending, in this worker's hands for `lease`: those that nobody else took.

    `ids` are those of `next_due`. Who asks at the same moment is told the same ones.
    """
    chosen = (
        select(DeliveryRow.id)
        .where(_due(now), col(DeliveryRow.id).in_(ids))
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    token = secrets.token_hex(8)
    taken = session.exec(
        update(DeliveryRow)
        .where(col(DeliveryRow.id).in_(select(chosen.c.id)), _due(now))
        .values(claim=token, due_at=now + lease, tries=DeliveryRow.tries + 1, last_tried_at=now)
        .returning(col(DeliveryRow.id))
    ).all()
    if not taken:
        return []
    found = session.exec(
        select(DeliveryRow, SubscriptionRow)
        .join(SubscriptionRow, col(SubscriptionRow.id) == col(DeliveryRow.subscription_id))
        .where(col(DeliveryRow.claim) == token)
        .order_by(col(DeliveryRow.created_at))
        .execution_options(populate_existing=True)
    ).all()
    return [
        Claimed(
            id=row.id,
            subscription_id=row.subscription_id,
            event=row.event,
            body=row.body,
            tries=row.tries,
            claim=token,
            target=subscription.target,
            kind=TargetKind(subscription.kind),
            secret=subscription.secret,
            claimed_at=now,
        )
        for row, subscription in found
    ]


def _fair(
    due: ColumnElement[bool], is_in_hand: ColumnElement[bool], each: int
) -> SelectOfScalar[str]:
    """Ids of those that are due, as far as their subscriptions have room."""
    place = func.row_number().over(
        partition_by=col(DeliveryRow.subscription_id),
        order_by=(col(DeliveryRow.due_at), col(DeliveryRow.id)),
    )
    ranked = (
        select(DeliveryRow.id, DeliveryRow.subscription_id, place.label("place"))
        .where(due)
        .cte("ranked")
    )
    taken = (
        select(DeliveryRow.subscription_id, func.count().label("taken"))
        .where(is_in_hand)
        .group_by(col(DeliveryRow.subscription_id))
        .cte("taken")
    )
    return (
        select(ranked.c.id)
        .outerjoin(taken, taken.c.subscription_id == ranked.c.subscription_id)
        .where(ranked.c.place + func.coalesce(taken.c.taken, 0) <= each)
    )


def _due(now: datetime) -> ColumnElement[bool]:
    active = exists().where(
        col(SubscriptionRow.id) == col(DeliveryRow.subscription_id),
        col(SubscriptionRow.paused_at).is_(None),
    )
    return and_(
        col(DeliveryRow.state) == DeliveryState.PENDING, col(DeliveryRow.due_at) <= now, active
    )


def delivered(session: Session, delivery_id: str, *, status: int | None, now: datetime) -> bool:
    """anything → delivered. A fact, also from a worker whose claim has ended."""
    told = session.exec(
        update(DeliveryRow)
        .where(
            col(DeliveryRow.id) == delivery_id, col(DeliveryRow.state) != DeliveryState.DELIVERED
        )
        .values(
            state=DeliveryState.DELIVERED,
            claim=None,
            due_at=None,
            ended_at=now,
            last_status=status,
            last_error=None,
        )
    )
    return told.rowcount == 1


def failed(
    session: Session,
    one: Claimed,
    *,
    status: int | None,
    error: str,
    again_at: datetime | None,
    now: datetime,
) -> bool:
    """pending, claimed → pending until `again_at`, or failed if None. False: the claim ended."""
    told = session.exec(
        update(DeliveryRow)
        .where(
            col(DeliveryRow.id) == one.id,
            col(DeliveryRow.state) == DeliveryState.PENDING,
            col(DeliveryRow.claim) == one.claim,
        )
        .values(
            state=DeliveryState.FAILED if again_at is None else DeliveryState.PENDING,
            claim=None,
            due_at=again_at,
            ended_at=now if again_at is None else None,
            last_status=status,
            last_error=error,
        )
    )
    return told.rowcount == 1


def replay(session: Session, delivery_id: str, *, now: datetime) -> bool:
    """
    delivered | failed | pending, in nobody's hands → pending, due now, with all tries again.

    False while a worker tries it. NotFound if there is none of that id.
    """
    if session.get(DeliveryRow, delivery_id) is None:
        raise NotFound(
            f"there is no delivery {delivery_id!r}; "
            "`threadsworker subscription deliveries` lists them"
        )
    replayed = session.exec(
        update(DeliveryRow)
        .where(
            col(DeliveryRow.id) == delivery_id,
            (col(DeliveryRow.claim).is_(None)) | (col(DeliveryRow.due_at) <= now),
        )
        .values(state=DeliveryState.PENDING, claim=None, tries=0, due_at=now, ended_at=None)
    )
    return replayed.rowcount == 1


def newest(
    session: Session,
    *,
    subscription_id: str | None = None,
    state: DeliveryState | None = None,
    limit: int | None = None,
    delivery_id: str | None = None,
) -> list[report.Delivery]:
    """The log, newest first."""
    found = (
        select(DeliveryRow, SubscriptionRow.target, AccountRow.name)
        .join(SubscriptionRow, col(SubscriptionRow.id) == col(DeliveryRow.subscription_id))
        .outerjoin(AccountRow, col(AccountRow.id) == col(DeliveryRow.account_id))
        .order_by(col(DeliveryRow.created_at).desc(), col(DeliveryRow.id))
        .limit(limit)
    )
    if subscription_id is not None:
        found = found.where(DeliveryRow.subscription_id == subscription_id)
    if state is not None:
        found = found.where(DeliveryRow.state == state)
    if delivery_id is not None:
        found = found.where(DeliveryRow.id == delivery_id)
    return [
        report.Delivery(
            id=row.id,
            subscription=row.subscription_id,
            target=target,
            account=account,
            event=NoticeEvent(row.event),
            state=DeliveryState(row.state),
            tries=row.tries,
            last_status=row.last_status,
            last_error=row.last_error,
            body=json.loads(row.body),
            created_at=row.created_at,
            last_tried_at=row.last_tried_at,
            due_at=row.due_at,
            ended_at=row.ended_at,
        )
        for row, target, account in session.exec(found).all()
    ]


def prune(session: Session, *, before: datetime, limit: int) -> int:
    """Remove what ended before that moment, and what nobody is subscribed to; how many."""
    subscribed = exists().where(col(SubscriptionRow.id) == col(DeliveryRow.subscription_id))
    old = (
        select(DeliveryRow.id)
        .where((col(DeliveryRow.ended_at) < before) | ~subscribed)
        .limit(limit)
    )
    return session.exec(delete(DeliveryRow).where(col(DeliveryRow.id).in_(old))).rowcount
