"""Arguments of reads are checked before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from pydantic import SecretStr

from threadsworker.errors import InvalidRequest
from threadsworker.http import Http
from threadsworker.threads_api import ThreadsApi

#: Nobody listens there: a request would end as `NeverSent`.
API = ThreadsApi(base_url="http://127.0.0.1:9", token=SecretStr("none"), http=Http())
NOON = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)

Call = Callable[[], object]


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: API.own_threads(since=datetime(2025, 1, 1)), "threads.moment.naive"),  # noqa: DTZ001
        (lambda: API.own_threads(since=date(2023, 7, 4)), "threads.since.too_early"),
        (lambda: API.own_replies(until=date(2023, 7, 4)), "threads.until.too_early"),
        (lambda: API.mentions(since=NOON, until=NOON), "threads.since.not_before_until"),
        (lambda: API.ghost_posts(limit=0), "threads.limit.too_small"),
        (lambda: API.replies("1", limit=-1), "threads.limit.too_small"),
        (lambda: API.replies("1/../me"), "threads.id.invalid"),
        (lambda: API.media("me"), "threads.id.invalid"),
        (lambda: API.delete_media(""), "threads.id.invalid"),
        (lambda: API.repost("12 34"), "threads.id.invalid"),
        (lambda: API.manage_reply("x", hide=True), "threads.id.invalid"),
        (lambda: API.manage_pending_reply("x", approve=True), "threads.id.invalid"),
        (lambda: API.conversation("x"), "threads.id.invalid"),
        (lambda: API.location("x"), "threads.id.invalid"),
        (lambda: API.pending_replies("1", status="PENDING"), "threads.approval_status.unknown"),
        (lambda: API.keyword_search(" "), "threads.q.missing"),
        (lambda: API.keyword_search("a", search_type="BEST"), "threads.search_type.unknown"),
        (lambda: API.keyword_search("a", search_mode="ANY"), "threads.search_mode.unknown"),
        (lambda: API.keyword_search("a", media_type="GIF"), "threads.media_type.unknown"),
        (lambda: API.keyword_search("a", author_username="@"), "threads.username.missing"),
        (lambda: API.profile_lookup(" @ "), "threads.username.missing"),
        (lambda: API.profile_posts(""), "threads.username.missing"),
        (lambda: API.location_search(), "threads.location.incomplete"),
        (lambda: API.location_search("a", latitude=1.0), "threads.location.incomplete"),
        (lambda: API.location_search(latitude=1.0), "threads.location.incomplete"),
        (
            lambda: API.location_search(latitude=91.0, longitude=0.0),
            "threads.latitude.out_of_range",
        ),
        (
            lambda: API.location_search(latitude=0.0, longitude=-181.0),
            "threads.longitude.out_of_range",
        ),
        (lambda: API.media_insights("1", ["clicks"]), "threads.metric.unknown"),
        (lambda: API.media_insights("1", []), "threads.metric.missing"),
        (lambda: API.user_insights(["shares"]), "threads.metric.unknown"),
        (
            lambda: API.user_insights(["views"], since=date(2024, 4, 12)),
            "threads.since.too_early",
        ),
        (
            lambda: API.user_insights(["views", "followers_count"], since=NOON),
            "threads.metric.timeless",
        ),
        (lambda: API.user_insights(["follower_demographics"]), "threads.breakdown.missing"),
        (
            lambda: API.user_insights(["follower_demographics"], breakdown="zodiac"),
            "threads.breakdown.unknown",
        ),
        (lambda: API.user_insights(["views"], breakdown="age"), "threads.breakdown.not_allowed"),
        (lambda: API.oembed("cook/post/1"), "threads.url.invalid"),
        (lambda: API.oembed("https://a.b", max_width=99), "threads.max_width.out_of_range"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_refused_where_it_is_given(call: Call, rule: str) -> None:
    """At the call, not when the listing is walked."""
    with pytest.raises(InvalidRequest) as refused:
        call()
    assert refused.value.problem.rule == rule
    assert rule in str(refused.value)


def test_a_refusal_names_the_limit_and_what_was_given() -> None:
    zone = timezone(timedelta(hours=1))
    with pytest.raises(InvalidRequest) as refused:
        API.own_threads(since=datetime(2020, 1, 1, 1, 0, tzinfo=zone))
    assert str(refused.value) == (
        "since: Meta has nothing from before 2023-07-05 07:00:00 UTC, and 2020-01-01 00:00:00 "
        "UTC was given [threads.since.too_early]"
    )
    problem = refused.value.problem
    assert (problem.limit, problem.given) == ("2023-07-05 07:00:00 UTC", "2020-01-01 00:00:00 UTC")


def test_the_words_of_meta_are_named_where_another_was_given() -> None:
    with pytest.raises(InvalidRequest, match="one of country, city, age, gender, not 'zodiac'"):
        API.user_insights(["follower_demographics"], breakdown="zodiac")
