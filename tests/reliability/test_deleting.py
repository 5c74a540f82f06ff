"""A whole thread is deleted tail first, within the quota, and a second call ends what one began."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from tests.reliability.doubt import (
    HOUR,
    LOST,
    THREAD,
    done,
    enqueue,
    hide_listings,
    in_review,
    job,
    texts,
)
from tests.reliability.virtual_world import ACCESS_TOKEN, World
from threadsworker import NotPossible
from threadsworker.cli.application import app
from threadsworker.errors import AnswerLost, NotFound, RequestRefused

#: What Meta answers for a post that does not exist, and for one that the token may not delete.
NO_SUCH_POST = {
    "status": 400,
    "body": {"error": {"message": "Unsupported delete request.", "code": 100, "error_subcode": 33}},
}


def deletions(world: World) -> list[str]:
    """Ids of the posts whose deletion was asked for, in order."""
    return [
        entry["path"].rpartition("/")[2]
        for entry in world.sandbox.ledger
        if entry["method"] == "DELETE" and entry["service"] == "threads"
    ]


def told(world: World, job_id: str) -> list[tuple[int | None, str, bool]]:
    """Segment, media id, and whether it was gone before: the events of deleted segments."""
    return [
        (event.segment, event.data["media_id"], event.data["gone_before"])
        for event in job(world, job_id).events
        if event.what == "segment_deleted"
    ]


def by_hand(world: World, media_id: str) -> None:
    """Delete a post as the Threads app would."""
    url = f"{world.sandbox.threads_api_url}/v1.0/{media_id}"
    headers = {"Authorization": f"Bearer {ACCESS_TOKEN}"}
    assert requests.delete(url, headers=headers, timeout=5).ok


def refuses(world: World, job_id: str, code: str) -> str:
    with pytest.raises(NotPossible) as refused:
        world.client.delete(job_id)
    assert refused.value.code == code
    return str(refused.value)


def test_a_whole_thread_goes_tail_first(world: World) -> None:
    job_id = done(world)
    media_ids = job(world, job_id).media_ids
    deleted = world.client.delete(job_id)
    assert deletions(world) == list(media_ids[::-1])
    assert texts(world) == []
    assert told(world, job_id) == [(n, media_ids[n], False) for n in (2, 1, 0)]
    assert deleted.state == "published"
    assert deleted.media_ids == ()
    assert all(segment.deleted_at is not None for segment in deleted.segments)


def test_a_quota_without_room_for_all_of_it_deletes_nothing(world: World) -> None:
    """Meta's figure decides before the first one, and the refusal says what it is."""
    world.sandbox.set_options(delete_quota=3)
    other = world.client.enqueue("Another.").id
    job_id = done(world)
    world.client.delete(other)
    words = refuses(world, job_id, "delete.quota")
    assert "1 of 3 deletions" in words
    assert "3 are needed" in words
    assert len(deletions(world)) == 1
    assert texts(world) == ["First.", "Second.", "Third."]
    world.sandbox.set_options(delete_quota=4)
    world.client.delete(job_id)
    assert texts(world) == []


def test_a_quota_that_others_use_up_meanwhile_stops_it_and_pauses_nothing(world: World) -> None:
    job_id = done(world)
    words = {"message": "Publishing Limit Reached", "code": 9, "error_subcode": 2207042}
    full = {"status": 400, "body": {"error": words}}
    world.sandbox.plan_fault(
        {"match": {"method": "DELETE", "nth": 2}, "act": False, "answer": full}
    )
    assert "Publishing Limit Reached" in refuses(world, job_id, "delete.quota")
    assert texts(world) == ["First.", "Second."]
    assert world.client.account().paused_until is None
    world.client.delete(job_id)
    assert texts(world) == []


@pytest.mark.parametrize("acted", [True, False])
def test_a_lost_answer_is_settled_by_the_next_call(world: World, acted: bool) -> None:
    job_id = done(world)
    first, second, third = job(world, job_id).media_ids
    cut = {"match": {"method": "DELETE", "nth": 2}, "act": acted, "answer": "drop"}
    world.sandbox.plan_fault(cut)
    with pytest.raises(AnswerLost):
        world.client.delete(job_id)
    assert told(world, job_id) == [(2, third, False)]
    assert deletions(world) == [third, second]
    world.client.delete(job_id)
    assert deletions(world) == [third, second, second, first]
    assert told(world, job_id) == [(2, third, False), (1, second, acted), (0, first, False)]
    assert texts(world) == []
    refuses(world, job_id, "job.nothing_live")
    assert len(deletions(world)) == 4


def test_a_segment_that_is_gone_already_counts_as_deleted(world: World) -> None:
    """So does one whose deletion was not written down: the process died after Meta's answer."""
    job_id = done(world)
    first, second, third = job(world, job_id).media_ids
    by_hand(world, third)
    by_hand(world, first)
    world.client.delete(job_id)
    assert told(world, job_id) == [(2, third, True), (1, second, False), (0, first, True)]


