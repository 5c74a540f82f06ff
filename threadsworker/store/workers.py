"""
Workers: which processes are at work, so that the death of one is noticed within seconds.

Nothing depends on this for safety. A worker that is only slow, and is taken for dead, loses
its claims and decides nothing from then on.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists
from sqlmodel import Session, col, delete, select, update

from threadsworker.store.tables import WorkerRow


def beat(session: Session, worker: str, *, now: datetime, host: str | None = None) -> None:
    """nothing | seen → seen now."""
    seen = session.exec(update(WorkerRow).where(col(WorkerRow.id) == worker).values(seen_at=now))
    if seen.rowcount == 0:
        session.add(WorkerRow(id=worker, host=host, started_at=now, seen_at=now))


def alive(session: Session, *, since: datetime) -> list[WorkerRow]:
    """The processes that were seen at `since` or later, the last seen first."""
    found = select(WorkerRow).where(WorkerRow.seen_at >= since)
    return list(session.exec(found.order_by(col(WorkerRow.seen_at).desc())).all())


def is_any_alive(session: Session, *, since: datetime) -> bool:
    """Whether a worker was seen at `since` or later."""
    return session.exec(select(exists().where(col(WorkerRow.seen_at) >= since))).one()


def leave(session: Session, worker: str) -> None:
    """seen → nothing: it ended in order, and left nothing undone."""
    session.exec(delete(WorkerRow).where(col(WorkerRow.id) == worker))


def leave_all(session: Session, family: str) -> list[str]:
    """seen → nothing, for the processes of one worker: the ids of those that had not left."""
    gone = session.exec(
        delete(WorkerRow)
        .where(col(WorkerRow.id).startswith(family, autoescape=True))
        .returning(col(WorkerRow.id))
    ).all()
    return [row[0] for row in gone]


def silent(session: Session, *, since: datetime) -> list[str]:
    """seen before `since` → nothing: the ids of workers that count as dead, told once."""
    gone = session.exec(
        delete(WorkerRow).where(col(WorkerRow.seen_at) < since).returning(col(WorkerRow.id))
    ).all()
    return [row[0] for row in gone]
