"""What is told, and what is not told twice, while posts go well and badly. In virtual time."""

from __future__ import annotations

from collections import Counter

from tests.reliability.doubt import HOUR, LOST, enqueue, hide_listings, in_review, job
from tests.reliability.virtual_world import World
from threadsworker.report import Delivery


def told(world: World) -> list[Delivery]:
    """Oldest first; at the same moment, in no order."""
    return world.client.deliveries()[::-1]


def test_a_thread_tells_of_each_of_its_posts_and_of_its_end(world: World) -> None:
    world.client.subscribe("shop.tasks.told")
    job_id = enqueue(world)
    world.run()
    notices = told(world)
    assert Counter(str(one.event) for one in notices) == {
        "segment.published": 3,
        "job.published": 1,
    }
    live = [one.body["data"] for one in notices if one.event == "segment.published"]
    assert sorted(live, key=lambda one: one["index"]) == [
        {"index": index, "media_id": media_id}
        for index, media_id in enumerate(job(world, job_id).media_ids)
    ]
    (end,) = [one for one in notices if one.event == "job.published"]
    permalinks = [segment.permalink for segment in job(world, job_id).segments]
    assert [one["permalink"] for one in end.body["job"]["segments"]] == permalinks
    assert all(permalinks)


def test_a_review_is_told_once_however_often_meta_is_asked_again(world: World) -> None:
    world.client.subscribe("shop.tasks.told")
    hide_listings(world, hours=300)
    world.sandbox.plan_fault(LOST)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "published_id_unknown")
    for _ in range(3):
        world.clock.seconds += HOUR
        assert world.upkeep()
        world.run()
    looks = [event for event in job(world, job_id).events if event.what == "needs_review"]
    assert len(looks) == 4
    assert [str(one.event) for one in told(world)] == ["job.needs_review"]
    (root,) = world.sandbox.posts()
    world.client.resolve(job_id, published=root.id, by="ada")
    live = [one.body["data"] for one in told(world) if one.event == "segment.published"]
    assert live == [{"index": 0, "media_id": root.id}]
