"""What the tests of refreshing share: an account whose token is new, and how its time passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.reliability.virtual_world import World, fast_folder
from tests.reliability.waits import DAY
from threadsworker import report
from threadsworker.steps.refresh import refresh_tokens
from threadsworker.store import accounts

REFRESH, ME = "/refresh_access_token", "/v1.0/me"
REJECTED: dict[str, Any] = {"code": 190, "error_subcode": 463}


@contextmanager
def refreshing_world(folder: Path) -> Iterator[World]:
    """An account whose token has just been made, as Meta has told."""
    # What happens during a request takes more than the usual quarter of a second.
    with World(fast_folder(folder), http_timeout="10") as world:
        refresh_tokens(world.desk)
        yield world


def sent(world: World, path: str = REFRESH) -> int:
    return sum(one["path"] == path for one in world.sandbox.ledger)


def account(world: World) -> report.Account:
    return world.client.account()


def row(world: World) -> Any:
    with world.desk.reading() as session:
        return accounts.find(session, "main")


def pass_days(world: World, days: float, *, then: bool = True) -> None:
    world.clock.seconds += days * DAY
    if then:
        refresh_tokens(world.desk)


def until_due(world: World) -> None:
    """To a minute after the moment at which its token is looked at next."""
    due = account(world).refresh_at
    assert due is not None
    world.clock.seconds = due.timestamp() + 60


def after_the_lease(world: World) -> None:
    world.clock.seconds = row(world).refresh_lease_until.timestamp() + 1


def works(world: World) -> bool:
    """Whether something can be published with what is in the row."""
    job_id = world.client.enqueue("hello").id
    started = world.clock.seconds
    world.run(until=lambda: world.clock.seconds > started + 3600 or world.at_rest())
    return world.client.get(job_id).state == "published"
