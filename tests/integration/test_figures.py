"""What is told of the rows, on SQLite and PostgreSQL; and what is told when there are none."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

from prometheus_client import generate_latest
from sqlalchemy import Engine

from tests.attempts import add_attempt
from tests.integration.test_store import LEASE, TROUBLE, add_account, add_job, held
from threadsworker.job import AttemptState, SegmentState, WaitReason
from threadsworker.metrics.collector import registry_of
from threadsworker.settings import load_settings
from threadsworker.store import (
    containers,
    duties,
    figures,
    jobs,
    quota,
    segments,
    staged,
    standing,
    workers,
)
from threadsworker.store.database import clock, reading, transaction
from threadsworker.store.quota import TOTALS, Told

HOUR = timedelta(hours=1)


def test_jobs_are_counted_by_state_and_those_that_wait_by_reason(engine: Engine) -> None:
    waiting, failed, reviewed, _ = (held(engine, add_job(engine)) for _ in range(4))
    add_job(engine)
    with transaction(engine) as session:
        now = clock(session)
        jobs.wait(session, waiting, until=now + HOUR, reason=WaitReason.QUOTA, tries=0)
        jobs.fail(session, failed, TROUBLE, now=now)
        jobs.review(session, reviewed, TROUBLE, now=now)
    with reading(engine) as session:
        assert figures.jobs_by_state(session) == {
            ("waiting", "quota"): 1,
            ("failed", ""): 1,
            # Its reason is a code, of which there may be any number.
            ("needs_review", ""): 1,
            ("publishing", ""): 1,
            ("queued", ""): 1,
        }


def test_the_oldest_due_is_late_since_its_time_whether_it_was_rung_for_or_not(
    engine: Engine,
) -> None:
    rung, parked = held(engine, add_job(engine)), held(engine, add_job(engine))
    with transaction(engine) as session:
        now = clock(session)
        jobs.wait(session, parked, until=now + HOUR, reason=WaitReason.QUOTA, tries=0)
        jobs.wait(session, rung, until=now, reason=WaitReason.PROCESSING, tries=0, silence=LEASE)

        def late(after: timedelta) -> timedelta:
            return figures.oldest_due(session, silence=LEASE, now=now + after)

        assert late(-timedelta(seconds=1)) == timedelta(0)
        assert late(timedelta(seconds=7)) == timedelta(seconds=7)
    with transaction(engine) as session:
        jobs.find(session, rung.job_id).state = "cancelled"
    with reading(engine) as session:
        assert figures.oldest_due(session, silence=LEASE, now=now + HOUR) == timedelta(0)
        after = now + HOUR + timedelta(seconds=3)
        assert figures.oldest_due(session, silence=LEASE, now=after) == timedelta(seconds=3)


def test_a_job_at_work_is_not_overdue(engine: Engine) -> None:
    held(engine, add_job(engine))
    with reading(engine) as session:
        later = clock(session) + HOUR
        assert figures.oldest_due(session, silence=LEASE, now=later) == timedelta(0)


def test_what_is_in_flight_staged_and_alive_is_counted(engine: Engine) -> None:
    job_id = add_job(engine)
    with transaction(engine) as session:
        now = clock(session)
        root = segments.at(session, job_id, 0)
        root.state = SegmentState.IN_DOUBT
        staged.intend(session, job_id, ["a", "b"], repo="octo/stage")
        staged.arrived(session, job_id, {"a": "https://example.com/a"})
        workers.beat(session, "alive", now=now)
        workers.beat(session, "silent", now=now - HOUR)
        duties.done(session, "dispatch_due", now=now)
    with reading(engine) as session:
        assert figures.segments_in_flight(session) == {"in_doubt": 1}
        assert figures.staged_by_state(session) == {"intent": 1, "present": 1}
        assert figures.workers_seen(session, since=now - LEASE) == 1
        assert figures.duties_done(session) == {"dispatch_due": now}
    with transaction(engine) as session:
        staged.gone(session, job_id)
    with reading(engine) as session:
        assert figures.staged_by_state(session) == {}


def test_an_account_tells_its_pauses(engine: Engine) -> None:
    account_id = add_account(engine)
    with transaction(engine) as session:
        now = clock(session)
        dice = random.Random(1)
        standing.cool_down(session, account_id, asked_for=600, now=now, dice=dice)
        [told] = figures.accounts(session, now=now)
        assert told.status == "active"
        assert told.threads_rest >= timedelta(seconds=600)
        assert told.github_rest == timedelta(0)
        standing.pause(session, account_id, now=now)
    with reading(engine) as session:
        assert [one.status for one in figures.accounts(session, now=now)] == ["paused"]


def test_quotas_are_those_that_decide(engine: Engine) -> None:
    """The figures of all accounts are, one by one, what a step sees of its own account."""
    dice = random.Random(20261125)
    names = ["main", "other"]
    ids = {name: add_account(engine, name) for name in names}
    for number in range(12):
        job_id = add_job(engine)
        with transaction(engine) as session:
            jobs.find(session, job_id).account_id = ids[dice.choice(names)]
        claim = held(engine, job_id)
        with transaction(engine) as session:
            now = clock(session)
            if dice.random() < 0.5:
                quota.reserve(session, claim, now=now)
            root = segments.at(session, job_id, 0)
            containers.add(session, root.id, item=0, threads_id=str(number), kind="text", now=now)
            container = containers.live(session, root.id)[0]
            assert container.id is not None
            for attempt in range(dice.randint(0, 2)):
                attempt_id = f"{number}-{attempt}"
                add_attempt(
                    session,
                    claim,
                    attempt_id=attempt_id,
                    segment_id=root.id,
                    container_id=container.id,
                    kind="post",
                    now=now - dice.choice([0, 1, 23, 25]) * HOUR,
                )
                containers.settle(session, attempt_id, dice.choice(list(AttemptState)))
    with transaction(engine) as session:
        now = clock(session)
        quota.tell(session, ids["main"], {"post": Told(7, 100, 86400)}, now=now - HOUR)
        quota.use(session, ids["main"], "delete", now=now - HOUR)
    with reading(engine) as session:
        told = {(one.account, one.kind): one for one in figures.quotas(session, now=now)}
        assert told.keys() == {(name, kind) for name in names for kind in TOTALS}
        for (name, kind), one in told.items():
            window = quota.window(session, ids[name], kind, now=now)
            assert (one.used, one.reserved, one.total) == (
                window.used(now),
                window.reserved,
                window.total,
            )
    assert told["main", "post"].used > 0
    assert any(one.reserved for one in told.values())


def test_without_database_and_broker_the_page_says_so(tmp_path: Path) -> None:
    settings = load_settings(
        home=tmp_path,
        database_url="postgresql://postgres@127.0.0.1:9/none?connect_timeout=1",
        broker_url="redis://127.0.0.1:9/0",
    )
    page = generate_latest(registry_of(settings)).decode()
    assert "threadsworker_database_up 0.0" in page
    assert "threadsworker_broker_up 0.0" in page
    assert "threadsworker_jobs{" not in page
