"""
What asking cannot settle: who is told what, and what their decision does.

One test at least for each row of the table "When a person is asked" of `docs/reliability.md`.
"""

from __future__ import annotations

import pytest
import requests
from sqlalchemy import text

from tests.reliability.doubt import (
    LOST,
    NOT_ACTED,
    enqueue,
    hide_listings,
    in_review,
    is_published_once,
    job,
    lose_container,
    texts,
)
from tests.reliability.virtual_world import ACCESS_TOKEN, World
from threadsworker import NotPossible
from threadsworker.sandbox.request import Request
from threadsworker.store import segments


def test_live_with_an_unknown_id_can_be_told_by_a_person(world: World) -> None:
    hide_listings(world, hours=300)
    world.sandbox.plan_fault(LOST)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "published_id_unknown")
    (root,) = world.sandbox.posts()
    world.client.resolve(job_id, published=root.id, by="ada")
    world.run()
    is_published_once(world, job_id)
    told = [event for event in job(world, job_id).events if event.what == "resolved"]
    assert [(event.segment, event.data["by"], event.data["verdict"]) for event in told] == [
        (0, "ada", "published")
    ]


def test_a_twin_posted_by_hand_is_never_taken_for_ours(world: World) -> None:
    def by_hand(_: Request) -> None:
        make = {"media_type": "TEXT", "text": "First.", "auto_publish_text": "true"}
        token = {"Authorization": f"Bearer {ACCESS_TOKEN}"}
        url = f"{world.sandbox.threads_api_url}/v1.0/me/threads"
        assert requests.post(url, data=make, headers=token, timeout=5).ok

    world.sandbox.plan_fault(LOST, on_hit=by_hand)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "published_id_unknown")
    ours = next(post for post in world.sandbox.posts() if post.id != world.sandbox.posts()[-1].id)
    world.client.resolve(job_id, published=ours.id)
    world.run()
    assert job(world, job_id).state == "published"
    assert texts(world) == ["First.", "First.", "Second.", "Third."]


def test_a_person_may_say_that_it_is_not_published(world: World) -> None:
    lose_container(world)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "in_doubt_not_found")
    resolved = world.client.resolve(job_id, not_published=True)
    assert [event.data["risk"] for event in resolved.events if event.what == "resolved"] == [False]
    world.run()
    is_published_once(world, job_id)


def test_a_decision_while_a_publish_may_be_on_its_way_is_on_record_as_a_risk(world: World) -> None:
    world.sandbox.plan_fault({**NOT_ACTED, "times": 3})
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "in_doubt")
    resolved = world.client.resolve(job_id, not_published=True)
    assert [event.data["risk"] for event in resolved.events if event.what == "resolved"] == [True]


def test_a_person_may_give_up_and_change_their_mind(world: World) -> None:
    world.sandbox.plan_fault({**NOT_ACTED, "times": 3})
    job_id = enqueue(world)
    world.run()
    given_up = world.client.resolve(job_id, give_up=True)
    assert given_up.state == "failed"
    assert given_up.error is not None
    with pytest.raises(NotPossible, match="only one that needs review"):
        world.client.resolve(job_id, give_up=True)
    # A retry asks again: a doubt does not vanish by giving up.
    world.client.retry(job_id)
    world.run()
    in_review(world, job_id, "in_doubt")


def test_a_media_id_of_another_segment_is_refused(world: World) -> None:
    hide_listings(world, hours=300)
    first = enqueue(world, "another")
    world.run()
    world.sandbox.plan_fault(LOST)
    second = enqueue(world)
    world.run()
    with pytest.raises(NotPossible, match="belongs to another segment"):
        world.client.resolve(second, published=job(world, first).media_ids[0])
    in_review(world, second, "published_id_unknown")


