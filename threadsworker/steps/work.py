"""What a step has to know of one segment, read in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial

from sqlmodel import Session

from threadsworker.job import LIVE, SegmentState, StagedState
from threadsworker.notice import NoticeEvent
from threadsworker.post import MediaItem, Segment
from threadsworker.steps.desk import Desk
from threadsworker.store import (
    containers,
    jobs,
    notices,
    removal,
    segments,
    situation,
    staged,
    standing,
)
from threadsworker.store.accounts import Credentials
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.store.quota import Kind
from threadsworker.store.situation import Situation
from threadsworker.store.submission import planned_segment
from threadsworker.store.tables import AttemptRow, ContainerRow, JobRow, MediaRow, SegmentRow


@dataclass(frozen=True)
class Work:
    """One segment with all that belongs to it, as it was when it was read."""

    #: When that was.
    now: datetime
    job: JobRow
    row: SegmentRow
    #: The segment that it replies to; None for the first.
    before: SegmentRow | None
    #: The account's name, the version of its token, and its tokens when they are asked for: a key
    #: may not fit.
    account_name: str
    token_version: int
    open_account: Callable[[], Credentials]
    #: Live containers by item; 0 is the post itself.
    containers: dict[int, ContainerRow]
    #: Attempts to publish the live container, oldest first.
    attempts: list[AttemptRow]
    #: Whether a video is among its media.
    has_film: bool
    #: Whether there are carousels from the first segment on; False for all but the first.
    has_carousels_ahead: bool
    #: Whether a video is among the media of the segment before, and that is a reply.
    is_below_film: bool
    #: How many containers were made for the post itself so far.
    made: int
    #: None: they were not read.
    media: Sequence[MediaRow] | None
    #: Public URLs of local media, by sha256.
    staged: dict[str, str]

    @property
    def epoch(self) -> int:
        return self.job.epoch

    @cached_property
    def account(self) -> Credentials:
        """
        Raises
        ------
        InvalidSettings:
            The tokens are sealed with another key.
        """
        return self.open_account()

    @cached_property
    def planned(self) -> Segment:
        assert self.media is not None
        return planned_segment(self.row, self.media)

    @property
    def reply_to(self) -> str | None:
        """Media id that the segment replies to; None for the root of a thread."""
        return self.before.media_id if self.before else self.job.reply_to

    @property
    def parent_at(self) -> datetime | None:
        """When that was published, if it is a segment of the same thread."""
        return self.before.published_at if self.before else None

    @property
    def due_at(self) -> datetime:
        """When the thread shall begin, or when it was submitted."""
        return self.job.scheduled_at or self.job.created_at

    @property
    def quota(self) -> Kind:
        """Which quota it takes from."""
        return "reply" if self.reply_to is not None else "post"

    @property
    def is_below_unseen(self) -> bool:
        """Whether the segment before is live and was not read back yet."""
        return self.before is not None and self.before.state == SegmentState.PUBLISHED

    @property
    def live(self) -> bool:
        return self.row.state in LIVE

    @property
    def container(self) -> ContainerRow | None:
        return self.containers.get(0)

    @property
    def kind(self) -> str:
        """``text``, ``image``, ``video`` or ``carousel``."""
        media = self.planned.media
        if len(media) > 1:
            return "carousel"
        return media[0].kind.value if media else "text"

    def url(self, item: MediaItem) -> str:
        """Where Meta fetches the medium."""
        if item.url is not None:
            return item.url
        assert item.sha256 is not None
        return self.staged[item.sha256]


def record_live(
    session: Session, claim: Claim, work: Work, media_id: str, what: str
) -> timedelta | None:
    """
    Keep that the segment is live, and as what: a fact, the first of which is kept.

    How late it is, if it is the first of its thread and this is the first to tell.
    """
    now = clock(session)
    if segments.published(session, work.row.id, media_id=media_id, reply_to=work.reply_to, now=now):
        jobs.record(session, claim, what, now=now, segment=work.row.index, media_id=media_id)
        standing.proven(session, claim.account_id)
        let_know(session, claim, now=now)
        told = {"index": work.row.index, "media_id": media_id}
        notices.tell(session, NoticeEvent.SEGMENT_PUBLISHED, claim.job_id, now=now, **told)
        return now - work.due_at if work.row.index == 0 else None
    note_second_post(session, claim, work, media_id, now=now)
    return None


def let_know(session: Session, claim: Claim, *, now: datetime) -> None:
    """What a person may be asked about by now is known: the job is looked at again."""
    if not removal.begun(session, claim.job_id):
        jobs.told(session, claim.job_id, now=now)


def note_second_post(
    session: Session, claim: Claim, work: Work, media_id: str, *, now: datetime
) -> None:
    """If a container has become two posts, what all of this rests upon does not hold."""
    index = work.row.index
    if segments.at(session, claim.job_id, index).media_id != media_id:
        jobs.record(session, claim, "second_post", now=now, segment=index, media_id=media_id)


def record_share(session: Session, claim: Claim, work: Work, status: str) -> None:
    """Keep what Meta says of sharing the segment to Instagram. It changes nothing of the post."""
    now = clock(session)
    what = "instagram_share"
    jobs.record(session, claim, what, now=now, segment=work.row.index, status=status)


def see(
    desk: Desk, job_id: str, run: int, index: int | None, *, media: bool = False
) -> Work | None:
    """
    Segment `index` of the job, with its `media` if they are wanted, without a claim.

    None if the job is not there to be claimed for this run.
    """
    assert index is not None
    with desk.reading() as session:
        found = situation.find(session, job_id, index)
        if found is None or found.job.run != run or not found.is_free:
            return None
        return _work(desk, session, found, media=media)


def load(desk: Desk, claim: Claim, index: int) -> Work:
    """Segment `index` of the claimed job, with its media."""
    with desk.reading() as session:
        found = situation.find(session, claim.job_id, index)
        assert found is not None
        return _work(desk, session, found, media=True)


def load_after(desk: Desk, claim: Claim, work: Work) -> list[Work]:
    """The segments after this one, with their media, for what can be done ahead."""
    with desk.reading() as session:
        rows = segments.from_index(session, claim.job_id, work.row.index + 1)
        media = segments.media_of(session, rows)
        made = containers.live_of(session, [row.id for row in rows])
        urls = {
            row.sha256: row.url
            for row in staged.of_job(session, claim.job_id)
            if row.state == StagedState.PRESENT and row.url is not None
        }
    return [
        replace(
            work,
            row=row,
            before=None,
            containers=made[row.id],
            attempts=[],
            media=media[row.id],
            staged=urls,
        )
        for row in rows
    ]


def _work(desk: Desk, session: Session, found: Situation, *, media: bool) -> Work:
    read: tuple[list[MediaRow], dict[str, str]] = ([], {})
    if media and found.has_media:
        read = situation.media_of(session, found.segment.id)
    return Work(
        now=found.now,
        job=found.job,
        row=found.segment,
        before=found.before,
        account_name=found.account.name,
        token_version=found.account.token_version,
        open_account=partial(desk.credentials_of, found.account, now=found.now),
        containers=found.containers,
        attempts=found.attempts,
        has_film=found.has_film,
        has_carousels_ahead=found.has_carousels_ahead,
        is_below_film=found.is_below_film
        and found.before is not None
        and found.before.reply_to is not None,
        made=found.made,
        media=read[0] if media or not found.has_media else None,
        staged=read[1],
    )
