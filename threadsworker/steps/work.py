"""What a step has to know of one segment, read in one go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from threadsworker.job import LIVE, StagedState
from threadsworker.notice import NoticeEvent
from threadsworker.post import MediaItem, Segment
from threadsworker.steps.desk import Desk
from threadsworker.store import containers, jobs, notices, removal, segments, staged, standing
from threadsworker.store.accounts import Credentials
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.store.quota import Kind
from threadsworker.store.submission import planned_segment
from threadsworker.store.tables import AttemptRow, ContainerRow, SegmentRow


@dataclass(frozen=True)
class Work:
    """One segment with all that belongs to it."""

    row: SegmentRow
    planned: Segment
    #: Live containers by item; 0 is the post itself.
    containers: dict[int, ContainerRow]
    #: Attempts to publish the live container, oldest first.
    attempts: list[AttemptRow]
    #: Media id that the segment replies to; None for the root of a thread.
    reply_to: str | None
    #: When that was published, if it is a segment of the same thread.
    parent_at: datetime | None
    #: When the thread shall begin; None: at once.
    scheduled_at: datetime | None
    #: The same, or when it was submitted.
    due_at: datetime
    #: Seconds between two segments, and what is added at random at most.
    pace: float
    pace_jitter: float
    #: Public URLs of local media, by sha256.
    staged: dict[str, str]

    @property
    def quota(self) -> Kind:
        """Which quota it takes from."""
        return "reply" if self.reply_to is not None else "post"

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
        if not removal.begun(session, claim.job_id):
            jobs.told(session, claim.job_id, now=now)
        notices.tell(
            session,
            NoticeEvent.SEGMENT_PUBLISHED,
            claim.job_id,
            now=now,
            index=work.row.index,
            media_id=media_id,
        )
        return now - work.due_at if work.row.index == 0 else None
    if segments.at(session, claim.job_id, work.row.index).media_id != media_id:
        # A container has become two posts: what all of this rests upon does not hold.
        jobs.record(
            session, claim, "second_post", now=now, segment=work.row.index, media_id=media_id
        )
    return None


def record_share(session: Session, claim: Claim, work: Work, status: str) -> None:
    """Keep what Meta says of sharing the segment to Instagram. It changes nothing of the post."""
    now = clock(session)
    what = "instagram_share"
    jobs.record(session, claim, what, now=now, segment=work.row.index, status=status)


def load(desk: Desk, claim: Claim, index: int) -> tuple[Work, Credentials]:
    """Segment `index` of the claimed job, and the account's tokens."""
    found, account = load_from(desk, claim, index, only=True)
    return found[0], account


def load_from(
    desk: Desk, claim: Claim, index: int, *, only: bool = False
) -> tuple[list[Work], Credentials]:
    """Segment `index` and those after it, and the account's tokens."""
    with desk.reading() as session:
        job = jobs.find(session, claim.job_id)
        rows = segments.from_index(session, claim.job_id, index - 1, only=only)
        before = {row.index: row for row in rows}
        wanted = [row for row in rows if row.index >= index]
        media = segments.media_of(session, wanted)
        urls = {
            row.sha256: row.url
            for row in staged.of_job(session, claim.job_id)
            if row.state == StagedState.PRESENT and row.url is not None
        }
        made = containers.live_of(session, [row.id for row in wanted])
        found = []
        for row in wanted:
            live = made[row.id]
            attempts = containers.attempts(session, live[0].id) if 0 in live and live[0].id else []
            found.append(
                Work(
                    row=row,
                    planned=planned_segment(row, media[row.id]),
                    containers=live,
                    attempts=attempts,
                    reply_to=before[row.index - 1].media_id if row.index else job.reply_to,
                    parent_at=before[row.index - 1].published_at if row.index else None,
                    scheduled_at=job.scheduled_at,
                    due_at=job.scheduled_at or job.created_at,
                    pace=job.pace,
                    pace_jitter=job.pace_jitter,
                    staged=urls,
                )
            )
        return found, desk.credentials(session, claim.account_id)
