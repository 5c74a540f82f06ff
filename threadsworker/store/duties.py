"""Beat's duties: when each was last done, so that a dead beat is seen."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from threadsworker.store.tables import DutyRow


def done(session: Session, name: str, *, now: datetime) -> timedelta | None:
    """The duty is done now; how long after the last time, None if it is the first."""
    before = last_done(session, name)
    if before is None:
        # Of two beats that begin at once the other one may have been faster.
        with suppress(IntegrityError), session.begin_nested():
            session.add(DutyRow(name=name, done_at=now))
        return None
    session.exec(update(DutyRow).where(col(DutyRow.name) == name).values(done_at=now))
    return now - before


def last_done(session: Session, name: str) -> datetime | None:
    """When the duty was last done; None: never."""
    return session.exec(select(DutyRow.done_at).where(DutyRow.name == name)).first()
