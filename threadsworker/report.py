"""
What a caller is told about jobs, schedules and accounts: the shapes of the Python API and of
``--json``.

Times are aware datetimes in UTC; in JSON they are ISO 8601. All ids are strings. No text
of an error or event here holds a secret.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from threadsworker.job import JobState, SegmentState
from threadsworker.notice import DeliveryState, NoticeEvent, TargetKind
from threadsworker.post import MediaKind


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class MediaReport(_Report):
    kind: MediaKind
    alt_text: str | None
    #: Of a local file; None for a public URL.
    sha256: str | None
    #: Of a public medium; None for a local file.
    url: str | None


class SegmentReport(_Report):
    index: int
    text: str
    state: SegmentState
    container_id: str | None
    media_id: str | None
    permalink: str | None
    #: Media id of the post that it replies to; None for a root, and while that is not live.
    reply_to: str | None
    #: What is set of its other parameters, by the names of `Segment`: ``{"topic": "sea"}``.
    options: dict[str, Any] = {}
    media: tuple[MediaReport, ...]
    #: When `Client.delete` took it from Threads; None: it did not.
    deleted_at: datetime | None = None


class Problem(_Report):
    """Why a job failed or needs a person."""

    code: str
    message: str
    advice: str


class EventReport(_Report):
    at: datetime
    what: str
    run: int
    segment: int | None
    data: dict[str, Any]


class JobSummary(_Report):
    """A job without its segments, as `Client.jobs` lists it."""

    id: str
    account: str
    state: JobState
    #: Why it waits, if it does.
    reason: str | None
    error: Problem | None
    #: Grows by one at each (re)start.
    run: int
    scheduled_at: datetime | None
    #: The zone that `scheduled_at` was given in.
    timezone: str | None
    #: Grows by one at each `edit`.
    revision: int
    created_at: datetime
    finished_at: datetime | None


class Job(JobSummary):
    """A job with all that is known of it, as `Client.get` gives it."""

    segments: tuple[SegmentReport, ...]
    #: Local files that are public at this moment.
    staged_files: int
    events: tuple[EventReport, ...]

    @property
    def media_ids(self) -> tuple[str, ...]:
        """Of the segments that are live, in order."""
        return tuple(
            s.media_id for s in self.segments if s.media_id is not None and s.deleted_at is None
        )


class Schedule(_Report):
    """A recurring post, as `Client.schedules` lists it."""

    name: str
    account: str
    #: One of the two: five fields of cron, or seconds between two occurrences.
    cron: str | None
    every: float | None
    #: IANA name.
    timezone: str
    #: The first possible occurrence, and the last.
    starts_at: datetime
    ends_at: datetime | None
    #: Occurrences at most, and how many of them became jobs so far.
    count: int | None
    made: int
    #: Seconds by which a post is later than its occurrence at most, at random.
    jitter: float
    late: str
    order: str
    #: The texts of each post's segments.
    posts: tuple[tuple[str, ...], ...]
    #: When a person paused it.
    paused_at: datetime | None
    #: The next occurrence; None: there is none, or it is paused.
    next_at: datetime | None
    created_at: datetime


class Enqueued(_Report):
    """What became of one of many posts, as `Client.enqueue_all` gives it."""

    #: The job's; None if nothing was to be stored.
    id: str | None
    account: str
    #: The idempotency key.
    key: str | None
    state: JobState
    scheduled_at: datetime | None
    #: The zone that `scheduled_at` was given in.
    timezone: str | None
    #: How many.
    segments: int
    #: False: the job was there before, under the same key.
    new: bool


class Account(_Report):
    """An account as far as it may be shown: no token."""

    name: str
    user_id: str
    status: str
    github_repo: str | None
    token_expires_at: datetime | None
    #: When Meta made the token, and when it was last refreshed by us.
    token_issued_at: datetime | None
    token_refreshed_at: datetime | None
    #: When the token is looked at next, and how often a refresh failed in a row.
    refresh_at: datetime | None
    refresh_tries: int
    #: What its owner allowed, and when Meta was asked; None: it was not.
    scopes: tuple[str, ...] | None
    token_checked_at: datetime | None
    #: Why it needs to be reconnected, if it does.
    disconnected_because: str | None
    #: When a person paused it.
    paused_at: datetime | None
    #: Meta asked for a pause until then; and GitHub.
    paused_until: datetime | None
    github_paused_until: datetime | None
    created_at: datetime


class Quota(_Report):
    """One publishing quota of an account, in a moving window."""

    #: ``post``, ``reply`` or ``delete``.
    kind: str
    total: int
    used: int
    #: Set aside for threads that have begun.
    reserved: int
    free: int
    #: Seconds of the window.
    window: float
    #: When there may be room for another one; None if there is some now.
    opens_at: datetime | None


class Quotas(_Report):
    """An account's publishing quotas."""

    account: str
    quotas: tuple[Quota, ...]
    #: When Meta was last asked; None if it never answered.
    told_at: datetime | None


class Subscription(_Report):
    """Who is told of what, as `Client.subscriptions` lists it."""

    id: str
    #: See `threadsworker.notice`.
    target: str
    kind: TargetKind
    #: None: all accounts.
    account: str | None
    #: Empty: all events.
    events: tuple[NoticeEvent, ...]
    #: ``active`` or ``paused``.
    state: str
    #: Why it is paused: ``paused`` by a person, or ``gone``: its receiver answered 410.
    reason: str | None
    #: What signs the deliveries. Shown once, when it is new.
    secret: str | None = Field(repr=False)
    created_at: datetime


class Delivery(_Report):
    """What became of one event for one subscription, as `Client.deliveries` lists it."""

    id: str
    #: The subscription's id, and its target.
    subscription: str
    target: str
    account: str | None
    event: NoticeEvent
    state: DeliveryState
    tries: int
    #: HTTP status of the last try; None if there was no answer, or no request.
    last_status: int | None
    last_error: str | None
    #: What is sent.
    body: dict[str, Any]
    created_at: datetime
    last_tried_at: datetime | None
    #: When it is tried next.
    due_at: datetime | None
    ended_at: datetime | None


class Key(_Report):
    """One of the keys that stored secrets are sealed with."""

    #: Tells it from the others, and nothing else of it.
    id: str
    #: Whether it is the one that seals; the others only open.
    seals: bool
    #: How many stored secrets it opens.
    values: int


class Keys(_Report):
    """The keys of an installation, as `threadsworker keys` shows them."""

    #: The key file, or the variable that holds them.
    where: str
    #: The one that seals comes first.
    keys: tuple[Key, ...]
    #: Stored secrets that none of them opens.
    unreadable: int
    #: Secrets that were sealed anew just now.
    resealed: int
