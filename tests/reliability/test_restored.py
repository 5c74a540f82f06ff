"""
A database that was restored from a backup: nothing that it has forgotten is posted again.

See `docs/backup.md`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.profiles import acting, publish
from tests.reliability.doubt import (
    HOUR,
    LOST,
    NOT_FOUND,
    THREAD,
    enqueue,
    in_review,
    is_published_once,
    job,
    texts,
)
from tests.reliability.virtual_world import ACCESS_TOKEN, World
from threadsworker.errors import ClaimLost, InvalidSettings
from threadsworker.sandbox.request import Request
from threadsworker.store import generations, jobs, schedules
from threadsworker.store.database import clock
from threadsworker.store.generations import Generation

FOUND = "found_after_restore"


class Backup:
    """A copy of the world's database, as `VACUUM INTO` makes it while others write."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._file = world.settings.home / "backup.db"
        self._file.unlink(missing_ok=True)
        self.at: datetime = world.clock.moment()
        with world.desk.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("VACUUM INTO ?", (str(self._file),))

    def restore(self) -> Generation:
        """Put it in the place of the database, and say so."""
        world = self._world
        world.desk.engine.dispose()
        world.client.close()
        world.messages.clear()
        database = world.settings.home / "threadsworker.db"
        for suffix in ("-wal", "-shm"):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        shutil.copy(self._file, database)
        with world.desk.transaction() as session:
            return generations.begin(session, backup_from=self.at, now=clock(session))


def backup_at(world: World, pattern: str) -> list[Backup]:
    """Make a backup just after the service has acted on the first request of that path."""
    made: list[Backup] = []
    match = {"method": "POST", "path_regex": pattern}
    world.sandbox.plan_fault({"match": match}, on_hit=lambda _: made.append(Backup(world)))
    return made


def resolve_as_it_is(world: World, job_id: str) -> None:
    """A person looks into the app, finds each post in question, and says so."""
    live = {post.text: post.id for post in world.sandbox.posts()}
    while (found := job(world, job_id)).state != "published":
        in_review(world, job_id, FOUND)
        index = next(one.index for one in found.segments if one.media_id is None)
        world.client.resolve(job_id, published=live[found.segments[index].text])
        world.run()


def test_a_thread_that_went_out_in_the_lost_time_is_not_posted_again(world: World) -> None:
    job_id = enqueue(world)
    backup = Backup(world)
    world.run()
    generation = backup.restore()
    assert [(one.job_id, one.index, one.container_id) for one in generation.suspects] == [
        (job_id, index, None) for index in range(3)
    ]
    world.run()
    in_review(world, job_id, FOUND)
    assert texts(world) == ["First.", "Second.", "Third."]
    resolve_as_it_is(world, job_id)
    is_published_once(world, job_id)
    assert texts(world) == ["First.", "Second.", "Third."]


@pytest.mark.parametrize(
    "pattern", ["/threads$", "/threads_publish$"], ids=["container", "publish"]
)
def test_a_container_of_before_is_asked_first(world: World, pattern: str) -> None:
    """The backup is of the moment behind the first create, or the first publish, of the thread."""
    made = backup_at(world, pattern)
    job_id = enqueue(world)
    world.run()
    generation = made[0].restore()
    assert generation.number == 2
    world.run()
    resolve_as_it_is(world, job_id)
    is_published_once(world, job_id)
    assert len(texts(world)) == 3


def test_what_did_not_go_out_is_published_without_a_question(world: World) -> None:
    job_id = enqueue(world)
    Backup(world).restore()
    world.run()
    is_published_once(world, job_id)
    assert "restored" in [event.what for event in job(world, job_id).events]


def test_a_refusal_proves_nothing_about_what_the_backup_has_forgotten(world: World) -> None:
    """Its container was sent in the lost time, and Meta is slow to say that it is published."""
    made: list[Backup] = []

    def keep(_: Request) -> None:
        made.append(Backup(world))

    # Just before the first publish: the container is there, and no attempt.
    match = {"method": "GET", "path_regex": r"/\d{17}$"}
    world.sandbox.plan_fault({"match": match}, on_hit=keep)
    world.sandbox.set_options(status_lag=2 * HOUR)
    job_id = enqueue(world, "Alone.")
    world.run()
    assert texts(world) == ["Alone."]
    made[0].restore()
    refused = {"match": LOST["match"], "act": False, "answer": NOT_FOUND, "times": 1000}
    world.sandbox.plan_fault(refused)
    world.run()
    # Found among the posts before it is sent again.
    in_review(world, job_id, FOUND)
    assert world.rows("SELECT count(*) FROM threadsworker_container WHERE NOT live") == [(0,)]
    resolve_as_it_is(world, job_id)
    assert texts(world) == ["Alone."]


