"""Quotas: a thread begins when there is room for all of it, and never exceeds the window."""

from __future__ import annotations

from tests.reliability.doubt import HOUR, NOT_ACTED, enqueue, is_published_once, job, texts
from tests.reliability.virtual_world import World
from tests.reliability.waits import CAP, DAY, add_other, by_hand, calls, most_in_a_window, refused
from threadsworker.store import accounts, quota
from threadsworker.store.database import clock
from threadsworker.threads_api import ContainerSpec, MediaType


def test_posts_go_out_as_the_slots_of_a_full_day_open(world: World) -> None:
    """250 of 250 are used, by another program: Meta tells how many, and not when."""
    api = by_hand(world)
    for n in range(250):
        api.publish_container(
            api.create_container(ContainerSpec(media_type=MediaType.TEXT, text=f"old {n}")).id
        )
        world.clock.seconds += HOUR if n < 3 else 1
    first = world.sandbox.posts()[0].published_at
    waiting = [enqueue(world, f"new {n}") for n in range(3)]
    world.run(until=lambda: all(job(world, one).reason == "quota" for one in waiting))
    assert len(texts(world)) == 250
    world.run()
    assert [job(world, one).state for one in waiting] == ["published"] * 3
    moments = [post.published_at for post in world.sandbox.posts()]
    assert most_in_a_window(moments) == 250
    for n, moment in enumerate(sorted(moments)[250:]):
        opened = first + n * HOUR + DAY
        assert opened < moment < opened + 15 * 60 + 60
    publishes = [one for one in calls(world) if one["path"].endswith("/threads_publish")]
    assert len(publishes) == 253


def test_our_own_posts_tell_to_the_second_when_a_slot_opens(world: World) -> None:
    world.sandbox.set_options(post_quota=3)
    began = []
    for n in range(3):
        began.append(world.clock.seconds)
        enqueue(world, f"old {n}")
        world.run()
        world.clock.seconds += HOUR
    waiting = [enqueue(world, f"new {n}") for n in range(3)]
    world.run()
    assert {job(world, one).state for one in waiting} == {"published"}
    moments = sorted(post.published_at for post in world.sandbox.posts())
    assert most_in_a_window(moments) == 3
    assert all(0 < new - old - DAY < 10 for old, new in zip(moments, moments[3:], strict=False))


def test_a_thread_does_not_begin_while_there_is_no_room_for_all_of_it(world: World) -> None:
    world.sandbox.set_options(reply_quota=10)
    job_id = enqueue(world, "\n---\n".join(f"part {n}" for n in range(30)))
    world.run(until=lambda: job(world, job_id).reason == "quota")
    ends = world.clock.seconds + 2 * DAY
    world.run(until=lambda: world.clock.seconds > ends)
    assert world.sandbox.containers() == []
    world.sandbox.set_options(reply_quota=1000)
    world.run()
    assert len(job(world, job_id).media_ids) == 30


def test_two_threads_do_not_share_the_same_room(world: World) -> None:
    world.sandbox.set_options(reply_quota=10)
    threads = [enqueue(world, "\n---\n".join(f"{n} {part}" for part in range(7))) for n in "ab"]
    world.run(until=lambda: "quota" in {job(world, one).reason for one in threads})
    world.run(until=lambda: "published" in {job(world, one).state for one in threads})
    assert len(texts(world)) == 7
    world.run()
    assert [len(job(world, one).media_ids) for one in threads] == [7, 7]
    moments = [post.published_at for post in world.sandbox.posts() if post.is_reply]
    assert most_in_a_window(moments) <= 10


def test_an_unanswered_send_takes_from_the_quota(world: World) -> None:
    """Meta does not count it yet; it may still take effect."""
    world.sandbox.set_options(post_quota=1)
    world.sandbox.plan_fault(NOT_ACTED)
    first = enqueue(world, "first")
    world.run(until=lambda: ("unknown",) in world.rows("SELECT state FROM threadsworker_attempt"))
    second = enqueue(world, "second")
    world.run(until=lambda: job(world, second).reason == "quota")
    world.run(until=lambda: job(world, first).state == "published")
    assert texts(world) == ["first"]
    world.run()
    assert texts(world) == ["first", "second"]


def test_a_container_is_one_post_however_often_it_was_sent(world: World) -> None:
    world.sandbox.plan_fault({**NOT_ACTED, "times": 2})
    enqueue(world, "one")
    world.run()
    assert len(world.rows("SELECT id FROM threadsworker_quota_use")) == 3
    with world.desk.reading() as session:
        account_id, now = accounts.find(session, "main").id, clock(session)
        assert quota.window(session, account_id, "post", now=now).used(now) == 1


def test_a_quota_that_is_refused_again_and_again_asks_nobody(world: World) -> None:
    """However often Meta says so, that is no doubt that a person has to settle."""
    world.sandbox.plan_fault(refused("/threads_publish$", CAP, times=6))
    job_id = enqueue(world)
    world.run()
    is_published_once(world, job_id)
    assert "needs_review" not in {event.what for event in job(world, job_id).events}


def test_what_others_use_meanwhile_stops_a_thread_before_meta_does(world: World) -> None:
    """Meta refuses for a quota that it said was free: from then on it counts as full."""
    world.sandbox.plan_fault(refused("/threads_publish$", CAP))
    job_id, began = enqueue(world), world.clock.seconds
    world.run(until=lambda: job(world, job_id).reason == "quota")
    world.run()
    is_published_once(world, job_id)
    # The refused send is in doubt, so its container is left alone for the quiet period.
    assert world.clock.seconds - began >= 600


def test_a_post_may_go_out_without_asking_for_the_quota(world: World) -> None:
    job_id = enqueue(world, check_rate_limit_before_post=False)
    world.run()
    is_published_once(world, job_id)
    assert not [one for one in calls(world) if "publishing_limit" in one["path"]]


def test_a_post_that_is_not_to_wait_for_the_quota_fails_at_once(world: World) -> None:
    world.sandbox.set_options(post_quota=0)
    job_id = enqueue(world, wait_on_rate_limit=False)
    world.run()
    found = job(world, job_id)
    assert (found.state, found.error and found.error.code) == ("failed", "quota.used_up")
    assert world.sandbox.containers() == []


def test_the_account_says_what_its_posts_do_about_the_quota(world: World) -> None:
    add_other(world, wait_on_rate_limit=False)
    world.sandbox.set_options(post_quota=0)
    mine, others = enqueue(world), enqueue(world, account="other")
    world.run(until=lambda: job(world, others).state == "failed")
    assert job(world, mine).state == "waiting"


def test_a_thread_that_can_never_fit_is_refused_before_anything_is_public(world: World) -> None:
    job_id = enqueue(world, "\n---\n".join(f"part {n}" for n in range(1002)))
    world.run()
    found = job(world, job_id)
    assert (found.state, found.error and found.error.code) == ("failed", "quota.too_small")
    assert world.sandbox.containers() == []


def test_meta_is_asked_for_its_figures_once_a_minute(world: World) -> None:
    for n in range(20):
        enqueue(world, f"post {n}")
    world.run()
    asked = [one for one in calls(world) if "publishing_limit" in one["path"]]
    assert len(asked) <= 2
    assert len(texts(world)) == 20
