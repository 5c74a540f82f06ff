"""Listings of many pages, short ones and empty ones; and what the sandbox refuses, as Meta does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.profiles import ASTRO_TOKEN, Profiles, profiles, publish
from threadsworker.errors import RequestRefused


@pytest.fixture
def world() -> Iterator[Profiles]:
    with profiles() as found:
        yield found


def test_cursors_are_followed_and_no_url_holds_the_token(world: Profiles) -> None:
    posts = [publish(world.astro, f"post {number}") for number in range(230)]
    before = len(world.sandbox.ledger)
    found = [post.id for post in world.astro.own_threads(fields=("id",))]
    assert found == posts[::-1]
    pages = world.sandbox.ledger[before:]
    assert [entry["query"]["limit"] for entry in pages] == ["100"] * len(pages)
    assert ["after" in entry["query"] for entry in pages] == [False, True, True, True]
    assert not any(entry["token_in_query"] for entry in pages)


def test_the_url_of_the_next_page_which_holds_the_token_is_not_kept(world: Profiles) -> None:
    world.sandbox.set_options(page_cap=1)
    for number in range(3):
        publish(world.astro, f"post {number}")
    answer = world.astro.get("/me/threads")
    assert ASTRO_TOKEN in answer["paging"]["next"]
    assert ASTRO_TOKEN not in repr(list(world.astro.own_threads()))


def test_the_sandbox_turns_pages_back_and_forth(world: Profiles) -> None:
    """Nothing of ours goes back; other clients do."""
    posts = [publish(world.astro, f"post {number}") for number in range(5)][::-1]
    first = world.astro.get("/me/threads", limit="2")
    assert "previous" not in first["paging"]
    second = world.astro.get("/me/threads", limit="2", after=first["paging"]["cursors"]["after"])
    assert [one["id"] for one in second["data"]] == posts[2:4]
    back = second["paging"]["cursors"]["before"]
    again = world.astro.get("/me/threads", limit="2", before=back)
    assert [one["id"] for one in again["data"]] == posts[:2]
    last = world.astro.get("/me/threads", limit="2", after=second["paging"]["cursors"]["after"])
    assert "next" not in last["paging"]
    assert "previous" in last["paging"]


def test_a_limit_is_how_many_objects_in_all(world: Profiles) -> None:
    posts = [publish(world.astro, f"post {number}") for number in range(130)]
    before = len(world.sandbox.ledger)
    assert [p.id for p in world.astro.own_threads(limit=120, fields=("id",))] == posts[:9:-1]
    assert len(world.sandbox.ledger) == before + 2


def test_a_page_may_be_shorter_than_it_was_asked_for(world: Profiles) -> None:
    world.sandbox.set_options(page_cap=3)
    posts = [publish(world.astro, f"post {number}") for number in range(8)]
    assert [post.id for post in world.astro.own_threads(limit=7)] == posts[:0:-1]


def test_a_search_without_a_paging_object_ends(world: Profiles) -> None:
    for number in range(30):
        publish(world.cook, f"soup {number}")
    before = len(world.sandbox.ledger)
    assert len(list(world.astro.keyword_search("soup"))) == 30
    assert len(world.sandbox.ledger) == before + 1


def test_a_search_with_pages_is_followed(world: Profiles) -> None:
    world.sandbox.set_options(search_pages=True, page_cap=4)
    posts = [publish(world.cook, f"soup {number}") for number in range(10)]
    found = world.astro.keyword_search("soup", search_type="RECENT")
    assert [post.id for post in found] == posts[::-1]


def test_an_empty_page_with_a_next_one_is_not_the_end(world: Profiles) -> None:
    """Meta filters what a token may not see after it has cut the pages."""
    post = publish(world.astro, "hidden behind an empty page")
    (found,) = world.astro.own_threads(fields=("id",), limit=1)
    assert found.id == post
    paging = {"cursors": {"before": "b", "after": "QQ"}, "next": "https://x/?access_token=t"}
    empty: dict[str, Any] = {"data": [], "paging": paging}
    page: dict[str, Any] = {
        "data": [{"id": post}],
        "paging": {"cursors": {"before": "QR", "after": "QR"}},
    }
    end: dict[str, Any] = {"data": []}
    for body in (empty, page, end):
        world.sandbox.plan_fault({"act": False, "answer": {"status": 200, "body": body}})
    before = len(world.sandbox.ledger)
    assert [one.id for one in world.astro.own_threads(fields=("id",))] == [post]
    sent = [entry["query"].get("after") for entry in world.sandbox.ledger[before:]]
    assert sent == [None, "QQ", "QR"]


def test_words_that_meta_calls_sensitive_are_not_found(world: Profiles) -> None:
    world.sandbox.set_options(sensitive_words=["soup"])
    publish(world.cook, "soup")
    assert list(world.astro.keyword_search("soup")) == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/me/threads?fields=nonsense", "nonexisting field (nonsense)"),
        ("/keyword_search?q=soup&fields=owner", "nonexisting field (owner)"),
        ("/keyword_search", "The parameter q is required"),
        ("/me/threads_insights", "The parameter metric is required"),
        ("/me/threads_insights?metric=nonsense", "Param metric[0] must be one of"),
        ("/me/threads_insights?metric=views&since=1700000000", "Param since must be at least"),
        ("/me/threads?since=1600000000", "Param since must be at least 1688540400"),
        ("/me/threads?limit=101", "Param limit must be 1 to 100"),
        ("/me/threads?before=a&after=b", "cannot be used together"),
        ("/location_search", "The parameter q is required"),
        ("/profile_lookup", "The parameter username is required"),
        ("/oembed", "The parameter url is required"),
    ],
)
def test_the_sandbox_refuses_what_meta_refuses(world: Profiles, path: str, words: str) -> None:
    publish(world.cook, "soup")
    publish(world.astro, "stars")
    with pytest.raises(RequestRefused) as refused:
        world.astro.get(path)
    assert words in refused.value.message
    assert refused.value.code == 100
