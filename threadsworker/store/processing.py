"""How long Meta worked on containers, as far as the looks at them tell."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from threadsworker.polling import Seen
from threadsworker.store.tables import ContainerRow

#: How far the search goes back, in containers of any kind. An index by kind would cost
#: every insert. Kinds too rare to be among these keep their belief.
REACH = 1000


def recent(session: Session, kind: str, limit: int) -> list[Seen]:
    """
    Between which ages the newest containers of `kind` became ready, newest first.

    Of all accounts: what Meta needs depends on the kind and not on the account.
    """
    # A limit and not a condition on the id: that is a plan which PostgreSQL cannot miss.
    newest = select(ContainerRow).order_by(col(ContainerRow.id).desc()).limit(REACH).subquery()
    found = session.exec(
        select(
            newest.c.segment_id,
            newest.c.created_at,
            newest.c.in_progress_at,
            newest.c.finished_at,
        )
        .where(newest.c.kind == kind, newest.c.finished_at.is_not(None))
        .order_by(newest.c.id.desc())
        .limit(limit)
    ).all()
    first_ready: dict[str, datetime] = {}
    for segment_id, _, _, finished_at in found:
        first_ready[segment_id] = min(finished_at, first_ready.get(segment_id, finished_at))
    return [
        _seen(created_at, in_progress_at, finished_at)
        for segment_id, created_at, in_progress_at, finished_at in found
        # Carousel items are looked at together. One whose look gave no answer at first, and that
        # was never seen at work, may have been ready for long.
        if in_progress_at is not None or finished_at == first_ready[segment_id]
    ]


def _seen(created_at: datetime, in_progress_at: datetime | None, finished_at: datetime) -> Seen:
    # The clock may have been set back meanwhile.
    ready = max(0.0, (finished_at - created_at).total_seconds())
    if in_progress_at is None:
        return Seen(unready=0.0, ready=ready)
    return Seen(
        unready=min(max(0.0, (in_progress_at - created_at).total_seconds()), ready), ready=ready
    )
