"""
Every endpoint that reads or manages, against the sandbox: the request is the one that Meta
documents, and the answer comes back whole.

The token is in no URL here; the three token endpoints that Meta documents with it in the query
only are tested elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.profiles import COOK, Profiles, profiles, publish
from threadsworker.errors import NotReady, RequestRefused
from threadsworker.threads_api import fields
from threadsworker.threads_api.insights import MediaMetric, UserMetric

SINCE = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
UNTIL = datetime(2025, 5, 1, 12, 0, tzinfo=UTC)
PERIOD = {"since": "1714564800", "until": "1746100800"}


@pytest.fixture
def world() -> Iterator[Profiles]:
    with profiles() as found:
        yield found


def was_sent(
    world: Profiles,
    method: str,
    path: str,
    query: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
) -> None:
    """The last request was this one, and held nothing else."""
    last = world.last()
    assert (last["method"], last["path"]) == (method, f"/v1.0{path}")
    assert last["query"] == (query or {})
    assert last["form"] == (form or {})
    assert last["token_in_query"] is False


def listed(names: tuple[str, ...]) -> str:
    return ",".join(names)


def test_get_me(world: Profiles) -> None:
    profile = world.astro.me()
    was_sent(world, "GET", "/me", {"fields": listed(fields.PROFILE)})
    assert (profile.id, profile.username) == ("17841400000000011", "astro")
    assert profile.threads_biography == "An account of the sandbox"


def test_get_threads(world: Profiles) -> None:
    root = publish(world.astro, "first #stars")
    publish(world.astro, "a reply", reply_to_id=root)
    second = publish(world.astro, "second", quote_post_id=root)
    repost = world.astro.repost(root)
    found = list(world.astro.own_threads(limit=40))
    assert [post.id for post in found] == [repost, second, root]
    assert [post.media_type for post in found] == ["REPOST_FACADE", "TEXT_POST", "TEXT_POST"]
    assert found[0].reposted_post is not None
    assert found[0].reposted_post.id == root
    assert found[1].is_quote_post is True
    assert found[2].topic_tag == "stars"
    was_sent_first = world.sandbox.ledger[-2]
    assert was_sent_first["query"] == {"fields": listed(fields.POST), "limit": "40"}
    assert was_sent_first["path"] == "/v1.0/me/threads"


def test_get_threads_of_a_period(world: Profiles) -> None:
    publish(world.astro, "now")
    assert list(world.astro.own_threads(since=SINCE, until=UNTIL, fields=("id",))) == []
    was_sent(world, "GET", "/me/threads", {"fields": "id", "limit": "100", **PERIOD})
    since_yesterday = datetime.now(UTC) - timedelta(days=1)
    assert len(list(world.astro.own_threads(since=since_yesterday))) == 1


def test_a_date_is_its_first_second_in_utc(world: Profiles) -> None:
    list(world.astro.own_threads(since=date(2024, 5, 1), fields=("id",)))
    assert world.last()["query"]["since"] == "1714521600"


def test_get_media(world: Profiles) -> None:
    root = publish(world.astro, "look", link_attachment="https://example.com/a")
    found = world.astro.media(root)
    was_sent(world, "GET", f"/{root}", {"fields": listed(fields.MEDIA)})
    assert (found.text, found.username) == ("look", "astro")
    assert found.owner is not None
    assert found.owner.id == "17841400000000011"
    assert found.timestamp is not None
    assert found.timestamp.utcoffset() == timedelta(0)


def test_a_model_keeps_fields_that_it_does_not_name(world: Profiles) -> None:
    found = world.astro.media(publish(world.astro, "look", link_attachment="https://example.com/a"))
    assert found.model_extra is not None
    assert found.model_extra["link_attachment_url"] == "https://example.com/a"
    assert found.model_dump()["media_product_type"] == "THREADS"


def test_get_replies_of_the_account(world: Profiles) -> None:
    root = publish(world.cook, "soup")
    reply = publish(world.astro, "with stars", reply_to_id=root)
    (found,) = world.astro.own_replies(limit=1)
    was_sent(world, "GET", "/me/replies", {"fields": listed(fields.REPLY), "limit": "1"})
    assert found.id == reply
    assert found.replied_to is not None
    assert found.replied_to.id == root


@pytest.fixture
def thread(world: Profiles) -> tuple[Profiles, str, list[str]]:
    """A root, two direct replies, and one below the first of them."""
    root = publish(world.astro, "root")
    first = publish(world.cook, "first", reply_to_id=root)
    second = publish(world.cook, "second", reply_to_id=root)
    nested = publish(world.astro, "nested", reply_to_id=first)
    return world, root, [first, second, nested]


def test_get_replies_to_a_post(thread: tuple[Profiles, str, list[str]]) -> None:
    world, root, (first, second, _) = thread
    assert [reply.id for reply in world.astro.replies(root)] == [second, first]
    begun = world.sandbox.ledger[-2]
    assert begun["query"] == {"fields": listed(fields.REPLY), "reverse": "true"}
    assert [reply.id for reply in world.astro.replies(root, newest_first=False, limit=1)] == [first]
    query = {"fields": listed(fields.REPLY), "reverse": "false"}
    was_sent(world, "GET", f"/{root}/replies", query)


def test_get_a_conversation(thread: tuple[Profiles, str, list[str]]) -> None:
    world, root, replies = thread
    found = list(world.astro.conversation(root, newest_first=False, limit=3))
    query = {"fields": listed(fields.REPLY), "reverse": "false"}
    was_sent(world, "GET", f"/{root}/conversation", query)
    assert [reply.id for reply in found] == replies
    assert [reply.is_reply_owned_by_me for reply in found] == [True, True, False]


def test_a_reply_has_no_conversation(thread: tuple[Profiles, str, list[str]]) -> None:
    world, _, (first, *_) = thread
    with pytest.raises(RequestRefused, match="root post"):
        list(world.astro.conversation(first))


def test_get_pending_replies(world: Profiles) -> None:
    root = publish(world.astro, "careful", enable_reply_approvals=True)
    first = publish(world.cook, "hm", reply_to_id=root)
    second = publish(world.cook, "hm hm", reply_to_id=root)
    world.astro.manage_pending_reply(second, approve=False)
    assert list(world.astro.replies(root)) == []
    found = {reply.id: reply.reply_approval_status for reply in world.astro.pending_replies(root)}
    assert found == {first: "pending", second: "ignored"}
    query = {"fields": listed(fields.PENDING), "reverse": "true"}
    assert world.sandbox.ledger[-2]["query"] == query
    (ignored,) = world.astro.pending_replies(root, status="ignored", limit=1)
    assert ignored.id == second
    was_sent(world, "GET", f"/{root}/pending_replies", {**query, "approval_status": "ignored"})


@pytest.mark.parametrize("hide", [True, False])
def test_post_manage_reply(thread: tuple[Profiles, str, list[str]], hide: bool) -> None:
    world, root, (first, _, nested) = thread
    world.astro.manage_reply(first, hide=True)
    world.astro.manage_reply(first, hide=hide)
    was_sent(world, "POST", f"/{first}/manage_reply", form={"hide": "true" if hide else "false"})
    seen = {reply.id: reply.hide_status for reply in world.astro.conversation(root)}
    assert seen[first] == seen[nested] == ("HIDDEN" if hide else "NOT_HUSHED")


def test_a_nested_reply_cannot_be_hidden(thread: tuple[Profiles, str, list[str]]) -> None:
    world, _, (_, _, nested) = thread
    with pytest.raises(RequestRefused, match="top-level"):
        world.astro.manage_reply(nested, hide=True)


@pytest.mark.parametrize("approve", [True, False])
def test_post_manage_pending_reply(world: Profiles, approve: bool) -> None:
    root = publish(world.astro, "careful", enable_reply_approvals=True)
    reply = publish(world.cook, "hm", reply_to_id=root)
    world.astro.manage_pending_reply(reply, approve=approve)
    form = {"approve": "true" if approve else "false"}
    was_sent(world, "POST", f"/{reply}/manage_pending_reply", form=form)
    assert [one.id for one in world.astro.replies(root)] == ([reply] if approve else [])


def test_get_mentions(world: Profiles) -> None:
    mention = publish(world.cook, "soup for @astro, and stars")
    publish(world.cook, "soup for @astronomer")
    publish(world.astro, "I am @astro")
    (found,) = world.astro.mentions(since=SINCE, limit=1)
    assert (found.id, found.username) == (mention, "cook")
    query = {"fields": listed(fields.FOUND), "limit": "1", "since": PERIOD["since"]}
    was_sent(world, "GET", "/me/mentions", query)


def test_get_ghost_posts(world: Profiles) -> None:
    publish(world.astro, "stays")
    ghost = publish(world.astro, "goes", is_ghost_post=True)
    (found,) = world.astro.ghost_posts(limit=1)
    was_sent(world, "GET", "/me/ghost_posts", {"fields": listed(fields.GHOST), "limit": "1"})
    assert (found.id, found.ghost_post_status) == (ghost, "ACTIVE")
    assert found.ghost_post_expiration_timestamp is not None
    assert found.timestamp is not None
    life = found.ghost_post_expiration_timestamp - found.timestamp
    assert life == timedelta(days=1)


def test_get_keyword_search(world: Profiles) -> None:
    wanted = publish(world.cook, "Soup again", topic_tag="food")
    publish(world.astro, "soup")
    found = world.astro.keyword_search(
        "soup",
        search_type="RECENT",
        search_mode="KEYWORD",
        media_type="TEXT",
        author_username="@cook",
        since=SINCE,
        limit=20,
    )
    assert [post.id for post in found] == [wanted]
    was_sent(
        world,
        "GET",
        "/keyword_search",
        {
            "q": "soup",
            "search_type": "RECENT",
            "search_mode": "KEYWORD",
            "media_type": "TEXT",
            "author_username": "cook",
            "since": PERIOD["since"],
            "limit": "20",
            "fields": listed(fields.FOUND),
        },
    )


def test_a_search_by_tag_finds_topics(world: Profiles) -> None:
    wanted = publish(world.cook, "yum", topic_tag="food")
    publish(world.cook, "food")
    assert [post.id for post in world.astro.keyword_search("food", search_mode="TAG")] == [wanted]


def test_get_profile_lookup(world: Profiles) -> None:
    publish(world.astro, "look")
    found = world.cook.profile_lookup("@astro")
    was_sent(world, "GET", "/profile_lookup", {"username": "astro"})
    assert (found.username, found.follower_count, found.views_count) == ("astro", 1200, 10)


def test_a_small_profile_cannot_be_looked_up(world: Profiles) -> None:
    assert COOK.followers < 100
    with pytest.raises(RequestRefused):
        world.astro.profile_lookup("cook")


def test_get_profile_posts(world: Profiles) -> None:
    post = publish(world.astro, "look")
    (found,) = world.cook.profile_posts("astro", limit=1, since=SINCE, until=None)
    assert found.id == post
    query = {"username": "astro", "limit": "1", "since": PERIOD["since"]}
    was_sent(world, "GET", "/profile_posts", {**query, "fields": listed(fields.FOUND)})


def test_get_location_search_by_a_word(world: Profiles) -> None:
    (found,) = world.astro.location_search("menlo")
    query = {"q": "menlo", "query": "menlo", "fields": listed(fields.LOCATION)}
    was_sent(world, "GET", "/location_search", query)
    assert (found.id, found.name, found.address) == ("100210000000001", "Menlo Park", None)


def test_get_location_search_by_coordinates(world: Profiles) -> None:
    (found,) = world.astro.location_search(latitude=51.5, longitude=-0.1)
    query = {"latitude": "51.5", "longitude": "-0.1", "fields": listed(fields.LOCATION)}
    was_sent(world, "GET", "/location_search", query)
    assert (found.city, found.postal_code) == ("London", "SE10 8XJ")


def test_get_a_location(world: Profiles) -> None:
    found = world.astro.location("100210000000003")
    was_sent(world, "GET", "/100210000000003", {"fields": listed(fields.LOCATION)})
    assert (found.name, found.country, found.postal_code) == ("Freedom Park", "NG", None)


def test_get_insights_of_a_post(world: Profiles) -> None:
    post = publish(world.astro, "look")
    found = world.astro.media_insights(post)
    was_sent(
        world, "GET", f"/{post}/insights", {"metric": "views,likes,replies,reposts,quotes,shares"}
    )
    assert [one.name for one in found] == list(MediaMetric)
    assert all(one.period == "lifetime" and one.total == one.values[0].value for one in found)


def test_a_repost_has_no_insights(world: Profiles) -> None:
    repost = world.astro.repost(publish(world.cook, "soup"))
    assert world.astro.media_insights(repost, ["views"]) == ()


def test_get_insights_of_the_account(world: Profiles) -> None:
    views, likes = world.astro.user_insights(["views", "likes"], since=SINCE, until=UNTIL)
    was_sent(world, "GET", "/me/threads_insights", {"metric": "views,likes", **PERIOD})
    assert views.period == "day"
    assert len(views.values) == 366
    assert views.values[0].end_time == datetime(2024, 5, 1, 8, 0, tzinfo=UTC)
    assert views.total == sum(day.value for day in views.values)
    assert likes.total_value is not None


def test_get_insights_about_followers(world: Profiles) -> None:
    metrics = [UserMetric.FOLLOWERS_COUNT, UserMetric.FOLLOWER_DEMOGRAPHICS]
    count, demographics = world.astro.user_insights(metrics, breakdown="country")
    query = {"metric": "followers_count,follower_demographics", "breakdown": "country"}
    was_sent(world, "GET", "/me/threads_insights", query)
    assert count.total == demographics.total == 1200
    assert demographics.total_value is not None
    (breakdown,) = demographics.total_value.breakdowns
    assert breakdown.dimension_keys == ("country",)
    assert breakdown.results[0].dimension_values == ("NG",)


def test_get_insights_about_links(world: Profiles) -> None:
    publish(world.astro, "look", link_attachment="https://example.com/a")
    (clicks,) = world.astro.user_insights(["clicks"])
    was_sent(world, "GET", "/me/threads_insights", {"metric": "clicks"})
    assert [one.link_url for one in clicks.link_total_values] == ["https://example.com/a"]


def test_get_publishing_limit(world: Profiles) -> None:
    publish(world.astro, "look")
    world.astro.location_search("menlo")
    found = world.astro.publishing_limit()
    fields = (
        "quota_usage,config,reply_quota_usage,reply_config,delete_quota_usage,delete_config,"
        "location_search_quota_usage,location_search_config"
    )
    was_sent(world, "GET", "/me/threads_publishing_limit", {"fields": fields})
    assert found.posts is not None
    assert found.posts.used == 1
    assert found.locations is not None
    assert (found.locations.used, found.locations.total) == (1, 500)


def test_get_oembed(world: Profiles) -> None:
    permalink = world.astro.media(publish(world.astro, "look")).permalink
    assert permalink is not None
    found = world.astro.oembed(permalink, max_width=400)
    was_sent(world, "GET", "/oembed", {"url": permalink, "maxwidth": "400"})
    assert permalink in found.html
    assert (found.type, found.width) == ("rich", 400)


def test_post_repost(world: Profiles) -> None:
    post = publish(world.cook, "soup")
    repost = world.astro.repost(post)
    was_sent(world, "POST", f"/{post}/repost")
    assert world.last()["media_id"] == repost != post


def test_delete_media(world: Profiles) -> None:
    post = publish(world.astro, "oops")
    assert world.astro.delete_media(post) == post
    was_sent(world, "DELETE", f"/{post}")
    with pytest.raises(RequestRefused) as refused:
        world.astro.delete_media(post)
    assert (refused.value.code, refused.value.subcode) == (100, 33)


def test_what_is_not_there_cannot_be_reposted(world: Profiles) -> None:
    with pytest.raises(NotReady):
        world.astro.repost("123")


@pytest.mark.parametrize("act", ["repost", "delete_media"])
def test_a_change_is_sent_once_even_if_the_service_stumbles(world: Profiles, act: str) -> None:
    post = publish(world.astro, "look")
    trouble: dict[str, Any] = {"error": {"message": "later", "code": 2, "is_transient": True}}
    world.sandbox.plan_fault({"act": False, "answer": {"status": 500, "body": trouble}, "times": 9})
    before = len(world.sandbox.ledger)
    with pytest.raises(Exception, match="later"):
        getattr(world.astro, act)(post)
    assert len(world.sandbox.ledger) == before + 1
