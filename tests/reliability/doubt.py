"""What the tests of doubt share: a thread, faults on its publishes, and how it should end."""

from __future__ import annotations

from typing import Any

from tests.reliability.virtual_world import World
from threadsworker.report import Job
from threadsworker.sandbox.request import Request

HOUR = 3600.0
LOST = {"match": {"path_regex": "/threads_publish$"}, "answer": "drop"}
NOT_ACTED = {**LOST, "act": False}
NOT_FOUND = {
    "status": 400,
    "body": {"error": {"message": "not there", "code": 24, "error_subcode": 4279009}},
}
THREAD = "First.\n---\nSecond.\n---\nThird."


def enqueue(world: World, post: str = THREAD, **options: Any) -> str:
    return world.client.enqueue(post, **options).id


def job(world: World, job_id: str) -> Job:
    return world.client.get(job_id)


def texts(world: World) -> list[str]:
    return [post.text for post in world.sandbox.posts()]


def in_review(world: World, job_id: str, reason: str) -> Job:
    """The job, after making sure that a person is told what to do."""
    found = job(world, job_id)
    assert (found.state, found.reason) == ("needs_review", reason)
    assert found.error is not None
    assert found.error.code == reason
    assert found.error.message
    assert found.error.advice
    return found


def is_published_once(world: World, job_id: str) -> None:
    found = job(world, job_id)
    assert found.state == "published"
    assert found.staged_files == 0
    assert texts(world).count("First.") == 1
    live = {post.id: post for post in world.sandbox.posts()}
    assert [live[media_id].text for media_id in found.media_ids] == ["First.", "Second.", "Third."]
    for parent, child in zip(found.media_ids, found.media_ids[1:], strict=False):
        assert live[child].parent_id == parent


def done(world: World) -> str:
    """A thread, run to its end."""
    job_id = enqueue(world)
    world.run()
    return job_id


def hide_listings(world: World, *, hours: float) -> None:
    world.sandbox.set_options(listing_lag=hours * HOUR)


def lose_container(world: World, *, times: int = 10_000) -> None:
    """A publish is not acted upon, and from then on Meta does not know its container."""

    def forget(request: Request) -> None:
        container = request.parameters["creation_id"]
        world.sandbox.plan_fault(
            {
                "match": {"method": "GET", "path_regex": f"/{container}$"},
                "act": False,
                "answer": NOT_FOUND,
                "times": times,
            }
        )

    world.sandbox.plan_fault(NOT_ACTED, on_hit=forget)