def test_a_reply_in_the_wrong_place_stops_the_thread(world: World) -> None:
    world.sandbox.set_options(detach_replies=True)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "reply_detached")
    assert texts(world) == ["First.", "Second."]
    # Accepted where it is, the thread goes on below it.
    world.sandbox.set_options(detach_replies=False)
    world.client.resolve(job_id, published=world.sandbox.posts()[1].id)
    world.run()
    assert job(world, job_id).state == "published"
    assert world.sandbox.posts()[2].parent_id == world.sandbox.posts()[1].id


@pytest.mark.parametrize("where", ["in the app", "here"])
def test_a_reply_in_the_wrong_place_can_be_deleted_and_published_again(
    world: World, where: str
) -> None:
    world.sandbox.set_options(detach_replies=True)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "reply_detached")
    detached = world.sandbox.posts()[1]
    if where == "here":
        world.client.acting_as("main").delete(detached.id)
    else:
        token = {"Authorization": f"Bearer {ACCESS_TOKEN}"}
        url = f"{world.sandbox.threads_api_url}/v1.0/{detached.id}"
        assert requests.delete(url, headers=token, timeout=5).ok
    world.sandbox.set_options(detach_replies=False)
    world.client.resolve(job_id, not_published=True)
    world.run()
    is_published_once(world, job_id)


def test_nothing_goes_out_below_what_was_not_seen(world: World) -> None:
    def hide(_: Request) -> None:
        # The next question is where the second segment is, while the third's container is made.
        # It is asked three times.
        fault = {"match": {"method": "GET"}, "act": False, "answer": {"status": 500}, "times": 3}
        world.sandbox.plan_fault(fault)

    world.sandbox.set_options(detach_replies=True)
    second = {"match": {"path_regex": "/threads_publish$", "nth": 2}}
    world.sandbox.plan_fault(second, on_hit=hide)
    job_id = enqueue(world)
    world.run()
    assert in_review(world, job_id, "reply_detached").segments[2].container_id is not None
    assert texts(world) == ["First.", "Second."]
    # Its container would reply to the post that is deleted now: another one is made.
    world.client.acting_as("main").delete(world.sandbox.posts()[1].id)
    world.sandbox.set_options(detach_replies=False)
    world.client.resolve(job_id, not_published=True)
    world.run()
    is_published_once(world, job_id)


def test_a_parent_that_is_deleted_under_the_thread_is_for_a_person(world: World) -> None:
    def delete(_: Request) -> None:
        token = {"Authorization": f"Bearer {ACCESS_TOKEN}"}
        root = world.sandbox.posts()[0].id
        url = f"{world.sandbox.threads_api_url}/v1.0/{root}"
        assert requests.delete(url, headers=token, timeout=5).ok

    fault = {"match": {"method": "POST", "path_regex": "/me/threads$", "nth": 2}, "act": False}
    world.sandbox.plan_fault({**fault, "answer": {"status": 500}}, on_hit=delete)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "parent_missing")


def test_a_job_that_breaks_every_worker_is_taken_out_of_their_way(world: World) -> None:
    job_id = enqueue(world)
    with world.desk.transaction() as session:
        session.execute(
            # No such character can be sent.
            text("""UPDATE threadsworker_segment SET options = '{"topic": "\\ud800"}'""")
        )
    world.run()
    in_review(world, job_id, "poison")
    assert len(world.broken) == 5


def test_a_decision_about_what_became_known_meanwhile_is_refused(world: World) -> None:
    """A worker that was away may bring the media id while a person is looking."""
    world.sandbox.plan_fault({**NOT_ACTED, "times": 3})
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "in_doubt")
    with world.desk.transaction() as session:
        segment = segments.at(session, job_id, 0)
        now = world.clock.moment()
        segments.published(session, segment.id, media_id="17", reply_to=None, now=now)
    with pytest.raises(NotPossible, match="is live as 17"):
        world.client.resolve(job_id, not_published=True)
    with pytest.raises(NotPossible, match="is live as 17"):
        world.client.resolve(job_id, published="18")
    in_review(world, job_id, "in_doubt")
    assert job(world, job_id).media_ids == ("17",)
