"""Every listing, each by itself: the period and the size it is asked for, and its pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.test_endpoints import PERIOD, SINCE, UNTIL
from tests.profiles import Profiles, profiles, publish

#: The method, its path for the post with the id ``{root}``, its arguments, and their parameters.
TIMELINES: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "own_threads": ("/me/threads", (), {}),
    "own_replies": ("/me/replies", (), {}),
    "mentions": ("/me/mentions", (), {}),
    "ghost_posts": ("/me/ghost_posts", (), {}),
    "profile_posts": ("/profile_posts", ("astro",), {"username": "astro"}),
    "keyword_search": ("/keyword_search", ("soup",), {"q": "soup"}),
}
BELOW = {
    "replies": "/{root}/replies",
    "conversation": "/{root}/conversation",
    "pending_replies": "/{root}/pending_replies",
}


@pytest.fixture
def world() -> Iterator[Profiles]:
    with profiles(search_pages=True, page_cap=1) as found:
        yield found


@pytest.mark.parametrize("name", TIMELINES)
def test_a_period_a_size_and_fields_are_sent(world: Profiles, name: str) -> None:
    path, arguments, given = TIMELINES[name]
    listing = getattr(world.astro, name)
    found = listing(*arguments, since=SINCE, until=UNTIL, limit=7, fields=("id", "text"))
    assert list(found) == []
    last = world.last()
    assert (last["method"], last["path"]) == ("GET", f"/v1.0{path}")
    assert last["query"] == {**given, **PERIOD, "limit": "7", "fields": "id,text"}


def listed(world: Profiles, name: str) -> tuple[str, tuple[str, ...], dict[str, str], list[str]]:
    """The listing's path, arguments and parameters, and the ids in it, newest first."""
    if name in TIMELINES:
        path, arguments, given = TIMELINES[name]
        return path, arguments, given, [made(world, name, n) for n in range(3)][::-1]
    waits = name == "pending_replies"
    root = publish(world.astro, "root", enable_reply_approvals=waits)
    replies = [publish(world.cook, f"reply {n}", reply_to_id=root) for n in range(3)]
    return BELOW[name].format(root=root), (root,), {}, replies[::-1]


def made(world: Profiles, name: str, number: int) -> str:
    """A post that is in the listing."""
    match name:
        case "own_replies":
            root = publish(world.cook, f"root {number}")
            return publish(world.astro, f"reply {number}", reply_to_id=root)
        case "ghost_posts":
            return publish(world.astro, f"boo {number}", is_ghost_post=True)
        case "mentions" | "keyword_search":
            return publish(world.cook, f"soup for @astro {number}")
        case _:
            return publish(world.astro, f"post {number}")


@pytest.mark.parametrize("name", [*TIMELINES, *BELOW])
def test_its_pages_are_followed_by_their_cursors(world: Profiles, name: str) -> None:
    path, arguments, _, ids = listed(world, name)
    before = len(world.sandbox.ledger)
    found = getattr(world.astro, name)(*arguments, limit=3, fields=("id",))
    assert [one.id for one in found] == ids
    pages = world.sandbox.ledger[before:]
    assert {one["path"] for one in pages} == {f"/v1.0{path}"}
    first, second, third = [one["query"].get("after") for one in pages]
    assert first is None
    assert second
    assert third
    assert second != third
    assert not any(one["token_in_query"] for one in pages)


@pytest.mark.parametrize("name", [*TIMELINES, *BELOW])
def test_others_may_turn_its_pages_back(world: Profiles, name: str) -> None:
    path, _, given, _ = listed(world, name)

    def page(**turn: str) -> dict[str, Any]:
        return world.astro.get(path, **{"fields": "id", **given, **turn})

    first = page()
    second = page(after=first["paging"]["cursors"]["after"])
    assert second["data"] != first["data"]
    assert page(before=second["paging"]["cursors"]["before"])["data"] == first["data"]
