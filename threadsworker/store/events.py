"""The event log: what happened to a job. Append only, and free of secrets and content."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select

from threadsworker.store.tables import EventRow


def record(
    session: Session,
    job_id: str,
    what: str,
    *,
    now: datetime,
    run: int,
    epoch: int = 0,
    segment: int | None = None,
    **data: Any,
) -> None:
    """Append an event. `data` is JSON: ids, codes and numbers."""
    session.add(
        EventRow(**written(job_id, what, now=now, run=run, epoch=epoch, segment=segment, **data))
    )


def written(
    job_id: str,
    what: str,
    *,
    now: datetime,
    run: int,
    epoch: int = 0,
    segment: int | None = None,
    **data: Any,
) -> dict[str, Any]:
    """The columns of an event, for whoever writes many rows at once."""
    return {
        "job_id": job_id,
        "at": now,
        "run": run,
        "epoch": epoch,
        "what": what,
        "segment": segment,
        "data": data,
    }


def record_all(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Append many events, as `written` gives them, in one statement."""
    if rows:
        session.execute(insert(EventRow), rows)


def last(session: Session, job_id: str, among: Sequence[str]) -> EventRow | None:
    """The newest of the job's events that is one of `among`."""
    found = (
        select(EventRow)
        .where(EventRow.job_id == job_id, col(EventRow.what).in_(list(among)))
        .order_by(col(EventRow.id).desc())
        .limit(1)
    )
    return session.exec(found).first()


def of_job(session: Session, job_id: str) -> list[EventRow]:
    """The job's events, oldest first."""
    found = select(EventRow).where(EventRow.job_id == job_id).order_by(EventRow.id)  # type: ignore[arg-type]
    return list(session.exec(found).all())
