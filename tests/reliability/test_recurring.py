"""Recurring posts: each occurrence once, while beats are killed; and on the second."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.reliability.recurring_beats import SharedClock, beats
from tests.reliability.virtual_world import World, fast_folder
from tests.services import PostgresServer, eventually
from threadsworker import Client
from threadsworker.settings import load_settings
from threadsworker.store import schema
from threadsworker.store.database import make_engine

OCCURRENCES = 500
POSTS = ["one", "two", "three"]
START = datetime(2026, 3, 29, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Settings of an installation whose database has our schema."""
    given: dict[str, Any] = {"home": tmp_path, "prepare_ahead": "20", "dispatch_every": "5"}
    if request.param == "sqlite":
        engine = make_engine(load_settings(**given).sqlalchemy_url)
        schema.upgrade(engine)
        engine.dispose()
        yield given
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url:
        given["database_url"] = url
        engine = make_engine(load_settings(**given).sqlalchemy_url)
        schema.upgrade(engine)
        engine.dispose()
        yield given


def texts(client: Client, job_id: str) -> list[str]:
    return [segment.text for segment in client.get(job_id).segments]


def test_each_of_500_occurrences_is_made_once_while_beats_are_killed(
    installed: dict[str, Any],
) -> None:
    """
    In this test three processes make the jobs of a schedule that is due every second, and each
    is killed in turn, again and again, wherever it is. Time passes only as fast as they keep
    up, so that none is too late.
    """
    clock, dice = SharedClock(START.timestamp()), Random(7)
    with Client(load_settings(**installed), now=clock) as client:
        client.add_account("main", user_id="1", access_token="token")
        client.schedule("tick", POSTS, every=1, count=OCCURRENCES, order="random")

        def made() -> int:
            return client.get_schedule("tick").made

        def has_made(wanted: int) -> bool:
            return made() >= wanted

        kills = 0
        with beats(3, installed, clock) as running:
            while (before := made()) < OCCURRENCES:
                clock.put_forward(dice.choice([1, 5, 20, 40]))
                # Some are killed in the middle of the work, some when it is done.
                if dice.random() < 0.5:
                    running.kill(kills)
                    kills += 1
                wanted = min(before + 1, OCCURRENCES)
                eventually(partial(has_made, wanted), timeout=60, every=0.01)
                running.kill(kills)
                kills += 1
        assert kills >= 20
        times = sorted(job.scheduled_at for job in client.jobs() if job.scheduled_at)
        # Whole jobs, not the halves of a crash.
        whole = [text for job in client.jobs() for text in texts(client, job.id)]
    assert times == [START + timedelta(seconds=n) for n in range(1, OCCURRENCES + 1)]
    assert len(whole) == OCCURRENCES
    # Taken at random, each once before any comes again: also across crashes.
    shares = [whole.count(text) for text in POSTS]
    assert max(shares) - min(shares) <= 1


def test_a_daily_post_is_live_at_nine_before_and_after_the_clocks_change(tmp_path: Path) -> None:
    # Of Berlin, on 2027-03-28.
    hours = {27: 8, 28: 7, 29: 7}
    nine = [datetime(2027, 3, day, hour, tzinfo=UTC) for day, hour in hours.items()]
    with World(fast_folder(tmp_path)) as world:
        world.clock.seconds = datetime(2027, 3, 26, 12, tzinfo=UTC).timestamp()
        world.client.schedule("morning", POSTS[:2], cron="0 9 * * *", timezone="Europe/Berlin")
        for occurrence in nine:
            begin = occurrence - world.settings.prepare_ahead
            world.clock.seconds = begin.timestamp()
            world.upkeep()
            world.run()
        live = [(post.text, post.published_at) for post in world.sandbox.posts()]
    late = [at - occurrence.timestamp() for (_, at), occurrence in zip(live, nine, strict=True)]
    assert [text for text, _ in live] == [POSTS[0], POSTS[1], POSTS[0]]
    assert all(0 <= seconds < 5 for seconds in late)
