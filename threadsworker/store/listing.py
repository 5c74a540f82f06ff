"""Jobs by what is known of them, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from threadsworker.job import RESTING, JobState
from threadsworker.store.tables import JobRow

#: Keys that one statement looks for: databases have limits.
_CHUNK = 500


def with_keys(session: Session, account_id: str, keys: Sequence[str]) -> dict[str, JobRow]:
    """The account's jobs of those idempotency keys, by key."""
    found: dict[str, JobRow] = {}
    for start in range(0, len(keys), _CHUNK):
        chunk = list(keys[start : start + _CHUNK])
        chosen = select(JobRow).where(JobRow.account_id == account_id, col(JobRow.key).in_(chunk))
        found |= {row.key: row for row in session.exec(chosen).all() if row.key is not None}
    return found


def moments(session: Session, account_id: str) -> list[datetime]:
    """When posts of the account are scheduled that are not at rest."""
    found = select(JobRow.scheduled_at).where(
        JobRow.account_id == account_id,
        col(JobRow.state).not_in(list(RESTING)),
        col(JobRow.scheduled_at).is_not(None),
    )
    return [at for at in session.exec(found).all() if at is not None]


def failed(session: Session, *, since: datetime | None, account_id: str | None) -> list[str]:
    """Ids of jobs that failed, since that moment if one is given, the oldest failure first."""
    found = (
        select(JobRow.id)
        .where(JobRow.state == JobState.FAILED)
        .order_by(col(JobRow.finished_at), col(JobRow.id))
    )
    if since is not None:
        found = found.where(col(JobRow.finished_at) >= since)
    if account_id is not None:
        found = found.where(JobRow.account_id == account_id)
    return list(session.exec(found).all())