def test_a_container_of_before_is_given_up_only_when_meta_says_that_it_is_dead(
    world: World,
) -> None:
    refused = {"match": LOST["match"], "act": False, "answer": NOT_FOUND, "times": 1000}
    job_id = enqueue(world, "Alone.")
    world.run(until=lambda: bool(world.messages) and world.messages[0].name == "publish")
    Backup(world).restore()
    world.sandbox.plan_fault(refused)
    began = world.clock.seconds
    world.run(
        until=lambda: bool(world.rows("SELECT 1 FROM threadsworker_container WHERE NOT live"))
    )
    assert world.clock.seconds - began > 23 * HOUR
    assert world.rows("SELECT death FROM threadsworker_container WHERE NOT live") == [("EXPIRED",)]
    world.sandbox.clear_faults()
    world.run()
    assert job(world, job_id).state == "published"
    assert texts(world) == ["Alone."]


def test_a_post_that_somebody_wrote_by_hand_is_a_persons_to_tell_apart(world: World) -> None:
    job_id = enqueue(world, "Good morning.")
    backup = Backup(world)
    publish(acting(world.sandbox, ACCESS_TOKEN), "Good morning.")
    backup.restore()
    world.run()
    in_review(world, job_id, FOUND)
    world.client.resolve(job_id, not_published=True)
    world.run()
    assert job(world, job_id).state == "published"
    assert texts(world) == ["Good morning."] * 2


def test_a_worker_of_before_decides_nothing_more(world: World) -> None:
    job_id = enqueue(world)
    with world.desk.transaction() as session:
        lease, now = timedelta(minutes=5), clock(session)
        claim = jobs.claim(session, job_id, run=1, worker="before", lease=lease, now=now)
    assert claim is not None
    Backup(world).restore()
    with world.desk.transaction() as session, pytest.raises(ClaimLost):
        jobs.check(session, claim)
    with world.desk.transaction() as session:
        now = clock(session)
        late = jobs.claim(session, job_id, run=1, worker="before", lease=lease, now=now)
    assert late is None


def test_a_post_whose_time_is_to_come_is_no_suspect(world: World) -> None:
    job_id = enqueue(world, THREAD, at=world.clock.moment() + timedelta(days=1))
    generation = Backup(world).restore()
    assert generation.suspects == ()
    world.run()
    is_published_once(world, job_id)


def test_occurrences_of_the_lost_time_are_passed_over_and_told(world: World) -> None:
    every = timedelta(hours=1)
    world.client.schedule("hourly", "Tick.", every=every, late="latest")
    backup = Backup(world)

    def is_out() -> bool:
        return len(texts(world)) == 2

    run_hours(world, 3, until=is_out)
    assert is_out()
    generation = backup.restore()
    (passed,) = generation.passed_over
    assert passed.schedule == "hourly"
    assert passed.next_at is not None
    assert passed.next_at > world.clock.moment()
    with world.desk.reading() as session:
        assert schedules.find(session, "hourly").next_at == passed.next_at
    world.upkeep()
    world.run()
    assert len(texts(world)) == 2


def run_hours(world: World, hours: int, *, until: Callable[[], bool]) -> None:
    for _ in range(60 * hours):
        world.clock.seconds += 60
        world.upkeep()
        world.run()
        if until():
            return


def test_a_backup_is_not_from_the_future(world: World) -> None:
    later = world.clock.moment() + timedelta(hours=1)
    with (
        world.desk.transaction() as session,
        pytest.raises(InvalidSettings, match="still to come"),
    ):
        generations.begin(session, backup_from=later, now=clock(session))


def test_restored_twice_the_older_backup_decides(world: World) -> None:
    enqueue(world)
    first = Backup(world)
    first.restore()
    world.clock.seconds += HOUR
    with world.desk.transaction() as session:
        now = clock(session)
        again = generations.begin(session, backup_from=now, now=now)
    assert again.number == 3
    rows = world.rows("SELECT DISTINCT audit_from FROM threadsworker_segment")
    assert rows == [(first.at.strftime("%Y-%m-%d %H:%M:%S.%f"),)]
