"""One job alone is taken up again, where there is no worker; on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.integration.test_store import LEASE, TROUBLE, add_job, expire_lease, held, job, take
from threadsworker.job import JobState, WaitReason
from threadsworker.store import jobs, runs, workers
from threadsworker.store.database import clock, reading, transaction
from threadsworker.store.runs import Start

NOW = timedelta(0)


def pick_up(engine: Engine, job_id: str) -> Start | None:
    with transaction(engine) as session:
        return runs.pick_up(session, job_id, silence=LEASE, now=clock(session))


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.PUBLISHING, JobState.WAITING])
def test_a_job_that_is_due_gets_a_new_run_and_others_stay(engine: Engine, state: JobState) -> None:
    job_id, other = add_job(engine, due_in=NOW), add_job(engine, due_in=NOW)
    if state != JobState.QUEUED:
        claim = held(engine, job_id)
    if state == JobState.PUBLISHING:
        expire_lease(engine, job_id)
    if state == JobState.WAITING:
        with transaction(engine) as session:
            now = clock(session)
            jobs.wait(session, claim, until=now, reason=WaitReason.BACKOFF, tries=1)
    assert pick_up(engine, job_id) == Start(job_id, 2, 0)
    found = job(engine, job_id)
    assert (found.state, found.lease_until, found.claimed_by) == (JobState.QUEUED, None, None)
    assert job(engine, other).run == 1
    # It is not due again, and messages of the run before find it over.
    assert pick_up(engine, job_id) is None
    assert take(engine, job_id, run=1) is None
    assert take(engine, job_id, run=2) is not None


def test_a_job_that_somebody_holds_or_that_rests_is_not_picked_up(engine: Engine) -> None:
    job_id = add_job(engine, due_in=NOW)
    claim = held(engine, job_id)
    assert pick_up(engine, job_id) is None
    with transaction(engine) as session:
        jobs.fail(session, claim, TROUBLE, now=clock(session))
    assert pick_up(engine, job_id) is None
    assert job(engine, job_id).run == 1


def test_a_worker_is_alive_as_long_as_it_says_so(engine: Engine) -> None:
    with transaction(engine) as session:
        now = clock(session)
        assert not workers.is_any_alive(session, since=now - timedelta(days=1))
        workers.beat(session, "w", now=now)
    with reading(engine) as session:
        assert workers.is_any_alive(session, since=now - timedelta(seconds=15))
        assert not workers.is_any_alive(session, since=now + timedelta(seconds=1))


def test_what_is_left_behind_is_due_and_nobodys(engine: Engine) -> None:
    due, begun, worked = (add_job(engine, due_in=NOW) for _ in range(3))
    failed, later = add_job(engine, due_in=NOW), add_job(engine)
    held(engine, begun)
    expire_lease(engine, begun)
    held(engine, worked)
    claim = held(engine, failed)
    account = job(engine, later).account_id
    with transaction(engine) as session:
        now = clock(session)
        jobs.fail(session, claim, TROUBLE, now=now)
        assert runs.left_behind(session, account, now=now) == [due, begun]
        assert runs.left_behind(session, "another", now=now) == []
