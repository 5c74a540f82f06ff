"""
The canonical job: an image, under it a carousel of two, under that a text.

Three segments hold every kind of step that there is, and a bug that needs more of them has not
been seen. The planner would fill the first segment with all media, so the segments are given.
"""

from __future__ import annotations

from functools import cache

from sqlmodel import Session

from tests.pictures import sunrise
from threadsworker.media import Inspected, Spool, inspect
from threadsworker.post import Media, Segment
from threadsworker.settings import Settings
from threadsworker.store import accounts, submission
from threadsworker.store.database import clock

TEXTS = ("A picture.", "Two pictures.", "And the end.")
#: Number of local media of each segment.
MEDIA = (1, 2, 0)


@cache
def pictures() -> tuple[Inspected, ...]:
    """All media of the job, in order; no two are the same."""
    media = [Media(sunrise(n), alt_text=f"no {n}") for n in range(sum(MEDIA))]
    inspected, problems = inspect(media)
    assert not problems
    return inspected


def spool(settings: Settings) -> None:
    """Put the job's media where a worker looks for them."""
    store = Spool(settings.spool)
    for one in pictures():
        store.put(one)


def submit(session: Session, settings: Settings, *, account: str) -> str:
    """Write the rows of a new canonical job; its id. Its first message is the caller's to send."""
    items = [one.item for one in pictures()]
    planned = []
    for index, (text, count) in enumerate(zip(TEXTS, MEDIA, strict=True)):
        first = sum(MEDIA[:index])
        planned.append(Segment(index=index, text=text, media=tuple(items[first : first + count])))
    row = submission.submit(
        session,
        account=accounts.find(session, account),
        planned=planned,
        reply_to=None,
        key=None,
        silence=settings.lease,
        now=clock(session),
    )
    return row.id
