"""
Everything about one job as plain JSON, to be looked at by others.

No token and no address that opens something by itself: of URLs that somebody has given, and of
those of staged files, only the host is told, and a digest that tells one from another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session, SQLModel, col, select

from threadsworker.log import redacted
from threadsworker.store import accounts, events, generations, jobs, segments, staged
from threadsworker.store.notice_tables import DeliveryRow, SubscriptionRow
from threadsworker.store.tables import (
    AccountRow,
    AttemptRow,
    ContainerRow,
    MediaRow,
    QuotaUseRow,
    SegmentRow,
    StagedRow,
)

#: Grows when a key changes its meaning.
FORMAT = 1
#: Characters of a digest: enough to tell URLs of one job apart.
_DIGEST = 16


def export(session: Session, job_id: str, *, content: bool, now: datetime) -> dict[str, Any]:
    """
    The job with all its rows, keys always in the same order, times in ISO 8601 and UTC.

    `content`: with what its author wrote. Without, texts are told by their length, and options by
    their names.

    Raises
    ------
    NotFound:
        There is no such job.
    """
    job = jobs.find(session, job_id)
    parts = segments.of_job(session, job_id)
    media = segments.media_of(session, parts)
    account = session.get_one(AccountRow, job.account_id)
    left_out = {"account_id"} if content else {"account_id", "content_hash"}
    found = {
        "format": FORMAT,
        "exported_at": now,
        "generation": generations.current(session),
        "account": accounts.describe(account).model_dump(),
        "job": _columns(job, *left_out),
        "segments": [_segment(session, row, media[row.id], content=content) for row in parts],
        "staged": [_staged(row) for row in staged.of_job(session, job_id)],
        "events": [_columns(row, "job_id") for row in events.of_job(session, job_id)],
        "deliveries": [_delivery(session, row) for row in _deliveries(session, job_id)],
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def _columns(row: SQLModel, *left_out: str) -> dict[str, Any]:
    """The row by its columns' names, in the order of its table."""
    return {name: getattr(row, name) for name in type(row).model_fields if name not in left_out}


def _segment(
    session: Session, row: SegmentRow, media: Sequence[MediaRow], *, content: bool
) -> dict[str, Any]:
    told = _columns(row, "job_id", "likeness")
    if not content:
        told["text"] = {"characters": len(row.text)}
        told["options"] = sorted(row.options)
    return {
        **told,
        "media": [_medium(item, content=content) for item in media],
        "containers": [
            {
                **_columns(container, "segment_id"),
                "attempts": [_attempt(session, one) for one in _attempts(session, container)],
            }
            for container in _containers(session, row)
        ],
    }


def _medium(item: MediaRow, *, content: bool) -> dict[str, Any]:
    told = _columns(item, "segment_id")
    told["url"] = _address(item.url)
    if not content and item.alt_text is not None:
        told["alt_text"] = {"characters": len(item.alt_text)}
    return told


def _attempt(session: Session, row: AttemptRow) -> dict[str, Any]:
    uses = select(QuotaUseRow).where(QuotaUseRow.attempt_id == row.id)
    return {
        **_columns(row, "segment_id", "container_id"),
        "quota_uses": [{"kind": use.kind, "at": use.at} for use in session.exec(uses).all()],
    }


def _staged(row: StagedRow) -> dict[str, Any]:
    return {**_columns(row, "job_id"), "url": _address(row.url)}


def _delivery(session: Session, row: DeliveryRow) -> dict[str, Any]:
    subscription = session.get(SubscriptionRow, row.subscription_id)
    target = subscription.target if subscription is not None else None
    return {
        **_columns(row, "account_id", "claim", "body"),
        # A hook's address is often all that it takes to call it.
        "target": _address(target) if target and "://" in target else target,
        "body": json.loads(row.body),
    }


def _containers(session: Session, row: SegmentRow) -> Sequence[ContainerRow]:
    found = select(ContainerRow).where(ContainerRow.segment_id == row.id)
    return session.exec(found.order_by(col(ContainerRow.id))).all()


def _attempts(session: Session, row: ContainerRow) -> Sequence[AttemptRow]:
    found = select(AttemptRow).where(AttemptRow.container_id == row.id)
    return session.exec(found.order_by(col(AttemptRow.sent_at), col(AttemptRow.id))).all()


def _deliveries(session: Session, job_id: str) -> Sequence[DeliveryRow]:
    # The job's id stands in the body, and is too long to stand there by chance.
    found = select(DeliveryRow).where(col(DeliveryRow.body).contains(job_id, autoescape=True))
    return session.exec(found.order_by(col(DeliveryRow.created_at), col(DeliveryRow.id))).all()


def _address(url: str | None) -> dict[str, str] | None:
    """Where a URL leads, and which one it is, but not the URL."""
    if url is None:
        return None
    digest = hashlib.sha256(url.encode()).hexdigest()[:_DIGEST]
    return {"host": urlsplit(url).hostname or "", "digest": digest}


def _plain(value: Any) -> Any:
    """As JSON has it, every text redacted."""
    match value:
        case Enum():
            return value.value
        case str():
            return redacted(value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value
