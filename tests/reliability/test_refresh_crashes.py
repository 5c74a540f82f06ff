"""A token is refreshed by one worker at a time, and no crash loses an account."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.reliability.refreshing import (
    ME,
    REFRESH,
    REJECTED,
    account,
    after_the_lease,
    pass_days,
    refreshing_world,
    row,
    sent,
    works,
)
from tests.reliability.virtual_world import ACCESS_TOKEN, World
from tests.reliability.waits import USER, refused
from threadsworker.errors import NotPossible, TokenRejected
from threadsworker.steps.refresh import refresh_tokens


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with refreshing_world(tmp_path) as world:
        yield world


def killed_while_refreshing(world: World, where: str) -> None:
    """A worker process that is killed in the middle of its refresh."""
    seconds = str(world.clock.seconds)
    home, url = str(world.settings.home), world.sandbox.threads_api_url
    command = [sys.executable, "-m", "tests.reliability.refresh_alone", home, url, seconds, where]
    worker: list[subprocess.Popen[bytes]] = []
    if where != "before_store":
        path = REFRESH if where == "before_the_answer" else f"^{ME}$"
        world.sandbox.plan_fault(
            {"match": {"service": "threads", "path_regex": path}, "times": 1},
            on_hit=lambda _: os.kill(worker[0].pid, signal.SIGKILL),
        )
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    worker.append(subprocess.Popen(command, cwd=Path(__file__).parents[2], env=inherited))
    assert worker[0].wait(30) == -signal.SIGKILL


@pytest.mark.parametrize("keeps", [True, False], ids=["old one lives", "old one dies"])
@pytest.mark.parametrize("where", ["before_the_answer", "before_store", "before_the_proof"])
def test_a_worker_that_is_killed_in_a_refresh_loses_no_account(
    world: World, where: str, keeps: bool
) -> None:
    """
    In this test a worker is killed when Meta has refreshed the token: before it answers, after
    that and before the new one is stored, and after that and before it is proved.
    """
    world.sandbox.set_options(refresh_keeps_old_token=keeps)
    pass_days(world, 31, then=False)
    killed_while_refreshing(world, where)
    assert sent(world) == 1
    refresh_tokens(world.desk)
    # Somebody has it, as far as anyone can tell.
    assert sent(world) == 1
    stored = where == "before_the_proof"
    assert (row(world).previous_token is not None) == stored
    # Meanwhile the account works, if Meta lets it.
    if keeps or stored:
        assert works(world)
    after_the_lease(world)
    refresh_tokens(world.desk)
    found = account(world)
    if keeps or stored:
        assert found.token_refreshed_at is not None
        assert found.status == "active"
        assert row(world).previous_token is None
        assert row(world).refresh_begun_at is None
        assert sent(world) == (1 if stored else 2)
        assert works(world)
        return
    # The only string that works was never stored: nobody can help but the owner.
    assert found.status == "needs_reconnect"
    assert found.disconnected_because is not None
    assert "its answer was lost" in found.disconnected_because
    assert not works(world)
    world.client.add_account("main", user_id=USER, access_token="sandbox-another-1")
    world.run()
    assert {state for state, _, _ in world.states()} == {"published"}


def test_two_workers_at_once_send_one_refresh(world: World) -> None:
    pass_days(world, 31, then=False)
    match = {"service": "threads", "path_regex": REFRESH}
    world.sandbox.plan_fault({"match": match, "delay": 0.1, "times": 9})
    workers = [Thread(target=refresh_tokens, args=(world.new_desk(),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert sent(world) == 1
    assert works(world)


def test_of_two_refreshes_the_first_that_is_stored_wins(world: World) -> None:
    """A worker sleeps in its refresh until another has taken over, and is done."""
    other = world.new_desk()

    def take_over(_: Any) -> None:
        after_the_lease(world)
        refresh_tokens(other)

    pass_days(world, 31, then=False)
    before = row(world).token_version
    match = {"service": "threads", "path_regex": REFRESH}
    world.sandbox.plan_fault({"match": match, "times": 1}, on_hit=take_over)
    refresh_tokens(world.desk)
    assert sent(world) == 2
    assert row(world).token_version == before + 1
    assert row(world).refresh_lease_until is None
    assert works(world)


def test_a_token_that_a_person_brings_is_not_replaced_by_a_late_refresh(world: World) -> None:
    def reconnect(_: Any) -> None:
        world.client.add_account("main", user_id=USER, access_token="sandbox-by-hand-1")

    pass_days(world, 31, then=False)
    match = {"service": "threads", "path_regex": REFRESH}
    world.sandbox.plan_fault({"match": match, "times": 1}, on_hit=reconnect)
    refresh_tokens(world.desk)
    with world.desk.reading() as session:
        held = world.desk.credentials(session, row(world).id)
    assert held.access_token.get_secret_value() == "sandbox-by-hand-1"


def test_a_person_who_refreshes_while_a_worker_does_is_told(world: World) -> None:
    told: list[str] = []

    def refresh_too(_: Any) -> None:
        with pytest.raises(NotPossible) as busy:
            world.client.refresh_account()
        told.append(busy.value.code)

    pass_days(world, 31, then=False)
    match = {"service": "threads", "path_regex": REFRESH}
    world.sandbox.plan_fault({"match": match, "times": 1}, on_hit=refresh_too)
    refresh_tokens(world.desk)
    assert told == ["account.refreshing"]


def test_a_person_may_refresh_before_it_is_due_and_is_told_what_meta_says(world: World) -> None:
    pass_days(world, 2)
    assert world.client.refresh_account().token_refreshed_at == world.clock.moment()
    # That one is known to nobody here but the row; the next one is refused.
    world.sandbox.plan_fault(refused(REFRESH, REJECTED))
    world.sandbox.plan_fault(refused(f"^{ME}$", REJECTED))
    with pytest.raises(TokenRejected):
        world.client.refresh_account()
    assert account(world).status == "needs_reconnect"


def test_meta_can_be_asked_about_the_token_at_any_time(world: World) -> None:
    pass_days(world, 3, then=False)
    assert world.client.check_account().token_checked_at == world.clock.moment()
    world.sandbox.set_token(ACCESS_TOKEN, "revoked")
    with pytest.raises(TokenRejected):
        world.client.check_account()
    assert account(world).status == "needs_reconnect"
    assert row(world).refresh_lease_until is None
