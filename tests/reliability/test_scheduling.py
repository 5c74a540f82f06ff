"""Posts that have a time: prepared ahead, on the second, never early; changed, missed, kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.reliability.doubt import HOUR, LOST, THREAD, enqueue, is_published_once, job, texts
from tests.reliability.virtual_workers import Ambush, Zombie
from tests.reliability.virtual_world import World
from threadsworker.errors import InvalidPost, NotPossible
from threadsworker.steps import upkeep
from threadsworker.steps.desk import Desk
from threadsworker.steps.step import Again, Go, Stop

DAY = 24 * HOUR


def at(world: World, *, seconds: float) -> datetime:
    return datetime.fromtimestamp(world.clock.seconds + seconds, UTC)


def run_until(world: World, moment: datetime) -> None:
    world.run(until=lambda: world.clock.seconds >= moment.timestamp())


def root_at(world: World) -> float:
    return world.sandbox.posts()[0].published_at


def creations(world: World) -> list[float]:
    return [one.created_at for one in world.sandbox.containers()]


def test_a_scheduled_post_is_prepared_ahead_and_published_on_the_second(world: World) -> None:
    world.sandbox.set_options(text_seconds=40)
    due = at(world, seconds=3 * HOUR)
    job_id = enqueue(world, at=due)
    found = job(world, job_id)
    assert (found.state, found.scheduled_at, found.timezone) == ("scheduled", due, "UTC")
    run_until(world, due - timedelta(minutes=11))
    assert creations(world) == []
    world.run(until=lambda: bool(creations(world)) and job(world, job_id).state == "scheduled")
    assert world.clock.seconds < due.timestamp() - 5 * 60
    assert texts(world) == []
    world.run()
    is_published_once(world, job_id)
    assert due.timestamp() <= root_at(world) < due.timestamp() + 1


@pytest.mark.parametrize("ahead", [0.0, 20.0, 4 * 60.0, 9 * 60.0])
def test_a_post_of_soon_is_not_early_either(world: World, ahead: float) -> None:
    due = at(world, seconds=ahead)
    job_id = enqueue(world, at=due)
    world.run()
    is_published_once(world, job_id)
    assert due.timestamp() <= root_at(world) < due.timestamp() + 10


def test_many_posts_of_one_moment_are_none_early(world: World) -> None:
    due = at(world, seconds=HOUR)
    for n in range(25):
        enqueue(world, f"post {n}", at=due)
    world.run()
    moments = [post.published_at for post in world.sandbox.posts()]
    assert len(moments) == 25
    assert min(moments) >= due.timestamp()
    assert max(moments) < due.timestamp() + 60


def test_a_lost_message_costs_no_more_than_a_lease(world: World) -> None:
    due = at(world, seconds=HOUR)
    job_id = enqueue(world, at=due)
    run_until(world, due - timedelta(seconds=10))
    assert world.messages
    world.messages.clear()
    world.run()
    is_published_once(world, job_id)
    assert due.timestamp() <= root_at(world) < due.timestamp() + 60


def test_a_container_never_grows_older_than_twenty_hours(world: World) -> None:
    image = f"{world.sandbox.url}/media/sample.jpg"
    world.client.pause_account()
    job_id = enqueue(world, "one", media=[image] * 3)
    world.client.resume_account()
    world.run(until=lambda: len(world.sandbox.containers()) == 4)
    world.client.pause_account()
    until = at(world, seconds=22 * HOUR)
    run_until(world, until)
    world.client.resume_account()
    world.run()
    assert job(world, job_id).state == "published"
    (post,) = world.sandbox.posts()
    used = [one for one in world.sandbox.containers() if one.media_id == post.id]
    assert post.published_at - used[0].created_at < 20 * HOUR
    assert len(post.media) == 3


def test_a_post_that_is_too_late_is_missed_and_can_be_published_after_all(world: World) -> None:
    due = at(world, seconds=HOUR)
    job_id = enqueue(world, at=due)
    world.clock.seconds += HOUR + 2 * DAY + 1
    world.upkeep()
    found = job(world, job_id)
    assert (found.state, found.error and found.error.code) == ("missed", "missed")
    world.run()
    assert texts(world) == []
    world.client.retry(job_id)
    world.run()
    is_published_once(world, job_id)


def test_posts_that_are_too_late_are_not_begun_by_the_end_of_another(world: World) -> None:
    late = [enqueue(world, f"late {n}", at=at(world, seconds=HOUR)) for n in range(3)]
    world.clock.seconds += 3 * DAY
    other = enqueue(world, "other")
    assert upkeep.dispatch_next(world.desk, other)
    assert {job(world, one).state for one in late} == {"scheduled"}
    world.run()
    assert {job(world, one).state for one in late} == {"missed"}
    assert texts(world) == ["other"]


def test_a_prepared_post_is_not_made_late_by_others_of_its_account(world: World) -> None:
    due = at(world, seconds=HOUR)
    job_id = enqueue(world, "on the second", at=due)
    run_until(world, due - timedelta(minutes=9))
    for n in range(50):
        enqueue(world, f"other {n}", check_rate_limit_before_post=False)
    world.sandbox.set_options(text_seconds=1800)
    world.run(until=lambda: job(world, job_id).state == "published")
    (moment,) = [one.published_at for one in world.sandbox.posts() if one.text == "on the second"]
    assert due.timestamp() <= moment < due.timestamp() + 2


def test_a_post_that_is_late_by_less_is_published(world: World) -> None:
    job_id = enqueue(world, at=at(world, seconds=HOUR))
    world.clock.seconds += 2 * DAY
    world.run()
    is_published_once(world, job_id)


def test_a_thread_that_has_begun_is_not_missed(world: World) -> None:
    job_id = enqueue(world, at=at(world, seconds=HOUR))
    world.run(until=lambda: len(texts(world)) == 1)
    world.messages.clear()
    world.clock.seconds += 3 * DAY
    world.run()
    is_published_once(world, job_id)


# Changing one's mind


def test_a_post_is_rescheduled_even_when_it_is_prepared(world: World) -> None:
    job_id = enqueue(world, at=at(world, seconds=HOUR))
    run_until(world, at(world, seconds=HOUR - 60))
    assert creations(world)
    later = at(world, seconds=5 * HOUR)
    found = world.client.reschedule(job_id, at=later, timezone="Africa/Lagos")
    assert (found.state, found.scheduled_at) == ("scheduled", later)
    assert found.timezone == "Africa/Lagos"
    assert (found.events[-1].what, found.events[-1].run) == ("rescheduled", found.run)
    world.run()
    is_published_once(world, job_id)
    assert later.timestamp() <= root_at(world) < later.timestamp() + 1


def test_a_post_is_published_sooner(world: World) -> None:
    job_id, began = enqueue(world, at=at(world, seconds=DAY)), world.clock.seconds
    assert world.client.reschedule(job_id, at=None).state == "queued"
    world.run()
    is_published_once(world, job_id)
    assert world.clock.seconds < began + 60


def test_an_edit_replaces_the_post_and_keeps_its_time(world: World) -> None:
    due = at(world, seconds=HOUR)
    job_id = enqueue(world, "An old thread.\n---\nof two", at=due, key="k")
    run_until(world, due - timedelta(seconds=30))
    old = creations(world)
    assert old
    found = world.client.edit(job_id, THREAD)
    assert (found.revision, len(found.segments), found.scheduled_at) == (2, 3, due)
    assert (found.events[-1].run, found.events[-1].data["revision"]) == (found.run, 2)
    world.run()
    is_published_once(world, job_id)
    assert texts(world) == ["First.", "Second.", "Third."]
    assert due.timestamp() <= root_at(world)
    assert world.client.enqueue(THREAD, key="k").id == job_id
    with pytest.raises(NotPossible, match="something else"):
        enqueue(world, "An old thread.\n---\nof two", key="k")


def test_an_edit_that_breaks_a_rule_changes_nothing(world: World) -> None:
    job_id = enqueue(world, at=at(world, seconds=HOUR))
    with pytest.raises(InvalidPost):
        world.client.edit(job_id, "")
    found = job(world, job_id)
    assert (found.revision, len(found.segments)) == (1, 3)


def test_a_refused_post_is_edited_and_retried(world: World) -> None:
    refusal = {"error": {"message": "no", "code": 100}}
    world.sandbox.plan_fault(
        {
            "match": {"path_regex": "/me/threads$"},
            "act": False,
            "answer": {"status": 400, "body": refusal},
        }
    )
    job_id = enqueue(world, "Not like this.")
    world.run()
    assert job(world, job_id).state == "failed"
    assert world.client.edit(job_id, THREAD).state == "failed"
    world.client.retry(job_id)
    world.run()
    is_published_once(world, job_id)


CHANGES: dict[str, Any] = {
    "edit": lambda world, job_id: world.client.edit(job_id, "Something else."),
    "reschedule": lambda world, job_id: world.client.reschedule(job_id, at=timedelta(days=1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_begun_is_not_changed_any_more(world: World, change: str) -> None:
    job_id = enqueue(world)
    world.run(until=lambda: len(texts(world)) == 1)
    with pytest.raises(NotPossible, match="begun"):
        CHANGES[change](world, job_id)
    world.run()
    is_published_once(world, job_id)
    with pytest.raises(NotPossible, match="is published"):
        CHANGES[change](world, job_id)


@pytest.mark.parametrize("change", CHANGES)
def test_what_may_be_live_is_not_changed_any_more(world: World, change: str) -> None:
    world.sandbox.plan_fault(LOST)
    job_id = enqueue(world)
    world.run(until=lambda: len(texts(world)) == 1)
    with pytest.raises(NotPossible, match="begun"):
        CHANGES[change](world, job_id)
    world.run()
    is_published_once(world, job_id)


@pytest.mark.parametrize("side", ["before", "behind"])
@pytest.mark.parametrize(
    ("step", "after"),
    [("create_containers", 0), ("poll_status", 0), ("publish", 0), ("publish", 1)],
)
@pytest.mark.parametrize("change", CHANGES)
def test_a_worker_that_slept_through_a_change_does_no_harm(
    world: World, change: str, step: str, after: int, side: Any
) -> None:
    """It froze on its way to the publish, or behind it, and goes on after the change."""
    # A text is not looked at before its publish.
    media = ["https://example.com/a.mp4"] if step == "poll_status" else []
    job_id = enqueue(world, "An old post.", media=media)
    world.run(until=lambda: bool(world.messages) and world.messages[0].name == step)
    zombie = Zombie(world, world.messages.pop(0), Ambush("freeze", side, after))
    assert zombie.is_frozen
    if (step, after) == ("publish", 1):
        with pytest.raises(NotPossible, match="begun"):
            CHANGES[change](world, job_id)
        expected = "An old post."
    else:
        CHANGES[change](world, job_id)
        expected = "Something else." if change == "edit" else "An old post."
    zombie.thaw()
    world.run()
    assert job(world, job_id).state == "published"
    assert texts(world) == [expected]


@pytest.mark.parametrize("media", [[], ["https://example.com/a.mp4"]])
def test_no_message_waits_longer_than_a_countdown_may(world: World, media: list[str]) -> None:
    world.sandbox.set_options(text_seconds=300.0, video_seconds=300.0)
    most = timedelta(seconds=0.1)
    settings = world.settings.model_copy(update={"max_countdown": most})
    desk = Desk(settings, now=world.clock.moment)
    job_id = enqueue(world, "A post.", media=media)
    world.run(until=lambda: bool(world.messages) and world.messages[0].name == "create_containers")
    outcomes = [world.handle(world.messages.pop(0), desk)]
    while world.messages and len(outcomes) < 10:
        outcomes.append(world.handle(world.messages.pop(0), desk))
    desk.engine.dispose()
    assert {type(one) for one in outcomes} <= {Go, Again, Stop}
    assert all(one.delay <= most for one in outcomes if isinstance(one, Go | Again))
    # What takes longer is a row.
    assert isinstance(outcomes[-1], Stop)
    assert (job(world, job_id).state, job(world, job_id).reason) == ("waiting", "processing")


def test_a_cancelled_scheduled_post_stays_unpublished(world: World) -> None:
    job_id = enqueue(world, at=at(world, seconds=HOUR))
    run_until(world, at(world, seconds=HOUR - 30))
    world.client.cancel(job_id)
    world.run()
    assert job(world, job_id).state == "cancelled"
    assert texts(world) == []


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"at": "2020-01-01T00:00:00+00:00"}, "schedule.in_past"),
        ({"at": "2030-01-01T00:00"}, "schedule.at.naive"),
        ({"at": "soon"}, "schedule.at.invalid"),
        ({"at": "2030-01-01T00:00", "timezone": "Mars/Olympus"}, "schedule.timezone.unknown"),
        ({"at": timedelta(minutes=-2)}, "schedule.in_past"),
    ],
)
def test_a_moment_that_is_none_is_refused(world: World, given: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidPost) as refused:
        enqueue(world, **given)
    assert [problem.rule for problem in refused.value.problems] == [rule]
    assert world.client.jobs() == []
