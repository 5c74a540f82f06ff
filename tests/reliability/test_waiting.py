"""Waiting: for quotas, for services that ask for a pause, for tokens and for people."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.reliability.doubt import (
    HOUR,
    LOST,
    NOT_ACTED,
    THREAD,
    enqueue,
    is_published_once,
    job,
    texts,
)
from tests.reliability.virtual_world import ACCESS_TOKEN, GITHUB_TOKEN, REPOSITORY, World
from threadsworker.errors import NotPossible
from threadsworker.http import Http
from threadsworker.sandbox import SandboxAccount
from threadsworker.store import accounts, standing
from threadsworker.store.database import clock
from threadsworker.threads_api import ContainerSpec, MediaType, ThreadsApi

DAY = 24 * HOUR
USER = "17841400000000001"
OTHER_TOKEN = "sandbox-access-token-other-77"
#: Meta's throttle, the app-wide limit, and the daily cap in Instagram's words.
THROTTLE: dict[str, Any] = {"code": 613, "error_subcode": 4279002}
CAP: dict[str, Any] = {"code": 9, "error_subcode": 2207042}


def refused(
    path: str, code: dict[str, Any], *, times: int = 1, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """A plan: these requests are refused with this code of Meta's."""
    body = {"error": {"message": "too much", **code}}
    answer = {"status": 400, "body": body, "headers": headers or {}}
    match = {"service": "threads", "path_regex": path}
    return {"match": match, "act": False, "answer": answer, "times": times}


def add_other(world: World, name: str = "other", **given: Any) -> None:
    """Another account, of another profile."""
    known = {OTHER_TOKEN: SandboxAccount(user_id="1784140000000777", username="other")}
    world.sandbox.set_options(accounts=known)
    given = {"github_repo": REPOSITORY, "github_token": GITHUB_TOKEN, **given}
    world.client.add_account(name, user_id="1784140000000777", access_token=OTHER_TOKEN, **given)


def calls(world: World, *, since: int = 0, service: str = "threads") -> list[dict[str, Any]]:
    return [one for one in world.sandbox.ledger[since:] if one["service"] == service]


def by_hand(world: World) -> ThreadsApi:
    """The same account, used by another program."""
    return ThreadsApi(
        base_url=world.sandbox.threads_api_url, token=SecretStr(ACCESS_TOKEN), http=Http()
    )


def picture(world: World, n: int = 0) -> Path:
    """A picture that is like no other."""
    path = world.settings.home / f"{n}.jpg"
    content = files("threadsworker.sandbox").joinpath("assets", "sunrise.jpg").read_bytes()
    # What stands behind the end of a JPEG is no part of the picture.
    path.write_bytes(content + b"%d" % n)
    return path


def most_in_a_window(moments: list[float]) -> int:
    return max(sum(end - DAY < one <= end for one in moments) for end in moments)


# Quotas


def test_posts_go_out_as_the_slots_of_a_full_day_open(world: World) -> None:
    """250 of 250 are used, by another program: Meta tells how many, and not when."""
    api = by_hand(world)
    for n in range(250):
        api.publish_container(
            api.create_container(ContainerSpec(media_type=MediaType.TEXT, text=f"old {n}"))
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
    world.run(until=lambda: ("unknown",) in world.rows("SELECT state FROM attempt"))
    second = enqueue(world, "second")
    world.run(until=lambda: job(world, second).reason == "quota")
    world.run(until=lambda: job(world, first).state == "published")
    assert texts(world) == ["first"]
    world.run()
    assert texts(world) == ["first", "second"]


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
    (row,) = world.rows("SELECT throttles FROM account")
    assert row[0] == 0


def test_meta_is_left_alone_as_long_as_it_asks_to_be(world: World) -> None:
    world.sandbox.plan_fault(refused("/me/threads$", {"code": 4}, headers={"retry-after": "1200"}))
    job_id, began = enqueue(world, "one"), world.clock.seconds
    world.run()
    assert job(world, job_id).state == "published"
    assert world.clock.seconds - began >= 1200


def test_an_account_close_to_a_limit_pauses_before_it_is_reached(world: World) -> None:
    close = {"call_count": 97, "total_time": 12, "total_cputime": 3}
    world.sandbox.plan_fault(
        {
            "match": {"service": "threads", "path_regex": "/v1.0/me/threads$"},
            "answer": {
                "body": {"id": "1"},
                "headers": {"x-app-usage": str(close).replace("'", '"')},
            },
            "act": False,
        }
    )
    job_id, began = enqueue(world, "one"), world.clock.seconds
    world.run(until=lambda: job(world, job_id).reason == "throttled")
    seen = len(world.sandbox.ledger)
    world.run(until=lambda: world.clock.seconds > began + 59)
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


# Fairness, pace and the end of patience


def test_an_account_with_many_posts_does_not_delay_anothers_single_one(world: World) -> None:
    add_other(world)
    for n in range(300):
        enqueue(world, f"mine {n}", check_rate_limit_before_post=False)
    single = enqueue(world, "single", account="other")
    world.run(until=lambda: job(world, single).state == "published")
    assert len(texts(world)) <= 30
    at_work = world.rows(
        "SELECT count(*) FROM job WHERE overdue_at IS NOT NULL OR lease_until IS NOT NULL"
    )
    assert at_work[0][0] <= 2 * world.settings.account_concurrency


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
