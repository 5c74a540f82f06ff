"""
Telling others: an outbox, written in the transaction of the change that it tells of.

A notice exists if and only if the change was committed, and says what was committed. While
nobody listens it costs one query. `steps.deliver` sends what is in the outbox.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, or_
from sqlmodel import Session, col, select

from threadsworker.notice import DeliveryState, NoticeEvent
from threadsworker.store.notice_tables import DeliveryRow, SubscriptionRow
from threadsworker.store.tables import AccountRow, JobRow, SegmentRow


def tell(session: Session, event: NoticeEvent, *job_ids: str, now: datetime, **data: Any) -> None:
    """
    Tell of each of the jobs, as its row now is. `data` is JSON: ids, codes and numbers.

    The text of a post is never part of a notice: it goes to third parties.
    """
    columns = (JobRow.id, JobRow.key, JobRow.state, JobRow.reason, JobRow.error_code, JobRow.run)
    found = session.execute(
        select(
            col(SubscriptionRow.id),
            col(JobRow.account_id),
            col(AccountRow.name),
            *map(col, columns),
        )
        .join(AccountRow, col(AccountRow.id) == col(JobRow.account_id))
        .join(SubscriptionRow, _wants(event, JobRow.account_id))
        .where(col(JobRow.id).in_(job_ids))
    ).all()
    if not found:
        return
    threads = _threads(session, job_ids)
    # Of one event, each of its deliveries says the same.
    ids = {job_id: secrets.token_hex(12) for job_id in job_ids}
    for subscription_id, account_id, account, job_id, key, state, reason, code, run in found:
        job = {
            "id": job_id,
            "key": key,
            "state": str(state),
            "reason": reason,
            "error": {"code": code} if code is not None else None,
            "run": run,
            "segments": threads[job_id],
        }
        body = _body(ids[job_id], event, account, job, data, now=now)
        _put(session, subscription_id, account_id, event, body, now=now)


def tell_of_account(
    session: Session, event: NoticeEvent, account_id: str | None, *, now: datetime, **data: Any
) -> None:
    """Tell of an account, or of what nobody knows the account of. `data` as for `tell`."""
    name = select(AccountRow.name).where(AccountRow.id == account_id).scalar_subquery()
    found = session.execute(
        select(col(SubscriptionRow.id), name).where(_wants(event, account_id))
    ).all()
    event_id = secrets.token_hex(12)
    for subscription_id, account in found:
        body = _body(event_id, event, account, None, data, now=now)
        _put(session, subscription_id, account_id, event, body, now=now)


def is_awaited(event: NoticeEvent, account_id: Any) -> ColumnElement[bool]:
    """Whether somebody is to be told of it, for a query. `account_id` may be a parameter."""
    return exists().where(_wants(event, account_id))


def _wants(event: NoticeEvent, account_id: str | None) -> ColumnElement[bool]:
    """Whether a subscription is to be told; `account_id` may be the column of a query around."""
    active = col(SubscriptionRow.paused_at).is_(None)
    whose = or_(
        col(SubscriptionRow.account_id) == account_id, col(SubscriptionRow.account_id).is_(None)
    )
    what = or_(
        col(SubscriptionRow.events).is_(None), col(SubscriptionRow.events).contains(f" {event} ")
    )
    return active & whose & what


def _threads(session: Session, job_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The segments of each job, as they may be told."""
    columns = (
        SegmentRow.job_id,
        SegmentRow.index,
        SegmentRow.state,
        SegmentRow.media_id,
        SegmentRow.permalink,
    )
    found = session.execute(
        select(*map(col, columns))
        .where(col(SegmentRow.job_id).in_(job_ids))
        .order_by(col(SegmentRow.index))
    )
    threads: dict[str, list[dict[str, Any]]] = {job_id: [] for job_id in job_ids}
    for job_id, index, state, media_id, permalink in found:
        threads[job_id].append(
            {"index": index, "state": str(state), "media_id": media_id, "permalink": permalink}
        )
    return threads


def _body(
    event_id: str,
    event: NoticeEvent,
    account: str | None,
    job: dict[str, Any] | None,
    data: dict[str, Any],
    *,
    now: datetime,
) -> dict[str, Any]:
    return {
        "id": event_id,
        "event": str(event),
        "created_at": now.isoformat(),
        "account": account,
        "job": job,
        "data": data,
    }


def _put(
    session: Session,
    subscription_id: str,
    account_id: str | None,
    event: NoticeEvent,
    body: dict[str, Any],
    *,
    now: datetime,
) -> None:
    session.add(
        DeliveryRow(
            id=f"{body['id']}-{subscription_id}",
            subscription_id=subscription_id,
            account_id=account_id,
            event=event,
            body=json.dumps(body, separators=(",", ":")),
            state=DeliveryState.PENDING,
            due_at=now,
            created_at=now,
        )
    )