def test_a_segment_that_was_deleted_alone_is_not_asked_for_again(world: World) -> None:
    job_id = done(world)
    first, second, third = job(world, job_id).media_ids
    world.client.acting_as("main").delete(second)
    assert job(world, job_id).media_ids == (first, third)
    world.client.delete(job_id)
    assert deletions(world) == [second, third, first]


def test_a_post_that_meta_only_calls_gone_is_not_taken_for_deleted(world: World) -> None:
    """It says the same of a post that the token may not delete."""
    job_id = done(world)
    world.sandbox.plan_fault(
        {"match": {"method": "DELETE"}, "act": False, "answer": NO_SUCH_POST, "times": 9}
    )
    with pytest.raises(RequestRefused):
        world.client.delete(job_id)
    assert told(world, job_id) == []
    assert len(deletions(world)) == 1
    assert texts(world) == ["First.", "Second.", "Third."]


def test_what_is_live_of_a_failed_thread_is_deleted_and_the_job_does_not_go_on(
    world: World,
) -> None:
    refusal: dict[str, Any] = {"error": {"message": "no permission", "code": 200}}
    world.sandbox.plan_fault(
        {
            "match": {"path_regex": "/me/threads$", "method": "POST", "nth": 3},
            "act": False,
            "answer": {"status": 400, "body": refusal},
        }
    )
    job_id = done(world)
    assert job(world, job_id).state == "failed"
    assert texts(world) == ["First.", "Second."]
    world.client.delete(job_id)
    assert texts(world) == []
    with pytest.raises(NotPossible) as refused:
        world.client.retry(job_id)
    assert refused.value.code == "job.deleted"
    assert world.client.retry_failed() == []


def test_a_job_that_needs_review_loses_what_is_known_to_be_live(world: World) -> None:
    hide_listings(world, hours=300)
    world.sandbox.plan_fault({**LOST, "match": {**LOST["match"], "nth": 2}})  # type: ignore[dict-item]
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "published_id_unknown")
    (first,) = job(world, job_id).media_ids
    world.client.delete(job_id)
    assert deletions(world) == [first]
    assert texts(world) == ["Second."]
    in_review(world, job_id, "published_id_unknown")


def test_a_job_in_review_that_lost_a_part_does_not_go_on_by_itself(world: World) -> None:
    """Time tells at last what became of its second segment: a third would hang below nothing."""
    hide_listings(world, hours=5)
    world.sandbox.plan_fault({**LOST, "match": {**LOST["match"], "nth": 2}})  # type: ignore[dict-item]
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "published_id_unknown")
    world.client.delete(job_id)
    world.clock.seconds += 30 * HOUR
    world.upkeep()
    world.run()
    in_review(world, job_id, "published_id_unknown")
    assert texts(world) == ["Second."]
    (second,) = world.sandbox.posts()
    for decision in ({"published": second.id}, {"not_published": True}):
        with pytest.raises(NotPossible) as refused:
            world.client.resolve(job_id, **decision)
        assert refused.value.code == "job.deleted"
    assert world.client.resolve(job_id, give_up=True).state == "failed"


def test_a_job_that_is_at_work_is_left_alone(world: World) -> None:
    job_id = enqueue(world)
    world.run(until=lambda: len(texts(world)) == 2)
    assert "cancel it first" in refuses(world, job_id, "job.not_at_rest")
    world.client.cancel(job_id)
    world.client.delete(job_id)
    assert texts(world) == []


def test_a_job_of_which_nothing_is_live_has_nothing_to_delete(world: World) -> None:
    job_id = world.client.enqueue(THREAD, at="2099-01-01T09:00+00:00").id
    world.client.cancel(job_id)
    refuses(world, job_id, "job.nothing_live")
    assert deletions(world) == []
    with pytest.raises(NotFound):
        world.client.delete("nonsense")


def test_deletions_are_seen_in_the_quota(world: World) -> None:
    world.client.delete(done(world))
    used = world.rows("SELECT count(*) FROM threadsworker_quota_use WHERE kind = 'delete'")
    assert [tuple(row) for row in used] == [(3,)]
    deletes = world.client.acting_as("main").quota().deletes
    assert deletes is not None
    assert (deletes.used, deletes.total) == (3, 100)


def test_the_command_deletes_a_thread_by_its_job(world: World) -> None:
    job_id = done(world)
    media_ids = job(world, job_id).media_ids
    environment = {
        "THREADSWORKER_HOME": str(world.settings.home),
        "THREADSWORKER_THREADS_API_URL": world.sandbox.threads_api_url,
    }
    ran = CliRunner(env=environment).invoke(app, ["delete", job_id, "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout) == {"job": job_id, "deleted": list(media_ids)}
    assert deletions(world) == list(media_ids[::-1])
    shown = CliRunner(env=environment).invoke(app, ["show", job_id])
    assert shown.stdout.count("deleted 20") == 3


def test_a_rejected_token_is_written_down_as_a_step_would(world: World) -> None:
    job_id = done(world)
    world.sandbox.set_token(ACCESS_TOKEN, "revoked")
    with pytest.raises(Exception, match="not authorized"):
        world.client.delete(job_id)
    assert world.client.account().status == "needs_reconnect"
    assert deletions(world) == []
