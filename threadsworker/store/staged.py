"""Staged files: local media that are public for Meta for a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import func
from sqlmodel import Session, col, select, update

from threadsworker.job import TERMINAL, StagedState
from threadsworker.store.tables import JobRow, StagedRow


def of_job(session: Session, job_id: str) -> list[StagedRow]:
    """The job's staged files."""
    return list(session.exec(select(StagedRow).where(StagedRow.job_id == job_id)).all())


def intend(session: Session, job_id: str, sha256s: Iterable[str], *, repo: str) -> None:
    """nothing | gone → intent: written down before the first byte is sent."""
    known = {row.sha256: row for row in of_job(session, job_id)}
    for sha256 in sorted(set(sha256s)):
        row = known.get(sha256)
        if row is None:
            session.add(
                StagedRow(job_id=job_id, sha256=sha256, repo=repo, state=StagedState.INTENT)
            )
        elif row.state == StagedState.GONE or row.repo != repo:
            row.state, row.repo, row.url = StagedState.INTENT, repo, None
            session.add(row)


def arrived(session: Session, job_id: str, urls: Mapping[str, str]) -> None:
    """intent → present. A fact, taken from any worker. `urls` are by sha256."""
    for sha256, url in urls.items():
        session.exec(
            update(StagedRow)
            .where(
                col(StagedRow.job_id) == job_id,
                col(StagedRow.sha256) == sha256,
                col(StagedRow.state) == StagedState.INTENT,
            )
            .values(state=StagedState.PRESENT, url=url)
        )


def gone(session: Session, job_id: str) -> None:
    """intent | present → gone. A fact: the job's branch was removed."""
    session.exec(
        update(StagedRow)
        .where(col(StagedRow.job_id) == job_id)
        .values(state=StagedState.GONE, url=None)
    )


def count(session: Session, job_id: str) -> int:
    """How many of the job's files are, or may be, public."""
    found = (
        select(func.count())
        .select_from(StagedRow)
        .where(StagedRow.job_id == job_id, StagedRow.state != StagedState.GONE)
    )
    return session.exec(found).one()


def of_ended_jobs(session: Session, *, limit: int) -> list[str]:
    """
    Ids of jobs that have ended and whose files may still be public, in no order.

    In no order, so that those that cannot be tidied up do not stand before the others.
    """
    found = (
        select(StagedRow.job_id)
        .join(JobRow, col(JobRow.id) == col(StagedRow.job_id))
        .where(StagedRow.state != StagedState.GONE, col(JobRow.state).in_(list(TERMINAL)))
        .group_by(col(StagedRow.job_id))
        .order_by(func.random())
        .limit(limit)
    )
    return list(session.exec(found).all())
