"""One job alone is taken up again, where there is no worker; on SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from tests.integration.test_store import LEASE, TROUBLE, add_job, expire_lease, held, job, take
from tests.services import eventually
from threadsworker.job import JobState, WaitReason
from threadsworker.settings import load_settings
from threadsworker.store import decisions, jobs, runs, workers
from threadsworker.store.database import clock, make_engine, reading, transaction
from threadsworker.store.runs import Start
from threadsworker.walk import Walker

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


def test_who_waits_for_a_job_outlives_a_restart_of_the_database(
    engine: Engine, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no server that could be away")
    name = make_url(database_url).database
    server = make_engine(database_url.replace(f"/{name}", "/postgres", 1))
    job_id = add_job(engine, due_in=timedelta(hours=1))
    walker = Walker(load_settings(home=tmp_path, database_url=database_url))

    def allow(answer: str) -> None:
        engine.dispose()
        with server.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {answer}")
            connection.exec_driver_sql(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(walker.finish, job_id, timeout=30)
        try:
            allow("false")
            eventually(lambda: "the database does not answer" in caplog.text, timeout=10)
        finally:
            allow("true")
        with transaction(engine) as session:
            assert decisions.cancel(session, job_id, now=clock(session))
        waiting.result(timeout=20)
    walker.close()
    server.dispose()
