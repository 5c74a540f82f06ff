"""What is long over is forgotten, and nothing else; on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select, update
from typer.testing import CliRunner

from tests.attempts import add_attempt
from threadsworker import Client
from threadsworker.cli.application import app
from threadsworker.errors import InvalidSettings
from threadsworker.settings import Settings, load_settings
from threadsworker.steps import prune as pruning
from threadsworker.steps.desk import Desk
from threadsworker.steps.prune import Keep, Pruned
from threadsworker.store import (
    containers,
    duties,
    events,
    forgetting,
    jobs,
    removal,
    segments,
    staged,
)
from threadsworker.store.database import clock
from threadsworker.store.tables import JobRow, QuotaUseRow, SegmentRow

DAY = timedelta(days=1)
PICTURES = Path(__file__).parents[2] / "threadsworker/sandbox/assets"
KEEP = Keep(jobs=90 * DAY, failed_jobs=180 * DAY, events=None)
ENDED = ["published", "cancelled", "missed", "failed"]
EVERY_STATE = [*ENDED, "needs_review", "scheduled", "queued", "publishing", "waiting"]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return load_settings(
        home=tmp_path / "home", database_url=database_url, threads_api_url="http://127.0.0.1:9"
    )


@pytest.fixture
def client(engine: Engine, settings: Settings) -> Iterator[Client]:
    with Client(settings) as client:
        client.add_account(
            "main",
            user_id="1",
            access_token="a token of long ago",
            github_repo="octo/stage",
            github_token="ghp_pruneGithubToken0123456789abcdef",
        )
        yield client


@pytest.fixture
def desk(client: Client, settings: Settings) -> Iterator[Desk]:
    desk = Desk(settings)
    yield desk
    desk.engine.dispose()


def job_in(desk: Desk, client: Client, state: str, *, days: float, media: Any = ()) -> str:
    """A job that came to that state so many days ago, with an attempt, an event, a staged file."""
    job_id = client.enqueue(f"post of {days} days ago", media=media).id
    with desk.transaction() as session:
        now = clock(session)
        then = now - days * DAY
        claim = jobs.claim(session, job_id, run=1, worker="w", lease=DAY, now=now)
        assert claim is not None
        (segment,) = segments.of_job(session, job_id)
        containers.add(session, segment.id, item=0, threads_id=job_id, kind="text", now=then)
        made = containers.live(session, segment.id)[0]
        assert made.id is not None
        add_attempt(
            session,
            claim,
            attempt_id=f"a-{job_id}",
            segment_id=segment.id,
            container_id=made.id,
            kind="post",
            now=then,
        )
        staged.intend(session, job_id, ["0" * 64], repo="octo/stage")
        staged.gone(session, job_id)
        events.record(session, job_id, "old", now=then, run=1)
        session.exec(
            update(JobRow)
            .where(col(JobRow.id) == job_id)
            .values(
                state=state,
                reason="processing" if state == "waiting" else None,
                created_at=then,
                finished_at=then if state in ENDED else None,
                wake_at=None if state in ENDED else now,
            )
        )
    return job_id


def ids(desk: Desk) -> set[str]:
    with desk.reading() as session:
        return set(session.exec(select(JobRow.id)).all())


def counts(desk: Desk) -> dict[str, int]:
    tables = ("job", "segment", "media", "container", "attempt", "event", "staged", "quota_use")
    with desk.reading() as session:
        return {
            name: session.execute(text(f"SELECT count(*) FROM threadsworker_{name}")).scalar_one()
            for name in tables
        }


def test_what_ended_long_ago_goes_with_all_its_rows(desk: Desk, client: Client) -> None:
    old = {state: job_in(desk, client, state, days=200) for state in EVERY_STATE}
    recent = {job_in(desk, client, state, days=89) for state in ENDED}
    between = job_in(desk, client, "failed", days=100)
    would = pruning.preview(desk, KEEP)
    assert (would.jobs, len(ids(desk))) == (4, 14)
    pruned = pruning.prune(desk, KEEP)
    assert pruned.jobs == 4
    kept = {old[state] for state in EVERY_STATE if state not in ENDED} | recent | {between}
    assert ids(desk) == kept
    assert counts(desk) == {
        **dict.fromkeys(("job", "segment", "container", "attempt", "staged"), 10),
        "media": 0,
        # That it was enqueued, and an old one.
        "event": 20,
        "quota_use": 10,
    }
    assert not pruning.prune(desk, KEEP)


def test_what_a_publish_took_from_the_quota_counts_on(desk: Desk, client: Client) -> None:
    job_id = job_in(desk, client, "cancelled", days=100)
    with desk.transaction() as session:
        session.exec(update(QuotaUseRow).values(at=clock(session)))
    pruned = pruning.prune(desk, KEEP)
    assert (pruned.jobs, pruned.quota_uses) == (1, 0)
    assert job_id not in ids(desk)
    assert counts(desk)["quota_use"] == 1
    with desk.transaction() as session:
        session.exec(update(QuotaUseRow).values(at=clock(session) - 3 * DAY))
    assert pruning.prune(desk, KEEP).quota_uses == 1


def test_a_job_whose_files_are_still_public_stays(desk: Desk, client: Client) -> None:
    job_id = job_in(desk, client, "published", days=100)
    with desk.transaction() as session:
        staged.intend(session, job_id, ["1" * 64], repo="octo/stage")
    assert pruning.prune(desk, KEEP).jobs == 0
    with desk.transaction() as session:
        staged.gone(session, job_id)
    assert pruning.prune(desk, KEEP).jobs == 1


def test_zero_is_for_ever(desk: Desk, client: Client) -> None:
    for state in ENDED:
        job_in(desk, client, state, days=4000)
    assert not pruning.prune(desk, Keep(None, None, None))
    assert len(ids(desk)) == 4


def test_a_key_is_free_again(desk: Desk, client: Client) -> None:
    first = client.enqueue("once", key="k").id
    client.cancel(first)
    assert client.enqueue("once", key="k").id == first
    with desk.transaction() as session:
        long_ago = clock(session) - 100 * DAY
        session.exec(update(JobRow).values(finished_at=long_ago, created_at=long_ago))
    pruning.prune(desk, KEEP)
    assert client.enqueue("once", key="k").id != first


def test_events_go_sooner_if_that_is_wanted_but_not_what_was_deleted(
    desk: Desk, client: Client
) -> None:
    job_id = job_in(desk, client, "published", days=50)
    waiting = job_in(desk, client, "waiting", days=50)
    with desk.transaction() as session:
        then = clock(session) - 50 * DAY
        removal.deleted(session, job_id, 0, "17", gone_before=False, now=then)
    pruned = pruning.prune(desk, Keep(90 * DAY, 90 * DAY, events=30 * DAY))
    assert (pruned.jobs, pruned.events) == (0, 1)
    with desk.reading() as session:
        assert [row.what for row in events.of_job(session, job_id)] == [
            "enqueued",
            removal.DELETED,
        ]
        assert [row.what for row in events.of_job(session, waiting)] == ["enqueued", "old"]


def test_several_batches_and_two_at_once(
    desk: Desk, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "JOBS", 3)
    wanted = {job_in(desk, client, "published", days=100) for _ in range(10)}
    kept = job_in(desk, client, "published", days=1)
    desks = [Desk(settings), Desk(settings)]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda one: pruning.prune(one, KEEP).jobs, desks))
    for one in desks:
        one.engine.dispose()
    left = ids(desk)
    # Whoever finds a row locked leaves it to the other, or to the next time.
    assert sum(done) == len(wanted) - len(left - {kept})
    pruning.prune(desk, KEEP)
    assert ids(desk) == {kept}
    assert (counts(desk)["segment"], counts(desk)["event"]) == (1, 2)


def test_killed_in_the_middle_of_a_batch_it_leaves_all_of_it(desk: Desk, client: Client) -> None:
    job_in(desk, client, "published", days=100)
    before = counts(desk)

    def forget() -> None:
        with desk.transaction() as session:
            moments = KEEP.moments(clock(session))
            assert forgetting.forget_jobs(session, moments, limit=10) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forget()
    assert counts(desk) == before


# The spool


def age(path: Path, days: float) -> None:
    moment = path.stat().st_mtime - days * 86400
    os.utime(path, (moment, moment))


def test_contents_that_no_row_refers_to(desk: Desk, client: Client, settings: Settings) -> None:
    picture = PICTURES / "sunrise.jpg"
    client.enqueue("with a picture", media=[picture])
    client.schedule("daily", "with another", cron="0 9 * * *", media=[PICTURES / "harbour.jpg"])
    gone = client.enqueue("cancelled", media=[PICTURES / "street.jpg"])
    files = [path for path in (settings.home / "spool").rglob("*") if path.is_file()]
    assert len(files) == 3
    with desk.reading() as session:
        found = select(SegmentRow.id).where(SegmentRow.job_id == gone.id)
        items = segments.media_of(session, [session.get_one(SegmentRow, session.exec(found).one())])
        ((item,),) = items.values()
    for path in files:
        age(path, 2)
    assert pruning.prune(desk, KEEP).spool_files == 0
    client.cancel(gone.id)
    with desk.transaction() as session:
        long_ago = clock(session) - 100 * DAY
        session.exec(
            update(JobRow)
            .where(col(JobRow.id) == gone.id)
            .values(finished_at=long_ago, created_at=long_ago)
        )
    assert pruning.preview(desk, KEEP).jobs == 1
    assert pruning.prune(desk, KEEP) == Pruned(jobs=1, spool_files=1)
    left = {path.name for path in (settings.home / "spool").rglob("*") if path.is_file()}
    assert len(left) == 2
    assert item.sha256 not in left


def test_a_content_of_today_may_belong_to_a_transaction_that_is_open(
    desk: Desk, client: Client, settings: Settings
) -> None:
    with Session(desk.engine) as session:
        client.enqueue("rolled back", media=[PICTURES / "sunrise.jpg"], session=session)
        session.rollback()
    (path,) = [one for one in (settings.home / "spool").rglob("*") if one.is_file()]
    assert pruning.prune(desk, KEEP).spool_files == 0
    age(path, 1.1)
    assert pruning.preview(desk, KEEP).spool_files == 1
    assert path.exists()
    assert pruning.prune(desk, KEEP).spool_files == 1
    assert not path.exists()


def test_a_content_that_came_again_meanwhile_stays(desk: Desk, client: Client) -> None:
    client.enqueue("with a picture", media=[PICTURES / "sunrise.jpg"])
    with desk.reading() as session:
        now = clock(session)
    (name,) = desk.spool.older_than(now + DAY)
    assert not desk.spool.remove_older(name, now - DAY)
    assert desk.spool.read(name)
    assert desk.spool.remove_older(name, now + DAY)
    assert not desk.spool.remove_older(name, now + DAY)


# The duty and the command


def test_the_duty_is_done_once_an_hour(desk: Desk, client: Client) -> None:
    job_in(desk, client, "published", days=100)
    assert pruning.prune_now_and_then(desk).jobs == 1
    job_in(desk, client, "published", days=100)
    assert pruning.prune_now_and_then(desk).jobs == 0
    with desk.transaction() as session:
        duties.done(session, pruning.PRUNE, now=clock(session) - timedelta(minutes=61))
    assert pruning.prune_now_and_then(desk).jobs == 1


def test_the_command(desk: Desk, client: Client, settings: Settings, database_url: str) -> None:
    job_in(desk, client, "published", days=40)
    job_in(desk, client, "failed", days=40)

    def run(*arguments: str, expect: int = 0) -> Any:
        env = {
            "THREADSWORKER_HOME": str(settings.home),
            "THREADSWORKER_DATABASE_URL": database_url,
        }
        done = CliRunner().invoke(app, ["prune", *arguments], env=env)
        assert done.exit_code == expect, done.output
        return done

    assert "0 jobs and 0 contents of the spool would be removed" in run("--dry-run").stdout
    told = json.loads(run("--older-than", "30d", "--dry-run", "--json").stdout)
    assert told == {"dry_run": True, "jobs": 2, "spool_files": 0}
    assert "below 2 days" in run("--older-than", "1d", expect=1).stderr
    assert "no duration" in run("--older-than", "soon", expect=1).stderr
    assert "2 jobs" in run("--older-than", "30d").stdout
    assert ids(desk) == set()


@pytest.mark.parametrize("name", ["keep_jobs", "keep_failed_jobs", "keep_events"])
def test_nothing_of_the_last_two_days_can_be_forgotten(name: str) -> None:
    with pytest.raises(InvalidSettings, match=r"at least 2 days"):
        load_settings(**{name: "3600"})
    assert not getattr(load_settings(**{name: "0"}), name)
