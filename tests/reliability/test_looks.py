"""What a step looks at before it claims the job: slow answers, broken ones, and what changes."""

from __future__ import annotations

import heapq
from pathlib import Path
from time import monotonic

from tests.reliability.doubt import enqueue, in_review, job, texts
from tests.reliability.virtual_world import ACCESS_TOKEN, World, fast_folder
from tests.reliability.waits import USER, refused
from threadsworker.sandbox import SandboxAccount
from threadsworker.sandbox.request import Request
from threadsworker.steps.send import _accepted, authorise
from threadsworker.steps.work import load
from threadsworker.store import jobs
from threadsworker.threads_api import Made

#: A look at a container, or at a post.
LOOK = {"match": {"service": "threads", "method": "GET", "path_regex": r"/v1.0/\d+$"}}
NEW_TOKEN = "sandbox-access-token-new-3f81"


def until_publish(world: World) -> str:
    """A job whose next message publishes its first segment."""
    job_id = enqueue(world, "one")
    world.run(until=lambda: bool(world.messages) and world.messages[0].name == "publish")
    return job_id


def claimed(world: World, job_id: str, *, by: str) -> jobs.Claim | None:
    with world.desk.transaction() as session:
        run, lease = jobs.find(session, job_id).run, world.settings.lease
        return jobs.claim(session, job_id, run=run, worker=by, lease=lease)


def attempts(world: World) -> int:
    (row,) = world.rows("SELECT count(*) FROM threadsworker_attempt")
    return int(row[0])


def test_who_holds_nothing_does_not_wait_for_longer_than_nothing_is_held(tmp_path: Path) -> None:
    """The job would go to another meanwhile, and he would wait just as long in vain."""
    with World(fast_folder(tmp_path), lease="3", http_timeout="10") as world:
        job_id = until_publish(world)
        world.sandbox.plan_fault({**LOOK, "delay": 1.5, "times": 1000})
        began = monotonic()
        world.handle(heapq.heappop(world.messages))
        assert monotonic() - began < 3
        assert job(world, job_id).reason == "backoff"
        world.run()
        assert texts(world) == ["one"]
        assert job(world, job_id).state == "published"


def test_a_look_that_breaks_every_worker_is_taken_out_of_their_way(world: World) -> None:
    bottomless = {"status": 200, "body": "[" * 200_000}
    world.sandbox.plan_fault({**LOOK, "act": False, "answer": bottomless, "times": 1000})
    job_id = enqueue(world)
    world.run()
    in_review(world, job_id, "poison")
    assert [type(error) for error in world.broken] == [RecursionError] * 5


def test_a_token_that_is_rejected_while_another_is_given_disconnects_nobody(world: World) -> None:
    profile = SandboxAccount(user_id=USER, username="sandbox")
    world.sandbox.set_options(accounts={ACCESS_TOKEN: profile, NEW_TOKEN: profile})

    def reconnect(_: Request) -> None:
        world.client.add_account("main", user_id=USER, access_token=NEW_TOKEN)

    job_id, began = until_publish(world), world.clock.seconds
    world.sandbox.plan_fault(refused(r"/v1.0/\d+$", {"code": 190}), on_hit=reconnect)
    world.run()
    assert texts(world) == ["one"]
    assert job(world, job_id).state == "published"
    assert world.client.account().status == "active"
    assert world.clock.seconds - began < 60


def test_a_container_that_is_given_up_meanwhile_is_not_published(world: World) -> None:
    def give_up(_: Request) -> None:
        with world.desk.transaction() as session:
            session.connection().exec_driver_sql(
                "UPDATE threadsworker_container SET live = false, death = 'NOT_FOUND'"
            )

    until_publish(world)
    world.sandbox.plan_fault(LOOK, on_hit=give_up)
    world.handle(heapq.heappop(world.messages))
    assert attempts(world) == 0
    assert texts(world) == []


def test_a_commit_that_got_no_answer_is_not_taken_for_a_lost_claim(world: World) -> None:
    job_id = until_publish(world)
    claim = claimed(world, job_id, by="w")
    assert claim is not None
    work = load(world.desk, claim, 0)
    attempt_id = authorise(world.desk, claim, work)
    assert isinstance(attempt_id, str)
    made = Made(id="17", instagram=None)
    for _ in range(2):
        assert _accepted(world.desk, claim, work, attempt_id, made)
    assert claimed(world, job_id, by="another")
    assert not _accepted(world.desk, claim, work, attempt_id, made)
    whats = [event.what for event in job(world, job_id).events]
    assert whats.count("segment_published") == 1
    assert "second_post" not in whats
