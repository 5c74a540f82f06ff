"""`Client.delete` where many may call it at once, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.profiles import ASTRO_TOKEN, Profiles, profiles, publish
from threadsworker import Client, NotPossible
from threadsworker.settings import load_settings
from threadsworker.store import segments
from threadsworker.store.database import clock, transaction

TEXTS = [f"segment {number}" for number in range(6)]


@pytest.fixture
def world() -> Iterator[Profiles]:
    with profiles() as found:
        yield found


@pytest.fixture
def client(engine: Engine, database_url: str, world: Profiles, tmp_path: Path) -> Iterator[Client]:
    """A client with an account; nobody answers its broker."""
    settings = load_settings(
        home=tmp_path / "home",
        database_url=database_url,
        threads_api_url=world.sandbox.threads_api_url,
    )
    with Client(settings) as client:
        client.add_account("main", user_id="17841400000000011", access_token=ASTRO_TOKEN)
        yield client


@pytest.fixture
def job_id(world: Profiles, client: Client, engine: Engine) -> str:
    """A job that was cancelled after all of its thread had gone out."""
    job = client.enqueue("\n---\n".join(TEXTS))
    parent = None
    with transaction(engine) as session:
        for row in segments.of_job(session, job.id):
            media_id = publish(world.astro, row.text, reply_to_id=parent)
            now = clock(session)
            segments.published(session, row.id, media_id=media_id, reply_to=parent, now=now)
            parent = media_id
    return client.cancel(job.id).id


def test_two_who_delete_at_once_note_each_segment_once(
    world: Profiles, client: Client, job_id: str
) -> None:
    def delete(_: int) -> str | None:
        try:
            client.delete(job_id)
        except NotPossible as refused:
            return refused.code
        return None

    with ThreadPoolExecutor(2) as pool:
        # One may be done before the other begins.
        assert set(pool.map(delete, range(2))) <= {None, "job.nothing_live"}
    assert world.sandbox.posts() == []
    told = [one.segment for one in client.get(job_id).events if one.what == "segment_deleted"]
    assert told == list(range(len(TEXTS)))[::-1]


def test_every_segment_of_the_report_says_that_it_was_deleted(client: Client, job_id: str) -> None:
    assert len(client.get(job_id).media_ids) == len(TEXTS)
    deleted = client.delete(job_id)
    assert deleted.media_ids == ()
    assert None not in [segment.deleted_at for segment in deleted.segments]
    with pytest.raises(NotPossible) as refused:
        client.delete(job_id)
    assert refused.value.code == "job.nothing_live"
