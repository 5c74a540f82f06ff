"""
A publish whose outcome is not known: how it is settled by asking, and by time.

See `docs/reliability.md`.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from tests.reliability.doubt import (
    HOUR,
    LOST,
    NOT_ACTED,
    NOT_FOUND,
    done,
    enqueue,
    hide_listings,
    in_review,
    is_published_once,
    job,
    lose_container,
    texts,
)
from tests.reliability.virtual_world import ACCESS_TOKEN, World, fast_folder
from threadsworker.sandbox.request import Request


def test_a_lost_answer_is_settled_by_the_containers_status(world: World) -> None:
    world.sandbox.plan_fault({**LOST, "times": 3})
    job_id = enqueue(world)
    world.run()
    is_published_once(world, job_id)
    assert [event.what for event in job(world, job_id).events].count("segment_found") == 3


def test_a_publish_that_did_not_happen_is_repeated_after_the_quiet_period(world: World) -> None:
    world.sandbox.plan_fault(NOT_ACTED)
    job_id, began = enqueue(world), world.clock.seconds
    world.run()
    is_published_once(world, job_id)
    assert 600 <= world.clock.seconds - began < 700
    assert [
        row[0] for row in world.rows("SELECT state FROM threadsworker_attempt ORDER BY sent_at")
    ] == [
        "unknown",
        "accepted",
        "accepted",
        "accepted",
    ]


def test_an_attempt_is_written_down_before_it_is_sent(world: World) -> None:
    written: list[tuple[str, int]] = []

    def look(request: Request) -> None:
        rows = world.rows(
            "SELECT threads_id FROM threadsworker_attempt"
            " JOIN threadsworker_container c ON c.id = container_id"
        )
        ids = [row[0] for row in rows]
        written.append((request.parameters["creation_id"], len(ids)))
        assert request.parameters["creation_id"] in ids

    world.sandbox.plan_fault({"match": LOST["match"], "times": 3}, on_hit=look)
    is_published_once(world, done(world))
    assert [count for _, count in written] == [1, 2, 3]


def test_a_refusal_of_a_second_send_proves_nothing_about_the_first(world: World) -> None:
    """It was published, and for a while Meta says FINISHED and refuses to publish it again."""
    world.sandbox.set_options(status_lag=900)
    world.sandbox.plan_fault(LOST)
    is_published_once(world, done(world))
    assert ("refused",) in world.rows("SELECT state FROM threadsworker_attempt")


def test_a_database_that_forgot_a_publish_is_reminded_by_the_container(world: World) -> None:
    """As after a failover that lost the last commits."""

    def forget(_: Request) -> None:
        with world.desk.transaction() as session:
            session.execute(text("DELETE FROM threadsworker_quota_use"))
            session.execute(text("DELETE FROM threadsworker_attempt"))
            session.execute(
                text(
                    "UPDATE threadsworker_segment SET state = 'publishable'"
                    " WHERE state = 'publishing'"
                )
            )

    world.sandbox.plan_fault(LOST, on_hit=forget)
    is_published_once(world, done(world))


def test_without_the_sole_attempt_rule_nothing_is_given_up_for_a_refusal(tmp_path: Path) -> None:
    with World(fast_folder(tmp_path), sole_attempt_rule=False) as world:
        refused = {"match": LOST["match"], "act": False, "answer": NOT_FOUND, "times": 12}
        world.sandbox.plan_fault(refused)
        is_published_once(world, done(world))
        assert world.rows("SELECT count(*) FROM threadsworker_container WHERE NOT live") == [(0,)]


def test_a_refused_question_while_in_doubt_fails_nothing(world: World) -> None:
    world.sandbox.plan_fault(LOST)
    world.sandbox.plan_fault(
        {
            "match": {"path_regex": "/me/threads$", "method": "GET"},
            "act": False,
            "answer": {"status": 403, "body": {"error": {"message": "no", "code": 10}}},
        }
    )
    is_published_once(world, done(world))


def test_where_a_container_is_never_sent_twice_it_is_left_to_expire(tmp_path: Path) -> None:
    with World(fast_folder(tmp_path), republish_same_container="never") as world:
        world.sandbox.plan_fault(NOT_ACTED)
        job_id, began = enqueue(world), world.clock.seconds
        world.run()
        is_published_once(world, job_id)
        assert world.clock.seconds - began > 24 * HOUR
        sends = world.rows("SELECT count(*) FROM threadsworker_attempt GROUP BY container_id")
        assert {count for (count,) in sends} == {1}


def test_three_unanswered_publishes_are_for_a_person_and_for_time(world: World) -> None:
    world.sandbox.plan_fault({**NOT_ACTED, "times": 3})
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "in_doubt")
    # Asked every hour, Meta says after a day that the container has expired.
    for _ in range(26):
        world.clock.seconds += HOUR
        world.upkeep()
        world.run()
    is_published_once(world, job_id)


def test_live_with_an_unknown_id_is_found_when_the_listing_shows_it(world: World) -> None:
    hide_listings(world, hours=3)
    world.sandbox.plan_fault(LOST)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "published_id_unknown")
    for _ in range(4):
        world.clock.seconds += HOUR
        world.upkeep()
        world.run()
    is_published_once(world, job_id)


def test_a_container_that_meta_no_longer_knows_is_no_proof_of_anything(world: World) -> None:
    lose_container(world)
    job_id, began = enqueue(world), world.clock.seconds
    world.run()
    in_review(world, job_id, "in_doubt_not_found")
    assert world.clock.seconds - began > 26 * HOUR
    assert texts(world) == []
    # Meta remembers it at last, as EXPIRED: that decides.
    world.sandbox.clear_faults()
    world.clock.seconds += HOUR
    world.upkeep()
    world.run()
    is_published_once(world, job_id)


def test_a_token_that_dies_in_the_window_leaves_the_doubt_to_its_successor(world: World) -> None:
    world.sandbox.plan_fault(
        LOST, on_hit=lambda _: world.sandbox.set_token(ACCESS_TOKEN, "revoked")
    )
    job_id = enqueue(world)
    world.run(until=lambda: job(world, job_id).reason == "needs_reconnect")
    world.client.add_account("main", user_id="1", access_token="sandbox-another-token")
    world.run()
    is_published_once(world, job_id)


def spoil(world: World) -> None:
    """The container that is about to be published reads ERROR from now on."""

    def broken(request: Request) -> None:
        container_id = request.parameters["creation_id"]
        for container in world.sandbox.containers():
            if container.id == container_id:
                container.error_message = "UNKNOWN"

    world.sandbox.plan_fault(NOT_ACTED, on_hit=broken)


def test_an_error_after_a_publish_gets_one_more_container(world: World) -> None:
    spoil(world)
    job_id = enqueue(world)
    world.run()
    is_published_once(world, job_id)
    assert ("ERROR_AFTER_PUBLISH",) in world.rows("SELECT death FROM threadsworker_container")


def test_a_second_error_after_a_publish_is_for_a_person(world: World) -> None:
    spoil(world)
    spoil(world)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "error_after_publish")
    assert texts(world) == []


def test_a_film_in_a_reply_rests_before_it_is_published(world: World) -> None:
    clip = f"{world.sandbox.url}/media/clip.mp4"
    world.sandbox.set_options(video_seconds=5)
    images = [f"{world.sandbox.url}/media/sample.jpg"] * 20
    job_id = enqueue(world, "First.\n---\nSecond.", media=[*images, clip])
    world.run()
    assert job(world, job_id).state == "published"
    container, post = world.sandbox.containers()[-1], world.sandbox.posts()[-1]
    assert container.finished_at is not None
    assert post.published_at - container.finished_at >= 30


def test_twins_are_published_one_after_the_other(world: World) -> None:
    """Two segments alike could not be told apart if both answers were lost."""
    world.sandbox.plan_fault({**LOST, "times": 2})
    first, second = enqueue(world, "the same"), enqueue(world, "the same")
    world.run()
    assert {job(world, one).state for one in (first, second)} == {"published"}
    assert job(world, first).media_ids != job(world, second).media_ids
    assert texts(world) == ["the same", "the same"]


def test_texts_that_meta_may_make_alike_are_twins_too(world: World) -> None:
    world.sandbox.plan_fault({**LOST, "times": 2})
    pair = ["see #this  at https://example.com", "see this at http://www.example.com"]
    jobs = {text: enqueue(world, text, handle_hashtags=False) for text in pair}
    world.run()
    live = {post.id: post.text for post in world.sandbox.posts()}
    for expected, job_id in jobs.items():
        (media_id,) = job(world, job_id).media_ids
        assert live[media_id] == expected
    assert len(live) == 2


def test_a_container_that_once_read_published_is_a_post_for_good(world: World) -> None:
    """Whatever Meta says of it later: here, that it has expired."""
    hide_listings(world, hours=40)
    world.sandbox.plan_fault(LOST)
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "published_id_unknown")
    (published,) = [one for one in world.sandbox.containers() if one.published_at is not None]
    published.published_at, published.life = None, 0.0
    for _ in range(3):
        world.clock.seconds += HOUR
        world.upkeep()
        world.run()
    in_review(world, job_id, "published_id_unknown")
    assert texts(world) == ["First."]


def test_a_reply_that_may_not_be_read_is_not_taken_to_be_in_its_place(world: World) -> None:
    world.sandbox.set_options(detach_replies=True)
    refused = {"error": {"message": "no", "code": 10}}
    job_id = enqueue(world)
    world.run(until=lambda: len(world.sandbox.posts()) == 1)
    world.sandbox.plan_fault(
        {
            "match": {"method": "GET", "path_regex": f"/{world.sandbox.posts()[0].id}$"},
            "act": False,
            "answer": {"status": 403, "body": refused},
            "times": 40,
        }
    )
    world.run()
    in_review(world, job_id, "reply_detached")
    assert texts(world) == ["First.", "Second."]


def test_a_malformed_answer_is_a_lost_one(world: World) -> None:
    world.sandbox.plan_fault(
        {
            "match": {"method": "GET", "path_regex": r"/v1.0/\d+$", "nth": 3},
            "answer": {"body": {"id": "1", "permalink": 5}},
            "times": 9,
        }
    )
    is_published_once(world, done(world))
    assert world.broken == []


def test_no_word_of_metas_carries_a_token_into_a_row(world: World) -> None:
    malformed = {"error": {"message": f"Malformed access token {ACCESS_TOKEN}", "code": 190}}
    world.sandbox.plan_fault(
        {
            "match": {"path_regex": "/me/threads$"},
            "act": False,
            "answer": {"status": 400, "body": malformed},
        }
    )
    job_id = enqueue(world)
    world.run(until=lambda: job(world, job_id).reason == "needs_reconnect")
    told = job(world, job_id).model_dump_json()
    assert "Malformed access token [redacted]" in told
    assert ACCESS_TOKEN not in told
