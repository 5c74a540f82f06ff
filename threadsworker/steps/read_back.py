"""Read a published segment back: is it visible, and under the right parent?"""

from __future__ import annotations

from dataclasses import dataclass

from threadsworker.errors import NotReady, RequestRefused
from threadsworker.job import Done, Outcome, Review, Trouble, Wait, WaitReason
from threadsworker.steps.desk import Desk
from threadsworker.steps.observe import patience
from threadsworker.steps.troubles import lag, trouble_of
from threadsworker.steps.work import Work
from threadsworker.store import segments
from threadsworker.store.database import clock
from threadsworker.store.tables import SegmentRow
from threadsworker.threads_api import MediaObject, ThreadsApi

#: Seconds to the next look at a post that is live and not visible yet. A few seconds were
#: seen. After the last the post is taken to be gone: deleted, or hidden by moderation.
VISIBLE_LAG = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
#: "Object does not exist, or you may not see it".
_NO_SUCH_POST = (100, 33)
FIELDS = ("id", "permalink", "is_reply", "replied_to", "root_post")


@dataclass(frozen=True)
class Seen:
    """The segment was seen where it belongs."""

    permalink: str | None


def look_back(api: ThreadsApi, row: SegmentRow) -> Seen | Review:
    """
    Read a segment that is live, which is one call.

    Meta has published video replies as posts of their own, with HTTP 200. A chain does not
    go on below a post that hangs in the wrong place.

    Raises
    ------
    ApiError, NoAnswer:
        It is not visible, or not yet.
    """
    assert row.media_id is not None
    post = api.media(row.media_id, fields=FIELDS)
    if row.reply_to is not None and _is_detached(post, row.reply_to):
        return Review(
            Trouble(
                code="reply_detached",
                message=f"segment {row.index} is live as {row.media_id}, and not under "
                f"{row.reply_to}",
                advice="Delete it and retry from here, or accept it where it is.",
            )
        )
    return Seen(post.permalink)


def read_back(desk: Desk, api: ThreadsApi, row: SegmentRow) -> Outcome:
    """Done when the segment was seen where it belongs, or is gone for good."""
    try:
        found = look_back(api, row)
    except (NotReady, RequestRefused) as error:
        return _not_seen(desk, row, error)
    return found if isinstance(found, Review) else _seen(desk, row, permalink=found.permalink)


def unseen_above(desk: Desk, api: ThreadsApi, work: Work) -> Outcome | None:
    """What keeps `work` from going on below the segment before: it has to be seen there first."""
    if not work.is_below_unseen:
        return None
    assert work.before is not None
    outcome = read_back(desk, api, work.before)
    return None if isinstance(outcome, Done) else outcome


def _not_seen(desk: Desk, row: SegmentRow, error: NotReady | RequestRefused) -> Outcome:
    with desk.reading() as session:
        now = clock(session)
    age = now - (row.published_at or now)
    pause = lag(age, VISIBLE_LAG)
    if pause is not None:
        return Wait(delay=pause, reason=WaitReason.PROCESSING)
    if isinstance(error, NotReady) or (error.code, error.subcode) == _NO_SUCH_POST:
        return _seen(desk, row, permalink=None)
    # It may be there, and in the wrong place: reading it is what is refused.
    return Wait(delay=patience(age), reason=WaitReason.BACKOFF, trouble=trouble_of(error))


def _is_detached(post: MediaObject, parent: str) -> bool:
    """Meta says that it is no reply, or one to another post. Silence proves nothing."""
    if post.replied_to is not None:
        return post.replied_to.id != parent
    return post.is_reply is False


def _seen(desk: Desk, row: SegmentRow, *, permalink: str | None) -> Outcome:
    with desk.transaction() as session:
        segments.verified(session, row.id, permalink=permalink)
    return Done(said=f"published {row.media_id}")
