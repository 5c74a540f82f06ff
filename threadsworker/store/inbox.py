"""What Meta tells: kept before it is answered, turned into notices once, removed in time."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, select, update

from threadsworker.notice import FROM_META, NoticeEvent
from threadsworker.store import notices
from threadsworker.store.notice_tables import DeletionRow, DeliveryRow, NotificationRow
from threadsworker.store.tables import AccountRow, JobRow, SegmentRow

#: Meta's fields, and what subscribers are told.
_EVENTS = {
    "replies": NoticeEvent.REPLY_RECEIVED,
    "mentions": NoticeEvent.MENTION_RECEIVED,
    "publish": NoticeEvent.POST_PUBLISHED,
    "delete": NoticeEvent.POST_DELETED,
}
#: Values in one statement.
_AT_A_TIME = 1000
#: What a notice says of a post: what it is called and where, never what it says.
_TOLD = ("permalink", "username", "media_type", "timestamp", "deleted_at", "is_reply")


def keep(
    session: Session,
    *,
    field: str,
    value: dict[str, Any],
    digest: str,
    user_ids: Sequence[str],
    media_ids: Sequence[str],
    now: datetime,
) -> str | None:
    """nothing → kept. Its id; None if the same was told before."""
    kept = {
        "id": secrets.token_hex(10),
        "digest": digest,
        "field": field,
        "user_ids": list(user_ids),
        "value": value,
        "account_id": _account(session, user_ids, media_ids),
        "received_at": now,
    }
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    # Meta may tell the same twice at once. Who comes second waits for the first, and is told.
    new = (
        insert(NotificationRow)
        .values(kept)
        .on_conflict_do_nothing(index_elements=["digest"])
        .returning(col(NotificationRow.id))
    )
    return session.execute(new).scalar_one_or_none()


def _account(session: Session, user_ids: Sequence[str], media_ids: Sequence[str]) -> str | None:
    """Whose account it is about: by the user's id, or by a post that we have published."""
    for user_id in user_ids:
        found = select(AccountRow.id).where(AccountRow.user_id == user_id)
        if (account_id := session.exec(found.order_by(AccountRow.name)).first()) is not None:
            return account_id
    ours = (
        select(JobRow.account_id)
        .join(SegmentRow, col(SegmentRow.job_id) == col(JobRow.id))
        .where(col(SegmentRow.media_id).in_(list(media_ids)))
    )
    return session.exec(ours).first()


def unhandled(session: Session, *, limit: int) -> list[str]:
    """Ids of what was kept and not turned into notices yet, oldest first."""
    found = (
        select(NotificationRow.id)
        .where(col(NotificationRow.handled_at).is_(None))
        .order_by(col(NotificationRow.received_at))
        .limit(limit)
    )
    return list(session.exec(found).all())


def handle(session: Session, notification_id: str, *, now: datetime) -> bool:
    """kept → handled, and told to subscribers. False if it is, or is not there any more."""
    taken = session.exec(
        update(NotificationRow)
        .where(
            col(NotificationRow.id) == notification_id, col(NotificationRow.handled_at).is_(None)
        )
        .values(handled_at=now)
    )
    if taken.rowcount != 1:
        return False
    row = session.get_one(NotificationRow, notification_id)
    event = _EVENTS.get(row.field)
    if event is not None:
        notices.tell_of_account(session, event, row.account_id, now=now, **_told(row.value))
    return True


def _told(value: dict[str, Any]) -> dict[str, Any]:
    """The ids, and what is known to be harmless."""
    told = {"media_id": value.get("id")}
    for name in ("replied_to", "root_post"):
        inner = value.get(name)
        if isinstance(inner, dict):
            told[name] = inner.get("id")
    return told | {name: value[name] for name in _TOLD if isinstance(value.get(name), str | bool)}


def forget_user(session: Session, user_id: str) -> None:
    """Remove what Meta has told about the user, and what was told on."""
    accounts = session.exec(select(AccountRow.id).where(AccountRow.user_id == user_id)).all()
    columns = map(col, (NotificationRow.id, NotificationRow.user_ids, NotificationRow.account_id))
    about = [
        found
        for found, user_ids, account_id in session.execute(select(*columns))
        if user_id in user_ids or account_id in accounts
    ]
    # Databases take so many values at a time, and somebody may have been told of often.
    for start in range(0, len(about), _AT_A_TIME):
        some = about[start : start + _AT_A_TIME]
        session.exec(delete(NotificationRow).where(col(NotificationRow.id).in_(some)))
    session.exec(
        delete(DeliveryRow).where(
            col(DeliveryRow.account_id).in_(accounts),
            col(DeliveryRow.event).in_(list(FROM_META)),
        )
    )


def forget_account(session: Session, account_id: str) -> None:
    """Remove what Meta has told about an account that is about to be removed."""
    session.exec(delete(NotificationRow).where(col(NotificationRow.account_id) == account_id))


def note_deletion(session: Session, *, now: datetime) -> str:
    """The code under which the user may ask whether it was done."""
    code = secrets.token_urlsafe(16)
    session.add(DeletionRow(code=code, done_at=now))
    return code


def deletion(session: Session, code: str) -> datetime | None:
    """When the data of that code were deleted; None: there is no such code."""
    row = session.get(DeletionRow, code)
    return row.done_at if row is not None else None


def prune(session: Session, *, before: datetime, limit: int) -> int:
    """Remove what was handled before that moment; how many."""
    old = select(NotificationRow.id).where(col(NotificationRow.handled_at) < before).limit(limit)
    return session.exec(delete(NotificationRow).where(col(NotificationRow.id).in_(old))).rowcount
