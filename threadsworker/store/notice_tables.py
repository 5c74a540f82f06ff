"""
The rows of what is told to others, and of what Meta tells.

A delivery has no foreign key to its subscription: a subscription that is removed at the same
moment must not undo the change of state that the delivery tells of.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import Field

from threadsworker.store.moment import Moment
from threadsworker.store.row import Row


class SubscriptionRow(Row, table=True):
    """Who is told, and of what."""

    __tablename__ = "threadsworker_subscription"
    __table_args__ = (
        UniqueConstraint("target", "account_id"),
        # The same for those of all accounts: NULLs are never the same.
        Index(
            "threadsworker_subscription_of_all",
            "target",
            unique=True,
            postgresql_where=text("account_id IS NULL"),
            sqlite_where=text("account_id IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    #: See `threadsworker.notice`.
    target: str = Field(sa_type=Text)
    kind: str
    #: None: of all accounts.
    account_id: str | None = Field(default=None, foreign_key="threadsworker_account.id", index=True)
    #: Names of events with a space before and after each; None: all.
    events: str | None = Field(default=None, sa_type=Text)
    #: Ciphertext of what signs the deliveries to a URL.
    secret: str | None = Field(default=None, sa_type=Text)
    #: When it was paused, and why; None: it is active.
    paused_at: datetime | None = Field(default=None, sa_type=Moment)
    pause_reason: str | None = None
    created_at: datetime = Field(sa_type=Moment)


class DeliveryRow(Row, table=True):
    """One event for one subscriber: written with the change of state that it tells of."""

    __tablename__ = "threadsworker_delivery"
    __table_args__ = (
        # No delivery is forgotten.
        CheckConstraint("state <> 'pending' OR due_at IS NOT NULL", name="delivery_due"),
        Index(
            "threadsworker_delivery_due_at",
            "due_at",
            postgresql_where=text("due_at IS NOT NULL"),
            sqlite_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "threadsworker_delivery_in_hand",
            "claim",
            postgresql_where=text("claim IS NOT NULL"),
            sqlite_where=text("claim IS NOT NULL"),
        ),
        Index("threadsworker_delivery_newest", "created_at"),
    )

    id: str = Field(primary_key=True)
    subscription_id: str = Field(index=True)
    account_id: str | None = Field(default=None, index=True)
    event: str
    #: JSON, as it is sent: ids, states, codes and permalinks.
    body: str = Field(sa_type=Text)
    state: str
    tries: int = 0
    #: When it is tried next; while it is claimed, when the claim ends.
    due_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Of the worker that tries just now.
    claim: str | None = None
    last_tried_at: datetime | None = Field(default=None, sa_type=Moment)
    last_status: int | None = None
    last_error: str | None = None
    created_at: datetime = Field(sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)


class NotificationRow(Row, table=True):
    """What Meta has told, kept before it is answered. Holds what people wrote."""

    __tablename__ = "threadsworker_notification"
    __table_args__ = (
        Index(
            "threadsworker_notification_open",
            "received_at",
            postgresql_where=text("handled_at IS NULL"),
            sqlite_where=text("handled_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    #: Of what it says, so that the same told twice is one.
    digest: str = Field(unique=True)
    field: str
    #: Meta's ids of the users that it is about.
    user_ids: list[str] = Field(default_factory=list, sa_type=JSON)
    value: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    account_id: str | None = Field(default=None, index=True)
    received_at: datetime = Field(sa_type=Moment)
    handled_at: datetime | None = Field(default=None, sa_type=Moment)


class DeletionRow(Row, table=True):
    """That data were deleted because their owner asked for it; not whose."""

    __tablename__ = "threadsworker_deletion"

    code: str = Field(primary_key=True)
    done_at: datetime = Field(sa_type=Moment)
