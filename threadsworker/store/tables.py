"""
The rows. Constraints that keep the promises live here, in the database.

SQLModel's table classes validate nothing: what an author gives is validated by
`threadsworker.plan`, and what must never be is forbidden by the constraints below.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import Field

from threadsworker.job import RESTING
from threadsworker.store.account_row import AccountRow as AccountRow
from threadsworker.store.account_row import PublishingLimitRow as PublishingLimitRow
from threadsworker.store.moment import Moment
from threadsworker.store.row import METADATA as METADATA
from threadsworker.store.row import Row


def _in(states: frozenset[Any]) -> str:
    return ", ".join(sorted(f"'{state}'" for state in states))


class WorkerRow(Row, table=True):
    """A worker process that is at work, or was until a moment ago."""

    __tablename__ = "threadsworker_worker"

    id: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=Moment)
    seen_at: datetime = Field(sa_type=Moment)
    #: The name of its machine, or of its container; None in rows of older versions.
    host: str | None = None


class GenerationRow(Row, table=True):
    """That the database was restored from a backup, see `threadsworker.store.generations`."""

    __tablename__ = "threadsworker_generation"

    number: int = Field(primary_key=True)
    began_at: datetime = Field(sa_type=Moment)
    #: The moment of the backup: what was written between it and `began_at` is lost.
    backup_from: datetime = Field(sa_type=Moment)


class JobRow(Row, table=True):
    """Publish one post for one account."""

    __tablename__ = "threadsworker_job"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        # No job is ever forgotten: whatever is not at rest has a time at which somebody
        # looks at it again.
        CheckConstraint(f"state IN ({_in(RESTING)}) OR wake_at IS NOT NULL", name="looked_at"),
        CheckConstraint("state <> 'waiting' OR reason IS NOT NULL", name="waiting_has_reason"),
        Index(
            "threadsworker_job_due",
            "wake_at",
            postgresql_where=text("wake_at IS NOT NULL"),
            sqlite_where=text("wake_at IS NOT NULL"),
        ),
        Index("threadsworker_job_newest", "created_at"),
        # One account's jobs: those due, those that somebody or a message works on, those
        # that hold a reservation.
        Index("threadsworker_job_of_account", "account_id", "wake_at"),
        # One job per occurrence of a schedule, whoever makes it and however often.
        Index("threadsworker_job_of_occurrence", "schedule_id", "occurrence", unique=True),
        Index(
            "threadsworker_job_under_way",
            "account_id",
            postgresql_where=text("overdue_at IS NOT NULL OR lease_until IS NOT NULL"),
            sqlite_where=text("overdue_at IS NOT NULL OR lease_until IS NOT NULL"),
        ),
        Index(
            "threadsworker_job_reserved",
            "account_id",
            postgresql_where=text("reserved_at IS NOT NULL"),
            sqlite_where=text("reserved_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="threadsworker_account.id")
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
    #: When it is too late to begin, by policy; None: never.
    missed_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The schedule that made it, which may be gone since, and the moment that it is for.
    schedule_id: str | None = None
    occurrence: datetime | None = Field(default=None, sa_type=Moment)
    #: Grows when the post is changed.
    revision: int = 1
    #: Since when room in the quota is set aside for the segments that were not sent yet.
    reserved_at: datetime | None = Field(default=None, sa_type=Moment)
    #: As in `AccountRow`; None: as the account has it.
    check_quota: bool | None = None
    wait_on_quota: bool | None = None
    #: Seconds between two segments, and the most that is added to them at random.
    pace: float = 0.0
    pace_jitter: float = 0.0
    #: Media id that the first segment replies to.
    reply_to: str | None = None
    error_code: str | None = None
    error_message: str | None = Field(default=None, sa_type=Text)
    error_advice: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=Moment)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)


class SegmentRow(Row, table=True):
    """One Threads post of the thread."""

    __tablename__ = "threadsworker_segment"
    __table_args__ = (
        UniqueConstraint("job_id", "index"),
        CheckConstraint(
            "state NOT IN ('published', 'verified') OR media_id IS NOT NULL", name="live_has_id"
        ),
        # Publishes that may be in flight: a twin of one of them has to wait.
        Index(
            "threadsworker_segment_in_flight",
            "state",
            postgresql_where=text("state IN ('publishing', 'in_doubt')"),
            sqlite_where=text("state IN ('publishing', 'in_doubt')"),
        ),
    )

    id: str = Field(primary_key=True)
    job_id: str = Field(foreign_key="threadsworker_job.id", index=True)
    index: int
    text: str = Field(sa_type=Text)
    #: The same for texts that could not be told apart in a listing; None in old rows.
    likeness: str | None = None
    #: The container's other parameters, as `threadsworker.store.jobs` writes them.
    options: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    state: str
    media_id: str | None = Field(default=None, unique=True)
    permalink: str | None = None
    #: Media id of the post that it was published under.
    reply_to: str | None = None
    published_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Since when the account's posts are looked at for this one before it is made, because a
    #: restored database may have forgotten that it was; None: there is no such doubt.
    audit_from: datetime | None = Field(default=None, sa_type=Moment)


class MediaRow(Row, table=True):
    """One image or video of a segment."""

    __tablename__ = "threadsworker_media"
    __table_args__ = (
        UniqueConstraint("segment_id", "position"),
        CheckConstraint("(sha256 IS NULL) <> (url IS NULL)", name="local_or_public"),
    )

    id: str = Field(primary_key=True)
    segment_id: str = Field(foreign_key="threadsworker_segment.id", index=True)
    #: 1 to 20.
    position: int
    kind: str
    alt_text: str | None = Field(default=None, sa_type=Text)
    sha256: str | None = Field(default=None, index=True)
    content_type: str | None = None
    #: Bytes.
    size: int | None = None
    url: str | None = Field(default=None, sa_type=Text)


class ContainerRow(Row, table=True):
    """
    One of Meta's media containers.

    The container is what makes a post happen at most once: a segment has one live
    container, and a container yields one post.
    """

    __tablename__ = "threadsworker_container"
    __table_args__ = (
        Index(
            "threadsworker_container_one_live",
            "segment_id",
            "item",
            unique=True,
            postgresql_where=text("live"),
            sqlite_where=text("live"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    segment_id: str = Field(foreign_key="threadsworker_segment.id", index=True)
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
    #: When it was last seen to read IN_PROGRESS, and first seen to read FINISHED.
    in_progress_at: datetime | None = Field(default=None, sa_type=Moment)
    finished_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When it was first seen to read PUBLISHED.
    published_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When a backup was restored that knew it: a publish of it may have been forgotten.
    restored_at: datetime | None = Field(default=None, sa_type=Moment)


class AttemptRow(Row, table=True):
    """One authorised send of ``threads_publish``, written down before it is sent."""

    __tablename__ = "threadsworker_attempt"

    id: str = Field(primary_key=True)
    segment_id: str = Field(foreign_key="threadsworker_segment.id", index=True)
    container_id: int = Field(foreign_key="threadsworker_container.id", index=True)
    epoch: int
    state: str
    sent_at: datetime = Field(sa_type=Moment)
    http_status: int | None = None
    code: str | None = None


class QuotaUseRow(Row, table=True):
    """What an attempt takes from the account's moving 24 hours."""

    __tablename__ = "threadsworker_quota_use"
    __table_args__ = (Index("threadsworker_quota_use_window", "account_id", "kind", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    account_id: str = Field(foreign_key="threadsworker_account.id")
    #: ``post``, ``reply`` or ``delete``.
    kind: str
    attempt_id: str | None = Field(
        default=None, foreign_key="threadsworker_attempt.id", unique=True
    )
    at: datetime = Field(sa_type=Moment)


class ScheduleRow(Row, table=True):
    """A recurring post. `threadsworker.recurrence` knows when, `store.schedules` what."""

    __tablename__ = "threadsworker_schedule"
    __table_args__ = (
        CheckConstraint("(cron IS NULL) <> (every IS NULL)", name="cron_or_every"),
        Index(
            "threadsworker_schedule_next",
            "next_at",
            postgresql_where=text("next_at IS NOT NULL"),
            sqlite_where=text("next_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    account_id: str = Field(foreign_key="threadsworker_account.id", index=True)
    #: Five fields of cron, or seconds between two occurrences.
    cron: str | None = None
    every: float | None = None
    #: IANA name.
    timezone: str
    #: The first possible occurrence, from which `every` counts; and the last possible one.
    anchor: datetime = Field(sa_type=Moment)
    ends_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Occurrences at most, and made so far.
    most: int | None = None
    made: int = 0
    #: Seconds by which a post is later than its occurrence at most, at random.
    jitter: float = 0.0
    #: What becomes of occurrences that nobody made in time: ``skip`` or ``latest``.
    late: str = "skip"
    #: ``turn`` or ``random``.
    order: str = "turn"
    #: The posts: what `store.schedules` makes of a `Variant`.
    posts: list[Any] = Field(default_factory=list, sa_type=JSON)
    #: Indices of `posts` that come next, and the one that came last.
    deck: list[int] = Field(default_factory=list, sa_type=JSON)
    last_post: int | None = None
    paused_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The next occurrence; None: there is none.
    next_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)


class DutyRow(Row, table=True):
    """When one of beat's duties was last done."""

    __tablename__ = "threadsworker_duty"

    name: str = Field(primary_key=True)
    done_at: datetime = Field(sa_type=Moment)


class StagedRow(Row, table=True):
    """A local medium that is made public for Meta for a while."""

    __tablename__ = "threadsworker_staged"
    __table_args__ = (UniqueConstraint("job_id", "sha256"),)

    id: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(foreign_key="threadsworker_job.id", index=True)
    sha256: str
    #: ``owner/name``, so that a file is found after the account was changed.
    repo: str
    state: str
    url: str | None = Field(default=None, sa_type=Text)


class EventRow(Row, table=True):
    """What happened to a job. Append only."""

    __tablename__ = "threadsworker_event"

    id: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(foreign_key="threadsworker_job.id", index=True)
    at: datetime = Field(sa_type=Moment)
    run: int
    epoch: int
    what: str
    segment: int | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
