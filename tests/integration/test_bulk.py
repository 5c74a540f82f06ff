"""`Client.enqueue_all` and `Client.retry_failed`, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from threadsworker import Client
from threadsworker.errors import InvalidPost, NotFound, NotPossible
from threadsworker.job import JobState, Trouble
from threadsworker.settings import load_settings
from threadsworker.store import jobs
from threadsworker.store.database import clock, transaction

TROUBLE = Trouble(code="threads.10", message="no permission", advice="give it")
PICTURE = Path(__file__).parents[2] / "threadsworker/sandbox/assets/harbour.jpg"


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Client]:
    """A client with two accounts; nobody answers its broker."""
    settings = load_settings(
        home=tmp_path / "home", database_url=database_url, account_concurrency=2
    )
    with Client(settings) as client:
        for name in ("main", "other"):
            client.add_account(name, user_id="17841400000000001", access_token=f"token-{name}")
        yield client


def later(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def test_all_are_stored_in_order_and_once(client: Client) -> None:
    posts: list[dict[str, Any]] = [
        {"post": "first", "key": "a"},
        {"post": "second " * 100, "key": "b", "at": later(1)},
        {"post": "third", "key": "a", "account": "other", "media": ["https://e.com/a.jpg"]},
        {"post": "no key"},
    ]
    done = client.enqueue_all(posts)
    assert [(one.account, one.state, one.segments, one.new) for one in done] == [
        ("main", "queued", 1, True),
        ("main", "scheduled", 2, True),
        ("other", "queued", 1, True),
        ("main", "queued", 1, True),
    ]
    assert client.get(done[2].id or "").segments[0].media[0].url == "https://e.com/a.jpg"
    again = client.enqueue_all([*posts, {"post": "new", "key": "c"}])
    assert [one.id for one in again[:3]] == [one.id for one in done[:3]]
    assert [one.new for one in again] == [False, False, False, True, True]
    assert len(client.jobs()) == 6


def test_no_more_chains_are_sent_than_an_account_may_have(client: Client) -> None:
    """Nobody hears them here: every job is due at once, for `dispatch` to send for."""
    done = client.enqueue_all([{"post": f"post {number}"} for number in range(5)])
    with transaction(client._ready()) as session:
        rows = [jobs.find(session, one.id or "") for one in done]
        assert all(row.wake_at is not None and row.wake_at <= clock(session) for row in rows)
        assert {row.overdue_at for row in rows} == {None}


def test_all_or_none(client: Client) -> None:
    good = {"post": "x", "media": [PICTURE.read_bytes()]}
    with pytest.raises(InvalidPost) as refused:
        client.enqueue_all(
            [good, {"post": "x", "topic": "a.b"}, {"post": "x", "account": "nobody"}],
            names=["the first"],
        )
    assert [(one.rule, one.where) for one in refused.value.problems] == [
        ("staging.repository.missing", "the first: media"),
        ("threads.topic.invalid", "post 2: topic"),
        ("account.unknown", "post 3: account"),
    ]
    client.enqueue("x", key="k")
    with pytest.raises(NotPossible, match="post 2") as mismatch:
        client.enqueue_all([{"post": "y"}, {"post": "y", "key": "k"}])
    assert mismatch.value.code == "key.mismatch"
    assert len(client.jobs()) == 1
    assert not [path for path in (client.settings.home / "spool").rglob("*") if path.is_file()]


def test_a_past_moment_is_refused_only_of_what_is_new(client: Client) -> None:
    client.enqueue("x", key="k", at=later(1))
    past = "2020-01-01T00:00Z"
    (found,) = client.enqueue_all([{"post": "x", "key": "k", "at": past}])
    assert not found.new
    with pytest.raises(InvalidPost) as refused:
        client.enqueue_all([{"post": "x", "key": "k", "at": past}, {"post": "x", "at": past}])
    assert [(one.rule, one.where) for one in refused.value.problems] == [
        ("schedule.in_past", "post 2: at")
    ]


def test_a_spread_goes_around_what_is_scheduled(client: Client) -> None:
    """A job that is at rest takes no place, nor does one of another account."""
    with pytest.raises(TypeError):
        client.enqueue_all([{"post": "x"}], spread="1/day")
    posts = [
        {"post": "a"},
        {"post": "b", "account": "other"},
        {"post": "c"},
        {"post": "fixed", "at": "2026-12-03T06:00+00:00"},
        {"post": "d"},
    ]
    with Client(client.settings, now=lambda: datetime(2026, 12, 1, 8, tzinfo=UTC)) as then:
        then.enqueue("taken", at="2026-12-02T17:59Z")
        then.cancel(then.enqueue("given up", at="2026-12-01T12:00Z").id)
        planned, done = (
            then.enqueue_all(posts, spread="1/day 12:00-24:00", timezone="UTC", dry_run=dry_run)
            for dry_run in (True, False)
        )
    assert [one.scheduled_at for one in planned] == [one.scheduled_at for one in done]
    assert [one.id is None for one in planned] == [True] * 5
    # 06:00 is half a gap from noon, which is far enough.
    assert [f"{one.scheduled_at:%d %H:%M}" for one in done] == [
        "01 12:00",
        "01 12:00",
        "03 12:00",
        "03 06:00",
        "04 12:00",
    ]


def test_two_who_import_the_same_at_once_store_it_once(client: Client) -> None:
    posts = [{"post": f"post {number}", "key": f"{number}"} for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: client.enqueue_all(posts, spread="9/day", timezone="UTC"), range(4))
        )
    assert len({tuple(one.id for one in answer) for answer in answers}) == 1
    assert sum(one.new for answer in answers for one in answer) == 40
    assert len({one.scheduled_at for one in answers[0]}) == 40


def fail(client: Client, text: str, *, account: str = "main", ago: timedelta) -> str:
    """The id of a job that failed so long ago."""
    job = client.enqueue(text, account=account)
    with transaction(client._ready()) as session:
        now = clock(session)
        lease = timedelta(seconds=90)
        claim = jobs.claim(session, job.id, run=1, worker="w", lease=lease, now=now)
        assert claim is not None
        jobs.fail(session, claim, TROUBLE, now=now - ago)
    return job.id


def test_what_failed_is_retried_by_time_and_account(client: Client) -> None:
    old = fail(client, "old", ago=timedelta(days=3))
    new = fail(client, "new", ago=timedelta(hours=1))
    other = fail(client, "other", account="other", ago=timedelta(hours=2))
    client.cancel(client.enqueue("cancelled").id)
    with pytest.raises(NotFound):
        client.retry_failed(account="nobody")
    assert client.retry_failed(since=timedelta(minutes=1)) == []
    retried = client.retry_failed(since=timedelta(days=1), account="main")
    assert [(job.id, job.state, job.run) for job in retried] == [(new, "queued", 2)]
    since = datetime.now(UTC) - timedelta(hours=5)
    assert [job.id for job in client.retry_failed(since=since)] == [other]
    assert [job.id for job in client.retry_failed()] == [old]
    assert client.retry_failed() == []


def test_each_is_retried_once_by_two_who_ask_at_once(client: Client) -> None:
    """A job that changed its state meanwhile is passed over, and the rest goes on."""
    failed = {fail(client, f"post {number}", ago=timedelta(0)) for number in range(12)}
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: client.retry_failed(), range(3)))
    retried = [job.id for answer in answers for job in answer]
    assert sorted(retried) == sorted(failed)
    assert client.jobs(state=JobState.FAILED) == []
