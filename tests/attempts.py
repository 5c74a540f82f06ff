"""Attempts to publish, as rows: for tests of what is made of them later."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from threadsworker.job import AttemptState
from threadsworker.store.jobs import Claim
from threadsworker.store.tables import AttemptRow, QuotaUseRow


def add_attempt(
    session: Session,
    claim: Claim,
    *,
    attempt_id: str,
    segment_id: str,
    container_id: int,
    kind: str,
    now: datetime,
) -> None:
    """An attempt that was written down then, and what it takes from the quota."""
    session.add(
        AttemptRow(
            id=attempt_id,
            segment_id=segment_id,
            container_id=container_id,
            epoch=claim.epoch,
            state=AttemptState.OPEN,
            sent_at=now,
        )
    )
    session.flush()
    session.add(QuotaUseRow(account_id=claim.account_id, kind=kind, attempt_id=attempt_id, at=now))
    session.flush()
