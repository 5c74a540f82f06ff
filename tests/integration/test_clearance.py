"""The quick answers to "may it go out at once?" are those of the functions that say why not."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import Engine
from sqlmodel import Session, select

from tests.integration.test_store import add_account
from threadsworker.job import LIVE, AttemptState, JobState, SegmentState
from threadsworker.store import clearance, quota, segments
from threadsworker.store.database import clock, reading, transaction
from threadsworker.store.quota import Kind
from threadsworker.store.tables import (
    AttemptRow,
    ContainerRow,
    JobRow,
    PublishingLimitRow,
    QuotaUseRow,
    SegmentRow,
)

#: Accounts with rows that were made up.
ACCOUNTS = 20


def test_nothing_is_cleared_that_is_in_the_way_and_nothing_held_up_that_is_not(
    engine: Engine,
) -> None:
    seen: Counter[tuple[str, bool]] = Counter()
    for seed in range(ACCOUNTS):
        account_id = add_account(engine, f"a{seed}")
        with transaction(engine) as session:
            _made_up(random.Random(seed), session, account_id)
        with reading(engine) as session:
            for job in session.exec(select(JobRow).where(JobRow.account_id == account_id)).all():
                is_roomy = clearance.is_roomy(session, account_id, job_id=job.id)
                assert is_roomy == _has_room(session, account_id, job.id), (seed, job)
                seen["roomy", is_roomy] += 1
                seen.update(_cleared(session, account_id, job.id))
    assert min(seen.values()) > ACCOUNTS / 4
    assert len(seen) == 4


def _cleared(session: Session, account_id: str, job_id: str) -> Counter[tuple[str, bool]]:
    seen: Counter[tuple[str, bool]] = Counter()
    for segment in session.exec(select(SegmentRow).where(SegmentRow.job_id == job_id)).all():
        for kind in get_args(Kind):
            window = quota.window(session, account_id, kind, now=clock(session), without=job_id)
            expected = window.used(clock(session)) < window.total and (
                not segments.has_twin_in_flight(session, segment.id, account_id=account_id)
            )
            is_clear = clearance.is_clear(
                session, account_id, job_id=job_id, segment_id=segment.id, kind=kind
            )
            assert is_clear == expected, (segment, window)
            seen["clear", is_clear] += 1
    return seen


def _has_room(session: Session, account_id: str, job_id: str) -> bool:
    now = clock(session)
    return all(
        need <= quota.window(session, account_id, kind, now=now, without=job_id).free(now)
        for kind, need in quota.needed(session, job_id).items()
    )


def _made_up(dice: random.Random, session: Session, account_id: str) -> None:
    """Jobs in all states, segments that read alike, sends that count and that do not."""
    now = clock(session)
    for kind in get_args(Kind):
        if dice.random() < 0.7:
            session.add(_limit(dice, account_id, kind, now))
        for _ in range(dice.randrange(3)):
            session.add(_use(dice, account_id, kind, now))
    for number in range(4):
        job = JobRow(
            id=f"{account_id}-{number}",
            account_id=account_id,
            content_hash="",
            state=(state := dice.choice([*JobState, *2 * [JobState.PUBLISHING]])),
            reason="quota" if state is JobState.WAITING else None,
            reserved_at=dice.choice([None, now]),
            reply_to=dice.choice([None, "17900"]),
            wake_at=now,
            created_at=now,
        )
        session.add(job)
        session.flush()
        for index in range(dice.randint(1, 4)):
            _segment(dice, session, job, index)


def _segment(dice: random.Random, session: Session, job: JobRow, index: int) -> None:
    state = dice.choice(list(SegmentState))
    segment = SegmentRow(
        id=f"{job.id}-{index}",
        job_id=job.id,
        index=index,
        text=dice.choice("abcdef"),
        likeness=dice.choice([None, *"uvwxyz"]),
        state=state,
        media_id=f"live-{job.id}-{index}" if state in LIVE else None,
    )
    session.add(segment)
    session.flush()
    for number in range(dice.randrange(3)):
        container = ContainerRow(
            segment_id=segment.id,
            threads_id=f"{segment.id}-{number}",
            kind="text",
            live=number == 0,
            created_at=job.created_at,
        )
        session.add(container)
        session.flush()
        for send in range(dice.randrange(3)):
            assert container.id is not None
            attempt = AttemptRow(
                id=f"{container.threads_id}-{send}",
                segment_id=segment.id,
                container_id=container.id,
                epoch=1,
                state=dice.choice(list(AttemptState)),
                sent_at=job.created_at,
            )
            session.add(attempt)
            session.flush()
            kind: Kind = "post" if index == 0 else "reply"
            session.add(_use(dice, job.account_id, kind, job.created_at, attempt.id))
    session.flush()


def _limit(dice: random.Random, account_id: str, kind: Kind, now: datetime) -> PublishingLimitRow:
    total = dice.randint(1, 12)
    return PublishingLimitRow(
        account_id=account_id,
        kind=kind,
        used=dice.randrange(total),
        total=total,
        duration=dice.choice([3600, 86400, 172800]),
        read_at=_ago(dice, now),
    )


def _use(
    dice: random.Random, account_id: str, kind: Kind, now: datetime, attempt: str | None = None
) -> QuotaUseRow:
    return QuotaUseRow(account_id=account_id, kind=kind, attempt_id=attempt, at=_ago(dice, now))


def _ago(dice: random.Random, now: datetime) -> datetime:
    return now - timedelta(hours=dice.choice([0.1, 0.5, 2, 20, 30, 50]), minutes=dice.random())
