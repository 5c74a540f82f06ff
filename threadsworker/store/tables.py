"""
The rows. Constraints that keep the promises live here, in the database.

SQLModel's table classes validate nothing: what an author gives is validated by
`threadsworker.plan`, and what must never be is forbidden by the constraints below.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    Index,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from threadsworker.job import RESTING


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite, which knows no zones, gets it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        assert value.tzinfo is not None, "a naive datetime means something else elsewhere"
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _in(states: frozenset[Any]) -> str:
    return ", ".join(sorted(f"'{state}'" for state in states))


class AccountRow(SQLModel, table=True):
    """A Threads profile whose token we hold."""

    __tablename__ = "account"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    #: Meta's numeric id, as text: it is above 2^53.
    user_id: str
    #: Ciphertexts, see `threadsworker.crypto`.
    access_token: str = Field(sa_type=Text)
    github_token: str | None = Field(default=None, sa_type=Text)
    token_expires_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Grows when the token is replaced, so that of two refreshes one wins.
    token_version: int = 1
    #: ``owner/name`` of the repository where local media are made public.
    github_repo: str | None = None
    status: str = "active"
    paused_until: datetime | None = Field(default=None, sa_type=Moment)
    #: When its staging repository was last searched for files that no job needs.
    swept_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)


class WorkerRow(SQLModel, table=True):
    """A worker process that is at work, or was until a moment ago."""

    __tablename__ = "worker"

    id: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=Moment)
    seen_at: datetime = Field(sa_type=Moment)


class JobRow(SQLModel, table=True):
    """Publish one post for one account."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        # No job is ever forgotten: whatever is not at rest has a time at which somebody
        # looks at it again.
        CheckConstraint(f"state IN ({_in(RESTING)}) OR wake_at IS NOT NULL", name="looked_at"),
        CheckConstraint("state <> 'waiting' OR reason IS NOT NULL", name="waiting_has_reason"),
        Index(
            "job_due",
            "wake_at",
            postgresql_where=text("wake_at IS NOT NULL"),
            sqlite_where=text("wake_at IS NOT NULL"),
        ),
        Index("job_newest", "created_at"),
    )

    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    #: The caller's idempotency key, and a hash of what was submitted under it.
    key: str | None = None
    content_hash: str
    state: str
    reason: str | None = None
    #: One chain of messages; grows at each (re)start and is carried by every message.
    run: int = 1
    #: The fencing token: grows at each claim.
    epoch: int = 0
    claimed_by: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Moment)
    #: Claims since the last orderly end of a step: a job that kills its workers shows here.
    claims: int = 0
    #: Troubles in a row; the measure of the back-off.
    tries: int = 0
    #: When somebody looks at this row again.
    wake_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When a message that is under way counts as lost if a worker has died meanwhile; None
    #: if none is. Sooner than `wake_at`, which is patient with a queue that is merely long.
    overdue_at: datetime | None = Field(default=None, sa_type=Moment)
    scheduled_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The IANA zone that `scheduled_at` was given in.
    timezone: str | None = None
    #: Media id that the first segment replies to.
    reply_to: str | None = None
    error_code: str | None = None
    error_message: str | None = Field(default=None, sa_type=Text)
    error_advice: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=Moment)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)


class SegmentRow(SQLModel, table=True):
    """One Threads post of the thread."""

    __tablename__ = "segment"
    __table_args__ = (
        UniqueConstraint("job_id", "index"),
        CheckConstraint(
            "state NOT IN ('published', 'verified') OR media_id IS NOT NULL", name="live_has_id"
        ),
        # Publishes that may be in flight: a twin of one of them has to wait.
        Index(
            "segment_in_flight",
            "state",
            postgresql_where=text("state IN ('publishing', 'in_doubt')"),
            sqlite_where=text("state IN ('publishing', 'in_doubt')"),
        ),
    )

    id: str = Field(primary_key=True)
    job_id: str = Field(foreign_key="job.id", index=True)
    index: int
    text: str = Field(sa_type=Text)
    #: The container's other parameters, as `threadsworker.store.jobs` writes them.
    options: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    state: str
    media_id: str | None = Field(default=None, unique=True)
    permalink: str | None = None
    #: Media id of the post that it was published under.
    reply_to: str | None = None
    published_at: datetime | None = Field(default=None, sa_type=Moment)


class MediaRow(SQLModel, table=True):
    """One image or video of a segment."""

    __tablename__ = "media"
    __table_args__ = (
        UniqueConstraint("segment_id", "position"),
        CheckConstraint("(sha256 IS NULL) <> (url IS NULL)", name="local_or_public"),
    )

    id: str = Field(primary_key=True)
    segment_id: str = Field(foreign_key="segment.id", index=True)
    #: 1 to 20.
    position: int
    kind: str
    alt_text: str | None = Field(default=None, sa_type=Text)
    sha256: str | None = Field(default=None, index=True)
    content_type: str | None = None
    #: Bytes.
    size: int | None = None
    url: str | None = Field(default=None, sa_type=Text)


class ContainerRow(SQLModel, table=True):
    """
    One of Meta's media containers.

    The container is what makes a post happen at most once: a segment has one live
    container, and a container yields one post.
    """

    __tablename__ = "container"
    __table_args__ = (
        Index(
            "container_one_live",
            "segment_id",
            "item",
            unique=True,
            postgresql_where=text("live"),
            sqlite_where=text("live"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    segment_id: str = Field(foreign_key="segment.id", index=True)
    #: 0: the post itself; 1 to 20: a carousel item.
    item: int = 0
    #: Meta's creation id.
    threads_id: str = Field(unique=True)
    kind: str
    #: Meta's word when it was last asked.
    status: str = "IN_PROGRESS"
    live: bool = True
    #: Why it was given up.
    death: str | None = None
    created_at: datetime = Field(sa_type=Moment)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When it was first seen to read PUBLISHED.
    published_at: datetime | None = Field(default=None, sa_type=Moment)


class AttemptRow(SQLModel, table=True):
    """One authorised send of ``threads_publish``, written down before it is sent."""

    __tablename__ = "attempt"

    id: str = Field(primary_key=True)
    segment_id: str = Field(foreign_key="segment.id", index=True)
    container_id: int = Field(foreign_key="container.id", index=True)
    epoch: int
    state: str
    sent_at: datetime = Field(sa_type=Moment)
    http_status: int | None = None
    code: str | None = None


class QuotaUseRow(SQLModel, table=True):
    """What an attempt takes from the account's moving 24 hours."""

    __tablename__ = "quota_use"
    __table_args__ = (Index("quota_use_window", "account_id", "kind", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: str = Field(foreign_key="account.id")
    #: ``post``, ``reply`` or ``delete``.
    kind: str
    attempt_id: str | None = Field(default=None, foreign_key="attempt.id", unique=True)
    at: datetime = Field(sa_type=Moment)


class StagedRow(SQLModel, table=True):
    """A local medium that is made public for Meta for a while."""

    __tablename__ = "staged"
    __table_args__ = (UniqueConstraint("job_id", "sha256"),)

    id: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(foreign_key="job.id", index=True)
    sha256: str
    #: ``owner/name``, so that a file is found after the account was changed.
    repo: str
    state: str
    url: str | None = Field(default=None, sa_type=Text)


class EventRow(SQLModel, table=True):
    """What happened to a job. Append only."""

    __tablename__ = "event"

    id: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(foreign_key="job.id", index=True)
    at: datetime = Field(sa_type=Moment)
    run: int
    epoch: int
    what: str
    segment: int | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


#: Every table, for the migrations' check and for tests.
METADATA = SQLModel.metadata
