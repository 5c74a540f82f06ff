"""Tokens are kept alive, and their owners are warned in time where that fails."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.refreshing import (
    ME,
    REFRESH,
    REJECTED,
    account,
    pass_days,
    refreshing_world,
    row,
    sent,
    until_due,
    works,
)
from tests.reliability.virtual_world import ACCESS_TOKEN, World, fast_folder
from tests.reliability.waits import USER, refused
from threadsworker.errors import TokenRejected
from threadsworker.steps.refresh import refresh_tokens
from threadsworker.store import events, expiring


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with refreshing_world(tmp_path) as world:
        yield world


# When


def test_what_is_not_known_of_a_token_is_learned_from_meta(world: World) -> None:
    found = account(world)
    now = world.clock.moment()
    assert found.token_issued_at == found.token_checked_at == now
    assert found.token_expires_at == now + timedelta(days=60)
    assert found.refresh_at == now + timedelta(days=30)
    assert found.scopes is not None
    assert "threads_content_publish" in found.scopes
    assert sent(world) == 0


def test_a_token_is_refreshed_30_days_before_its_end_and_not_sooner(world: World) -> None:
    pass_days(world, 29.9)
    assert sent(world) == 0
    pass_days(world, 0.2)
    assert sent(world) == 1
    found = account(world)
    assert found.token_refreshed_at == found.token_issued_at == world.clock.moment()
    assert found.token_expires_at == world.clock.moment() + timedelta(days=60)
    assert row(world).previous_token is None
    for _ in range(40):
        pass_days(world, 10)
    # Thirteen months later it is still alive, and was refreshed once a month.
    assert works(world)
    assert sent(world) == 14


def test_a_token_without_an_end_that_meta_tells_is_refreshed_when_it_may_be(
    tmp_path: Path,
) -> None:
    with World(fast_folder(tmp_path)) as world:
        world.sandbox.set_options(refresh_min_age=86400.0)
        world.sandbox.plan_fault(refused("debug_token", {"code": 10}, times=9))
        refresh_tokens(world.desk)
        # Too young, says Meta; then it is not.
        assert (sent(world), account(world).refresh_tries) == (1, 1)
        while account(world).token_expires_at is None:
            until_due(world)
            refresh_tokens(world.desk)
        assert account(world).token_refreshed_at == world.clock.moment()
        assert sent(world) <= 7
        assert account(world).status == "active"


def test_a_failing_refresh_is_tried_again_every_day_and_its_owner_is_warned(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="threadsworker")
    world.sandbox.plan_fault(refused(REFRESH, {"code": 2}, times=1000))
    end = account(world).token_expires_at
    assert end is not None
    warned: list[timedelta] = []
    while world.clock.moment() < end - timedelta(hours=4):
        until_due(world)
        caplog.clear()
        refresh_tokens(world.desk)
        warned += [end - world.clock.moment() for one in caplog.messages if "token.expiring" in one]
    assert 30 <= sent(world) <= 100
    # Once, a week before the end.
    assert len(warned) == 1
    assert timedelta(days=5) < warned[0] <= timedelta(days=7)
    assert account(world).status == "active"
    world.sandbox.clear_faults()
    until_due(world)
    refresh_tokens(world.desk)
    assert account(world).refresh_tries == 0
    assert works(world)


def test_a_dead_token_needs_its_owner_and_no_post_fails_for_it(world: World) -> None:
    pass_days(world, 31, then=False)
    world.sandbox.set_token(ACCESS_TOKEN, "revoked")
    refresh_tokens(world.desk)
    found = account(world)
    assert found.status == "needs_reconnect"
    assert found.disconnected_because is not None
    assert "has not authorized" in found.disconnected_because
    job_id = world.client.enqueue("later").id
    world.upkeep()
    world.run(until=lambda: world.client.get(job_id).reason == "needs_reconnect")
    world.client.add_account("main", user_id=USER, access_token="sandbox-another-1")
    world.run()
    assert world.client.get(job_id).state == "published"
    assert account(world).disconnected_because is None


def test_a_refresh_that_is_refused_while_the_token_works_changes_nothing(world: World) -> None:
    world.sandbox.plan_fault(refused(REFRESH, REJECTED))
    pass_days(world, 31)
    assert account(world).status == "active"
    assert account(world).refresh_tries == 1
    until_due(world)
    refresh_tokens(world.desk)
    assert account(world).token_refreshed_at == world.clock.moment()


def test_a_throttled_account_waits_with_its_refresh_too(world: World) -> None:
    pass_days(world, 31, then=False)
    world.sandbox.plan_fault(refused(REFRESH, {"code": 613}))
    refresh_tokens(world.desk)
    found = account(world)
    assert found.paused_until is not None
    assert found.refresh_tries == 0
    refresh_tokens(world.desk)
    assert sent(world) == 1
    world.clock.seconds = found.paused_until.timestamp() + 1
    refresh_tokens(world.desk)
    assert account(world).token_refreshed_at == world.clock.moment()


def test_a_paused_account_is_kept_alive(world: World) -> None:
    world.client.pause_account()
    pass_days(world, 31)
    assert account(world).token_refreshed_at == world.clock.moment()


# The new one and the old one


@pytest.mark.parametrize("keeps", [True, False])
def test_a_new_token_that_does_not_work_is_given_back_for_the_old_one(
    world: World, keeps: bool
) -> None:
    world.sandbox.set_options(refresh_keeps_old_token=keeps)
    world.sandbox.plan_fault(refused(f"^{ME}$", REJECTED))
    pass_days(world, 31)
    found = account(world)
    if not keeps:
        assert found.status == "needs_reconnect"
        return
    assert found.status == "active"
    # Nothing is known of the old one any more but that it works.
    assert (found.token_expires_at, found.refresh_tries) == (None, 1)
    assert works(world)
    until_due(world)
    refresh_tokens(world.desk)
    assert account(world).token_refreshed_at == world.clock.moment()
    assert works(world)


def test_a_new_token_is_proved_later_if_meta_does_not_answer_now(world: World) -> None:
    unavailable = refused(f"^{ME}$", {"code": 2}, times=3)
    world.sandbox.plan_fault(unavailable)
    pass_days(world, 31)
    assert row(world).previous_token is not None
    assert works(world)
    until_due(world)
    refresh_tokens(world.desk)
    assert row(world).previous_token is None
    assert sent(world) == 1


def test_jobs_that_meet_a_bad_new_token_have_the_old_one_back_at_once(world: World) -> None:
    world.sandbox.plan_fault(refused(f"^{ME}$", {"code": 2}, times=3))
    pass_days(world, 31)
    world.sandbox.plan_fault(refused("/me/threads", REJECTED))
    world.sandbox.plan_fault(refused(f"^{ME}$", REJECTED))
    job_id = world.client.enqueue("hello").id
    world.run(until=lambda: world.client.get(job_id).reason == "needs_reconnect")
    began = world.clock.seconds
    refresh_tokens(world.desk)
    assert account(world).status == "active"
    world.run()
    assert world.client.get(job_id).state == "published"
    assert world.clock.seconds - began < 60


def test_a_look_at_the_token_finds_the_old_one_too(world: World) -> None:
    world.sandbox.plan_fault(refused(f"^{ME}$", {"code": 2}, times=3))
    pass_days(world, 31)
    # Now the new one is refused, by all that is asked with it, and the old one answers.
    world.sandbox.plan_fault(refused("debug_token", REJECTED))
    world.sandbox.plan_fault(refused(f"^{ME}$", REJECTED))
    with pytest.raises(TokenRejected):
        world.client.check_account()
    assert (account(world).status, row(world).previous_token) == ("active", None)
    assert works(world)


def test_the_same_string_again_is_kept_as_new(world: World) -> None:
    world.sandbox.set_options(refresh_makes_new_token=False)
    pass_days(world, 31)
    assert account(world).token_expires_at == world.clock.moment() + timedelta(days=60)
    assert works(world)


# Warnings


def test_a_post_that_would_outlive_its_token_is_told_of_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="threadsworker")
    end = account(world).token_expires_at
    assert end is not None
    late = [world.client.enqueue(f"late {n}", at=end + timedelta(days=n)).id for n in (1, 2)]
    early = world.client.enqueue("early", at=end - timedelta(days=1)).id
    for _ in range(2):
        refresh_tokens(world.desk)
    for job_id, times in ((late[0], 1), (late[1], 1), (early, 0)):
        with world.desk.reading() as session:
            found = [one for one in events.of_job(session, job_id) if one.what == expiring.EXPIRING]
        assert len(found) == times
        assert sum(job_id in line for line in caplog.messages) == times
        assert all(one.data == {"expires_at": end.isoformat()} for one in found)


# What the environment says


def test_a_refreshed_token_is_not_replaced_by_that_of_the_environment(tmp_path: Path) -> None:
    given: dict[str, Any] = {"user_id": USER, "access_token": ACCESS_TOKEN}
    with World(fast_folder(tmp_path), **given) as world:
        assert account(world).user_id == USER
        world.client.refresh_account()
        version = row(world).token_version
        assert account(world).token_refreshed_at is not None
        assert row(world).token_version == version


def test_no_secret_is_in_the_row_in_the_clear(world: World) -> None:
    world.sandbox.plan_fault(refused(f"^{ME}$", {"code": 2}, times=3))
    pass_days(world, 31)
    kept = row(world)
    assert kept.previous_token is not None
    told = json.dumps(kept.model_dump(mode="json"))
    assert ACCESS_TOKEN not in told
    assert "sandbox-long-" not in told
