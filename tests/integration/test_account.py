"""`client.acting_as(…)`: what an app reads and changes for an account, and what that does to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.profiles import ASTRO_TOKEN, COOK_TOKEN, Profiles, profiles, publish
from threadsworker import Account, Client, InvalidRequest, NotFound, NotPossible, Poll
from threadsworker.errors import RateLimited, RequestRefused, TokenRejected
from threadsworker.settings import load_settings

THROTTLE: dict[str, Any] = {
    "status": 400,
    "body": {"error": {"message": "too many calls", "code": 613, "error_subcode": 4279002}},
}
DENIED: dict[str, Any] = {
    "status": 400,
    "body": {"error": {"message": "no permission", "code": 10}},
}


@pytest.fixture
def world() -> Iterator[Profiles]:
    with profiles() as found:
        yield found


@pytest.fixture
def client(world: Profiles, tmp_path: Path) -> Iterator[Client]:
    settings = load_settings(home=tmp_path, threads_api_url=world.sandbox.threads_api_url)
    with Client(settings) as client:
        client.add_account("astronomy", user_id="17841400000000011", access_token=ASTRO_TOKEN)
        yield client


@pytest.fixture
def astro(client: Client) -> Account:
    return client.acting_as("astronomy")


def test_there_is_nobody_to_act_as_without_an_account(client: Client) -> None:
    with pytest.raises(NotFound, match="known: astronomy"):
        client.acting_as("nobody")


@pytest.mark.parametrize(
    ("call", "paths"),
    [
        (lambda a, post: a.profile(), ["GET /me"]),
        (lambda a, post: list(a.posts(limit=1)), ["GET /me/threads"]),
        (lambda a, post: a.post(post), ["GET /{post}"]),
        (lambda a, post: list(a.replies(post)), ["GET /{post}/replies"]),
        (lambda a, post: list(a.conversation(post)), ["GET /{post}/conversation"]),
        (lambda a, post: list(a.pending_replies(post)), ["GET /{post}/pending_replies"]),
        (lambda a, post: list(a.own_replies()), ["GET /me/replies"]),
        (lambda a, post: list(a.ghost_posts()), ["GET /me/ghost_posts"]),
        (lambda a, post: list(a.mentions()), ["GET /me/mentions"]),
        (lambda a, post: list(a.search("stars")), ["GET /keyword_search"]),
        (lambda a, post: a.lookup("astro"), ["GET /profile_lookup"]),
        (lambda a, post: list(a.posts_of("astro", limit=1)), ["GET /profile_posts"]),
        (lambda a, post: a.locations("menlo"), ["GET /location_search"]),
        (lambda a, post: a.location("100210000000001"), ["GET /100210000000001"]),
        (lambda a, post: a.post_insights(post), ["GET /{post}/insights"]),
        (lambda a, post: a.insights(), ["GET /me/threads_insights"]),
        (lambda a, post: a.embed(a.post(post).permalink), ["GET /{post}", "GET /oembed"]),
        (lambda a, post: a.quota(), ["GET /me/threads_publishing_limit"]),
        (lambda a, post: a.repost(post), ["POST /{post}/repost"]),
        (lambda a, post: a.delete(post), ["DELETE /{post}"]),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "by",
)
def test_each_method_asks_its_endpoint(
    world: Profiles, astro: Account, call: Callable[[Account, str], object], paths: list[str]
) -> None:
    post = publish(world.astro, "stars")
    before = len(world.sandbox.ledger)
    call(astro, post)
    asked = [
        f"{entry['method']} {entry['path'].removeprefix('/v1.0')}"
        for entry in world.sandbox.ledger[before:]
    ]
    assert asked == [path.format(post=post) for path in paths]
    assert not any(entry["token_in_query"] for entry in world.sandbox.ledger)


def test_replies_are_hidden_shown_approved_and_ignored(world: Profiles, astro: Account) -> None:
    root = publish(world.astro, "careful", enable_reply_approvals=True)
    reply = publish(world.cook, "hm", reply_to_id=root)
    astro.ignore(reply)
    assert [one.id for one in astro.pending_replies(root, "ignored")] == [reply]
    astro.approve(reply)
    astro.hide(reply)
    assert [one.hide_status for one in astro.replies(root)] == ["HIDDEN"]
    astro.unhide(reply)
    assert [one.hide_status for one in astro.replies(root)] == ["NOT_HUSHED"]


def test_a_listing_goes_over_all_pages_and_takes_other_fields(
    world: Profiles, astro: Account
) -> None:
    world.sandbox.set_options(page_cap=2)
    posts = [publish(world.astro, f"post {number}") for number in range(5)]
    found = list(astro.posts(fields=("id", "shortcode")))
    assert [post.id for post in found] == posts[::-1]
    assert found[0].text is None
    assert [post.id for post in astro.posts(limit=3)] == posts[:1:-1]


def test_a_place_is_told_if_it_is_asked_for(world: Profiles, astro: Account) -> None:
    post = publish(world.astro, "here", location_id="100210000000004")
    assert astro.post(post).location is None
    place = astro.post(post, fields=("location{id,city}",)).location
    assert place is not None
    assert (place.id, place.city, place.name) == ("100210000000004", "London", None)


def test_a_poll_comes_with_its_votes(world: Profiles, astro: Account) -> None:
    post = publish(world.astro, "tea?", poll_attachment=Poll(options=("yes", "no")))
    poll = astro.post(post).poll_attachment
    assert poll is not None
    assert (poll.option_a, poll.option_b, poll.option_c) == ("yes", "no", None)
    assert (poll.option_a_votes_percentage, poll.total_votes) == (0.0, 0)
    assert poll.expiration_timestamp is not None


def test_a_bad_argument_is_refused_before_anything_is_sent(world: Profiles, astro: Account) -> None:
    with pytest.raises(InvalidRequest):
        astro.posts(limit=0)
    with pytest.raises(InvalidRequest):
        astro.insights(["followers_count"], since=datetime(2025, 1, 1, tzinfo=UTC))
    assert world.sandbox.ledger == []


def test_insights_ask_for_what_fits_together(world: Profiles, astro: Account) -> None:
    def metrics() -> set[str]:
        return set(world.last()["query"]["metric"].split(","))

    astro.insights(since=datetime.now(UTC) - timedelta(days=3))
    assert "followers_count" not in metrics()
    astro.insights(breakdown="age")
    assert {"followers_count", "follower_demographics"} <= metrics()


def test_nothing_is_cached_and_a_new_token_counts_at_once(
    world: Profiles, client: Client, astro: Account
) -> None:
    assert astro.profile().username == "astro"
    client.add_account("astronomy", user_id="17841400000000012", access_token=COOK_TOKEN)
    assert astro.profile().username == "cook"
    assert ASTRO_TOKEN not in repr(vars(astro))
    assert COOK_TOKEN not in repr(vars(astro))


@pytest.mark.parametrize("walked", [True, False])
def test_a_rejected_token_means_connect_again(
    world: Profiles, client: Client, astro: Account, walked: bool
) -> None:
    world.sandbox.set_token(ASTRO_TOKEN, "expired")
    with pytest.raises(TokenRejected):
        list(astro.posts()) if walked else astro.profile()
    assert client.account("astronomy").status == "needs_reconnect"


def test_a_throttle_pauses_the_account(world: Profiles, client: Client, astro: Account) -> None:
    world.sandbox.plan_fault({"act": False, "answer": THROTTLE})
    with pytest.raises(RateLimited):
        astro.profile()
    until = client.account("astronomy").paused_until
    assert until is not None
    assert until > datetime.now(UTC)
    sent = len(world.sandbox.ledger)
    with pytest.raises(NotPossible) as refused:
        astro.profile()
    assert refused.value.code == "account.throttled"
    assert len(world.sandbox.ledger) == sent


def test_an_account_close_to_a_limit_pauses_and_its_answer_is_kept(
    world: Profiles, client: Client, astro: Account
) -> None:
    usage = {"x-app-usage": '{"call_count":97,"total_time":1,"total_cputime":1}'}
    answer = {"status": 200, "body": {"id": "1", "username": "astro"}, "headers": usage}
    world.sandbox.plan_fault({"act": False, "answer": answer})
    assert astro.profile().username == "astro"
    assert client.account("astronomy").paused_until is not None


def test_a_missing_permission_says_nothing_of_the_account(
    world: Profiles, client: Client, astro: Account
) -> None:
    world.sandbox.plan_fault({"act": False, "answer": DENIED})
    with pytest.raises(RequestRefused):
        astro.mentions().__next__()
    shown = client.account("astronomy")
    assert (shown.status, shown.paused_until) == ("active", None)


def test_quotas_that_the_token_may_not_see_are_left_out(world: Profiles, astro: Account) -> None:
    fault = {"match": {"path_regex": "limit$"}, "act": False, "answer": DENIED}
    world.sandbox.plan_fault(fault)
    world.sandbox.plan_fault({**fault, "match": {"path_regex": "limit$", "nth": 3}})
    found = astro.quota()
    assert found.posts is not None
    assert found.locations is not None
    assert sum(quota is None for quota in (found.replies, found.deletes)) == 1


def test_a_paused_account_is_read_and_does_not_repost(
    world: Profiles, client: Client, astro: Account
) -> None:
    post = publish(world.cook, "soup")
    client.pause_account("astronomy")
    assert astro.post(post).text == "soup"
    with pytest.raises(NotPossible) as refused:
        astro.repost(post)
    assert refused.value.code == "account.paused"
    assert world.last()["method"] == "GET"


def test_the_environment_s_account_needs_no_command(world: Profiles, tmp_path: Path) -> None:
    settings = load_settings(
        home=tmp_path,
        threads_api_url=world.sandbox.threads_api_url,
        user_id="17841400000000012",
        access_token=COOK_TOKEN,
    )
    with Client(settings) as client:
        assert client.acting_as().profile().username == "cook"
