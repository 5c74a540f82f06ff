"""The rows and their transitions, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from threadsworker.crypto import Cipher
from threadsworker.errors import ClaimLost, NotFound
from threadsworker.job import (
    AttemptState,
    JobState,
    SegmentState,
    StagedState,
    Trouble,
    WaitReason,
)
from threadsworker.post import MediaItem, MediaKind, Poll, ReplyControl, Segment
from threadsworker.store import (
    accounts,
    containers,
    decisions,
    jobs,
    prompt,
    runs,
    segments,
    staged,
    submission,
)
from threadsworker.store.database import clock, reading, transaction
from threadsworker.store.jobs import Claim
from threadsworker.store.tables import JobRow

LEASE = timedelta(seconds=90)
SAID = "what somebody wrote"
CIPHER = Cipher(SecretStr(Fernet.generate_key().decode()))
TROUBLE = Trouble(code="threads.10", message="no permission", advice="give it")
THREE = tuple(Segment(index=index, text=f"segment {index}") for index in range(3))


def add_account(engine: Engine, name: str = "main") -> str:
    with transaction(engine) as session:
        return accounts.put(
            session,
            name,
            user_id="17841400000000001",
            access_token=SecretStr("token-of-" + name),
            github_repo="octo/stage",
            github_token=SecretStr("ghp-of-" + name),
            token_expires_at=None,
            cipher=CIPHER,
            now=clock(session),
        ).id


def add_job(
    engine: Engine,
    planned: Sequence[Segment] = THREE,
    *,
    key: str | None = None,
    due_in: timedelta = LEASE,
) -> str:
    with transaction(engine) as session:
        try:
            account = accounts.find(session, "main")
        except NotFound:
            session.rollback()
            account = None
    if account is None:
        add_account(engine)
    with transaction(engine) as session:
        return submission.submit(
            session,
            account=accounts.find(session, "main"),
            planned=planned,
            reply_to=None,
            key=key,
            silence=due_in,
            now=clock(session),
        ).id


def take(engine: Engine, job_id: str, *, run: int = 1, lease: timedelta = LEASE) -> Claim | None:
    with transaction(engine) as session:
        return jobs.claim(session, job_id, run=run, worker="w", lease=lease, now=clock(session))


def held(engine: Engine, job_id: str, *, run: int = 1) -> Claim:
    claim = take(engine, job_id, run=run)
    assert claim is not None
    return claim


def job(engine: Engine, job_id: str) -> JobRow:
    with reading(engine) as session:
        return jobs.find(session, job_id)


def expire_lease(engine: Engine, job_id: str) -> None:
    """As if the worker had been silent for a lease."""
    with transaction(engine) as session:
        row = jobs.find(session, job_id)
        row.lease_until = row.wake_at = clock(session) - timedelta(seconds=1)
        session.add(row)


def test_the_clock_is_the_databases_and_knows_its_zone(engine: Engine) -> None:
    with transaction(engine) as session:
        assert abs(clock(session) - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_submission_reads_back_as_it_was_planned(engine: Engine) -> None:
    planned = Segment(
        index=0,
        text="naïve 👩‍👩‍👧 text",
        media=(
            MediaItem(
                kind=MediaKind.IMAGE,
                alt_text="a",
                sha256="0" * 64,
                content_type="image/png",
                size=3,
            ),
            MediaItem(kind=MediaKind.VIDEO, url="https://example.com/v.mp4"),
        ),
        topic="python",
        reply_control=ReplyControl.FOLLOWERS_ONLY,
        countries=("NG", "DE"),
        poll=Poll(options=("yes", "no")),
        quote="123",
    )
    job_id = add_job(engine, [planned])
    with reading(engine) as session:
        row = segments.at(session, job_id, 0)
        media = segments.media_of(session, [row])[row.id]
        assert submission.planned_segment(row, media) == planned


def test_of_many_workers_one_gets_the_claim(engine: Engine) -> None:
    job_id = add_job(engine)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: take(engine, job_id), range(16)))
    assert len([claim for claim in claims if claim is not None]) == 1


def test_a_claim_of_another_run_is_refused(engine: Engine) -> None:
    job_id = add_job(engine)
    assert take(engine, job_id, run=2) is None


def test_a_stale_worker_decides_nothing_but_its_facts_are_kept(engine: Engine) -> None:
    # Given a worker that fell silent, and another that took over
    job_id = add_job(engine)
    stale = held(engine, job_id)
    expire_lease(engine, job_id)
    current = held(engine, job_id)
    assert current.epoch == stale.epoch + 1

    # When the first one comes back
    with transaction(engine) as session:
        segment = segments.at(session, job_id, 0)
        told = segments.published(
            session, segment.id, media_id="99", reply_to=None, now=clock(session)
        )
    with pytest.raises(ClaimLost), transaction(engine) as session:
        jobs.fail(session, stale, TROUBLE, now=clock(session))

    # Then what it saw counts, and what it wanted does not
    assert told
    assert job(engine, job_id).state == JobState.PUBLISHING


def test_a_media_id_once_known_stays(engine: Engine) -> None:
    job_id = add_job(engine)
    with transaction(engine) as session:
        segment = segments.at(session, job_id, 0)
        now = clock(session)
        assert segments.published(session, segment.id, media_id="1", reply_to=None, now=now)
        assert not segments.published(session, segment.id, media_id="2", reply_to=None, now=now)
    with reading(engine) as session:
        assert segments.at(session, job_id, 0).media_id == "1"


def test_a_segment_has_one_live_container(engine: Engine) -> None:
    job_id = add_job(engine)
    claim = held(engine, job_id)
    with transaction(engine) as session:
        segment = segments.at(session, job_id, 0)
        now = clock(session)
        add = containers.add
        assert add(session, segment.id, item=0, threads_id="c1", kind="text", now=now)
        assert not add(session, segment.id, item=0, threads_id="c2", kind="text", now=now)
        live = containers.live(session, segment.id)[0]
        assert live.threads_id == "c1"
        assert live.id is not None
        assert containers.bury(session, claim, live.id, death="EXPIRED")
        assert add(session, segment.id, item=0, threads_id="c3", kind="text", now=now)
    with reading(engine) as session:
        assert containers.live(session, segment.id)[0].threads_id == "c3"
        assert containers.made(session, [segment.id]) == {(segment.id, 0): 2}


def test_a_stale_worker_cannot_give_a_container_up(engine: Engine) -> None:
    job_id = add_job(engine)
    stale = held(engine, job_id)
    with transaction(engine) as session:
        segment = segments.at(session, job_id, 0)
        containers.add(
            session, segment.id, item=0, threads_id="c1", kind="text", now=clock(session)
        )
        container = containers.live(session, segment.id)[0].id
        assert container is not None
    expire_lease(engine, job_id)
    held(engine, job_id)
    with pytest.raises(ClaimLost), transaction(engine) as session:
        containers.bury(session, stale, container, death="EXPIRED")


def test_an_attempt_is_on_record_with_its_quota_and_is_settled_once(engine: Engine) -> None:
    job_id = add_job(engine)
    claim = held(engine, job_id)
    with transaction(engine) as session:
        segment = segments.at(session, job_id, 0)
        now = clock(session)
        containers.add(session, segment.id, item=0, threads_id="c1", kind="text", now=now)
        container = containers.live(session, segment.id)[0].id
        assert container is not None
        move = partial(segments.move, session, segment.id)
        move(source=[SegmentState.WAITING], to=SegmentState.READY_TO_CREATE)
        move(source=[SegmentState.READY_TO_CREATE], to=SegmentState.PROCESSING)
        prompt.authorise(
            session,
            claim,
            attempt_id=(attempt := "a1"),
            segment_id=segment.id,
            index=0,
            container_id=container,
            threads_id="c1",
            kind="post",
        )
    with transaction(engine) as session:
        containers.settle(session, attempt, AttemptState.ACCEPTED)
        containers.settle(session, attempt, AttemptState.REFUSED)
    with reading(engine) as session:
        assert [a.state for a in containers.attempts(session, container)] == ["accepted"]
        assert session.execute(
            text("SELECT kind FROM threadsworker_quota_use")
        ).scalars().all() == ["post"]


def test_a_waiting_job_comes_back_when_its_time_has_come_with_a_new_run(engine: Engine) -> None:
    job_id = add_job(engine)
    claim = held(engine, job_id)
    with transaction(engine) as session:
        now = clock(session)
        jobs.wait(
            session, claim, until=now + timedelta(hours=1), reason=WaitReason.THROTTLED, tries=1
        )
        assert runs.dispatch(session, silence=LEASE, now=now, limit=10, concurrency=4) == []
        later = now + timedelta(hours=1, seconds=1)
        assert runs.dispatch(session, silence=LEASE, now=later, limit=10, concurrency=4) == [
            runs.Start(job_id=job_id, run=2, index=0)
        ]
    assert take(engine, job_id, run=1) is None
    assert held(engine, job_id, run=2).tries == 1


def test_two_dispatchers_start_a_due_job_once(engine: Engine) -> None:
    for _ in range(20):
        add_job(engine, due_in=timedelta(0))

    def dispatch(_: int) -> list[runs.Start]:
        with transaction(engine) as session:
            return runs.dispatch(
                session, silence=LEASE, now=clock(session), limit=7, concurrency=99
            )

    with ThreadPoolExecutor(4) as pool:
        started = [start.job_id for starts in pool.map(dispatch, range(12)) for start in starts]
    assert len(started) == len(set(started)) == 20


def test_a_silent_job_is_rescued_behind_what_is_live(engine: Engine) -> None:
    job_id = add_job(engine)
    held(engine, job_id)
    with transaction(engine) as session:
        root = segments.at(session, job_id, 0)
        segments.published(session, root.id, media_id="1", reply_to=None, now=clock(session))
        segments.verified(session, root.id, permalink="https://example.com/1")
    expire_lease(engine, job_id)
    with transaction(engine) as session:
        rescued = runs.rescue(session, silence=LEASE, now=clock(session), limit=10)
    assert rescued == [runs.Start(job_id=job_id, run=2, index=1)]


def test_a_cancelled_job_takes_no_further_step(engine: Engine) -> None:
    job_id = add_job(engine)
    claim = held(engine, job_id)
    with transaction(engine) as session:
        assert decisions.cancel(session, job_id, now=clock(session))
        assert not decisions.cancel(session, job_id, now=clock(session))
    with pytest.raises(ClaimLost), transaction(engine) as session:
        jobs.proceed(session, claim, silence=LEASE, now=clock(session))
    assert take(engine, job_id) is None


def test_a_failed_job_keeps_its_reason_and_can_be_retried(engine: Engine) -> None:
    job_id = add_job(engine)
    claim = held(engine, job_id)
    with transaction(engine) as session:
        jobs.fail(session, claim, TROUBLE, now=clock(session))
    assert job(engine, job_id).error_message == "no permission"
    with transaction(engine) as session:
        start = runs.retry(session, job_id, silence=LEASE, now=clock(session))
        assert start == runs.Start(job_id=job_id, run=2, index=0)
        assert runs.retry(session, job_id, silence=LEASE, now=clock(session)) is None


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(
            "UPDATE threadsworker_job SET wake_at = NULL", id="a job that nobody looks at again"
        ),
        pytest.param(
            "UPDATE threadsworker_job SET state = 'waiting'", id="a job that waits for no reason"
        ),
        pytest.param(
            "UPDATE threadsworker_segment SET state = 'published'",
            id="a live segment without an id",
        ),
    ],
)
def test_the_database_refuses(engine: Engine, forbidden: str) -> None:
    add_job(engine)
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(text(forbidden))


def test_staged_files_are_counted_until_they_are_gone(engine: Engine) -> None:
    job_id = add_job(engine)
    with transaction(engine) as session:
        staged.intend(session, job_id, ["a" * 64, "b" * 64], repo="octo/stage")
        staged.intend(session, job_id, ["a" * 64], repo="octo/stage")
        staged.arrived(session, job_id, {"a" * 64: "https://example.com/a"})
        assert staged.count(session, job_id) == 2
        assert {row.state for row in staged.of_job(session, job_id)} == {
            StagedState.INTENT,
            StagedState.PRESENT,
        }
        staged.gone(session, job_id)
        assert staged.count(session, job_id) == 0


def test_an_error_of_the_database_does_not_show_what_was_to_be_written(engine: Engine) -> None:
    with pytest.raises(DBAPIError) as refused, engine.begin() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:said)"), {"said": SAID})
    assert "nowhere" in str(refused.value)
    assert SAID not in str(refused.value)
