"""Waiting: for services that ask for a pause, for tokens and for people."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy.orm import Session

from tests.reliability.doubt import HOUR, LOST, THREAD, enqueue, is_published_once, job, texts
from tests.reliability.virtual_world import ACCESS_TOKEN, World
from tests.reliability.waits import THROTTLE, USER, add_other, calls, picture, refused
from threadsworker.errors import NotPossible
from threadsworker.sandbox.request import Request
from threadsworker.steps.desk import Desk
from threadsworker.steps.quota import figures
from threadsworker.steps.step import Stop
from threadsworker.store import accounts, standing
from threadsworker.store.database import clock

# Pauses that a service asks for


def test_a_throttle_stops_the_account_and_nobody_else(world: World) -> None:
    add_other(world)
    world.sandbox.plan_fault(refused("/me/threads$", THROTTLE))
    mine = [enqueue(world, f"mine {n}") for n in range(3)]
    world.run(until=lambda: "throttled" in {job(world, one).reason for one in mine})
    told, seen = world.clock.seconds, len(world.sandbox.ledger)
    others = enqueue(world, "others", account="other")
    world.run()
    assert job(world, others).state == "published"
    assert {job(world, one).state for one in mine} == {"published"}
    ours = [one for one in calls(world, since=seen) if one.get("user_id") == USER]
    assert len(ours) >= 6
    assert all(one["time"] >= told + 60 for one in ours)
    first = min(post.published_at for post in world.sandbox.posts() if post.text == "others")
    assert first < told + 30


def test_pauses_grow_and_begin_anew_after_a_success(world: World) -> None:
    world.sandbox.plan_fault(refused("/me/threads$", THROTTLE, times=4))
    job_id = enqueue(world, "one")
    world.run()
    assert job(world, job_id).state == "published"
    tries = [one["time"] for one in calls(world) if one["path"].endswith("/me/threads")]
    gaps = [after - before for before, after in pairwise(tries)]
    for n, gap in enumerate(gaps):
        assert 60 * 2**n <= gap < 60 * 2**n * 1.4 + 10
    (row,) = world.rows("SELECT throttles FROM threadsworker_account")
    assert row[0] == 0


def test_meta_is_left_alone_as_long_as_it_asks_to_be(world: World) -> None:
    world.sandbox.plan_fault(refused("/me/threads$", {"code": 4}, headers={"retry-after": "1200"}))
    job_id, began = enqueue(world, "one"), world.clock.seconds
    world.run()
    assert job(world, job_id).state == "published"
    assert world.clock.seconds - began >= 1200


USAGES = {
    "x-app-usage": {"call_count": 97, "total_time": 12, "total_cputime": 3},
    "x-business-use-case-usage": {
        "1784": [{"call_count": 99, "estimated_time_to_regain_access": 19}]
    },
}


@pytest.mark.parametrize("header", USAGES)
def test_an_account_close_to_a_limit_pauses_before_it_is_reached(world: World, header: str) -> None:
    world.sandbox.plan_fault(
        {
            "match": {"service": "threads", "path_regex": "/v1.0/me/threads$"},
            "answer": {"body": {"id": "1"}, "headers": {header: json.dumps(USAGES[header])}},
            "act": False,
        }
    )
    job_id, began = enqueue(world, "one"), world.clock.seconds
    world.run(until=lambda: job(world, job_id).reason == "throttled")
    seen = len(world.sandbox.ledger)
    pause = 60 if header == "x-app-usage" else 19 * 60
    world.run(until=lambda: world.clock.seconds > began + pause - 1)
    assert calls(world, since=seen) == []


def test_a_publish_that_met_a_throttle_is_settled_after_the_pause(world: World) -> None:
    world.sandbox.plan_fault(
        {**LOST, "answer": {"status": 400, "body": {"error": {"message": "too much", **THROTTLE}}}}
    )
    job_id, began = enqueue(world), world.clock.seconds
    world.run(until=lambda: job(world, job_id).reason == "throttled")
    world.run()
    is_published_once(world, job_id)
    assert world.clock.seconds - began >= 60


def test_the_longest_pause_that_was_asked_for_counts(world: World) -> None:
    with world.desk.transaction() as session:
        account_id, now = accounts.find(session, "main").id, clock(session)
        dice = world.desk.dice
        for asked_for in (None, 3600.0, 5.0):
            ends = standing.cool_down_github(
                session, account_id, asked_for=asked_for, now=now, dice=dice
            )
    assert (ends - now).total_seconds() == 3600
    account = world.client.account()
    assert account.github_paused_until == ends
    add_other(world)
    assert world.client.account("other").github_paused_until == ends


def test_githubs_pause_holds_for_all_who_use_the_token(world: World) -> None:
    add_other(world)
    world.sandbox.plan_fault(
        {
            "match": {"service": "github", "path_regex": "/git/blobs$"},
            "act": False,
            "times": 1,
            "answer": {
                "status": 403,
                "body": {"message": "You have exceeded a secondary rate limit."},
                "headers": {"retry-after": "300"},
            },
        }
    )
    image = picture(world)
    mine = enqueue(world, "mine", media=[image])
    world.run(until=lambda: job(world, mine).reason == "github_limit")
    told, seen = world.clock.seconds, len(world.sandbox.ledger)
    others = enqueue(world, "others", media=[image], account="other")
    plain = enqueue(world, "plain", account="other")
    world.run()
    assert {job(world, one).state for one in (mine, others, plain)} == {"published"}
    asked = calls(world, since=seen, service="github")
    assert asked
    assert all(one["time"] >= told + 300 for one in asked)
    (at,) = [post.published_at for post in world.sandbox.posts() if post.text == "plain"]
    assert at < told + 60


def test_of_many_uploads_none_begins_after_github_asked_for_a_pause(world: World) -> None:
    world.sandbox.set_options(github_writes_per_minute=5)
    job_id = enqueue(world, "many", media=[picture(world, n) for n in range(30)])
    world.run(until=lambda: job(world, job_id).reason == "github_limit")
    refusals = [one for one in calls(world, service="github") if one["status"] == 403]
    # Those that were on their way already, and no more.
    assert 1 <= len(refusals) <= 8


# Tokens, and people


def test_jobs_of_a_rejected_token_wait_untouched_until_there_is_a_new_one(world: World) -> None:
    world.sandbox.set_token(ACCESS_TOKEN, "revoked")
    waiting = [enqueue(world, f"post {n}") for n in range(3)]
    world.run(until=lambda: all(job(world, one).reason == "needs_reconnect" for one in waiting))
    seen, until = len(world.sandbox.ledger), world.clock.seconds + 10 * 60
    world.run(until=lambda: world.clock.seconds > until)
    assert calls(world, since=seen) == []
    fresh = "sandbox-access-token-fresh-1"
    world.client.add_account("main", user_id=USER, access_token=fresh)
    world.run()
    assert sorted(texts(world)) == ["post 0", "post 1", "post 2"]


def test_a_late_rejection_of_an_old_token_does_not_disconnect_the_new_one(world: World) -> None:
    with world.desk.transaction() as session:
        row = accounts.find(session, "main")
        standing.disconnect(
            session, row.id, token_version=row.token_version - 1, now=clock(session)
        )
        session.refresh(row)
        assert row.status == "active"


def test_a_rejected_token_is_tried_again_in_a_while(world: World) -> None:
    """Meta has been seen to reject tokens that were good."""
    world.sandbox.plan_fault(refused("/me/threads", {"code": 190}))
    job_id, began = enqueue(world), world.clock.seconds
    world.run()
    is_published_once(world, job_id)
    assert 900 <= world.clock.seconds - began < 1200
    assert world.client.account().status == "active"


def test_a_refresh_makes_an_account_active_and_wakes_its_jobs(world: World) -> None:
    world.sandbox.plan_fault(refused("/me/threads", {"code": 190}))
    job_id = enqueue(world)
    world.run(until=lambda: job(world, job_id).reason == "needs_reconnect")
    began = world.clock.seconds
    assert world.client.refresh_account().status == "active"
    world.run()
    is_published_once(world, job_id)
    assert world.clock.seconds - began < 60


def test_nothing_is_published_for_a_paused_account(world: World) -> None:
    add_other(world)
    world.client.pause_account()
    with pytest.raises(NotPossible, match="paused already"):
        world.client.pause_account()
    mine, others = enqueue(world), enqueue(world, account="other")
    world.run(until=lambda: job(world, others).state == "published")
    until = world.clock.seconds + 2 * HOUR
    world.run(until=lambda: world.clock.seconds > until and job(world, mine).reason == "paused")
    assert len(texts(world)) == 3
    world.client.resume_account()
    world.run()
    assert job(world, mine).state == "published"


def test_a_pause_stops_a_publish_that_is_about_to_be_authorised(world: World) -> None:
    def pause(_: Request) -> None:
        world.client.pause_account()

    job_id = enqueue(world, "one")
    world.run(until=lambda: bool(world.messages) and world.messages[0].name == "publish")
    world.sandbox.plan_fault(
        {"match": {"method": "GET", "path_regex": r"/v1.0/\d+$"}}, on_hit=pause
    )
    world.run(until=lambda: job(world, job_id).reason == "paused")
    assert texts(world) == []
    world.client.resume_account()
    world.run()
    assert texts(world) == ["one"]


def test_an_account_is_removed_with_what_was_known_of_its_quota(world: World) -> None:
    add_other(world)
    with world.desk.reading() as session:
        account_id = accounts.find(session, "other").id
    assert figures(world.desk, account_id).told_at is not None
    world.client.remove_account("other")


# Fairness, pace and the end of patience


def test_an_account_with_many_posts_does_not_delay_anothers_single_one(world: World) -> None:
    add_other(world)
    for n in range(300):
        enqueue(world, f"mine {n}", check_rate_limit_before_post=False)
    single = enqueue(world, "single", account="other")
    world.run(until=lambda: job(world, single).state == "published")
    assert len(texts(world)) <= 30
    at_work = world.rows(
        "SELECT count(*) FROM threadsworker_job"
        " WHERE overdue_at IS NOT NULL OR lease_until IS NOT NULL"
    )
    assert at_work[0][0] <= 2 * world.settings.account_concurrency


def test_posts_of_a_callers_transaction_are_begun_as_far_as_there_is_room(world: World) -> None:
    with Session(world.desk.engine) as session:
        for n in range(30):
            world.client.enqueue(f"post {n}", session=session)
        session.commit()
    (begun,) = world.rows("SELECT count(*) FROM threadsworker_job WHERE run > 1")
    assert begun[0] == world.settings.account_concurrency
    world.run()
    assert len(texts(world)) == 30


def test_posts_that_take_very_long_do_not_keep_the_others_waiting(world: World) -> None:
    clip = f"{world.sandbox.url}/media/clip.mp4"
    world.sandbox.set_options(video_seconds=HOUR / 2)
    films = [enqueue(world, f"film {n}", media=[clip]) for n in range(4)]
    world.run(until=lambda: len(world.sandbox.containers()) == 4)
    single, began = enqueue(world, "single"), world.clock.seconds
    world.run(until=lambda: job(world, single).state == "published")
    assert world.clock.seconds - began < 10 * 60
    world.run()
    assert {job(world, one).state for one in films} == {"published"}


def test_the_segments_of_a_thread_keep_its_pace(world: World) -> None:
    job_id = enqueue(world, pace=600, pace_jitter=60)
    world.run()
    is_published_once(world, job_id)
    moments = [post.published_at for post in world.sandbox.posts()]
    gaps = [after - before for before, after in pairwise(moments)]
    assert all(600 <= gap < 665 for gap in gaps)


def test_a_job_whose_troubles_do_not_end_fails_after_about_a_day(world: World) -> None:
    world.sandbox.plan_fault(
        {
            "match": {"path_regex": "/me/threads$"},
            "act": False,
            "answer": {"status": 503, "body": "down"},
            "times": 10_000,
        }
    )
    job_id, began = enqueue(world), world.clock.seconds
    world.run()
    found = job(world, job_id)
    assert found.state == "failed"
    assert found.error is not None
    assert found.error.advice.startswith("Tried 50 times")
    assert 18 * HOUR < world.clock.seconds - began < 26 * HOUR
    world.sandbox.clear_faults()
    world.client.retry(job_id)
    world.run()
    assert texts(world) == THREAD.split("\n---\n")


def test_every_wait_says_what_for(world: World) -> None:
    world.sandbox.set_options(post_quota=1, text_seconds=30)
    for n in range(3):
        enqueue(world, f"post {n}")
    seen: Counter[str | None] = Counter()

    def look() -> bool:
        for state, reason, _ in world.states():
            if state == "waiting":
                seen[reason] += 1
        return world.at_rest()

    world.run(until=look)
    assert set(seen) == {"processing", "quota"}


# A key that does not fit


@pytest.mark.parametrize("step", ["upload", "create_containers", "publish", "cleanup"])
def test_a_worker_with_another_key_parks_the_job(world: World, step: str) -> None:
    job_id = enqueue(world, "A text.")
    world.run(until=lambda: bool(world.messages) and world.messages[0].name == step)
    key = SecretStr(Fernet.generate_key().decode())
    stranger = Desk(world.settings.model_copy(update={"secret_key": key}), now=world.clock.moment)
    assert isinstance(world.handle(world.messages.pop(0), stranger), Stop)
    stranger.engine.dispose()
    parked = job(world, job_id)
    assert (parked.state, parked.reason) == ("waiting", "needs_reconnect")
    assert world.broken == []
    # One that has the right key looks again after a while.
    world.run()
    assert job(world, job_id).state == "published"
    assert texts(world) == ["A text."]
