"""Links that open Threads with something filled in."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from threadsworker.errors import InvalidPost
from threadsworker.intents import follow_intent, post_intent
from threadsworker.post import ReplyControl

GIVEN = {
    "text": "a b/c&d #e é\n👋",
    "url": "https://e.com/?a=1&b=2#c",
    "tag": "boats",
    "reply_control": "followers_only",
    "reply_post_shortcode": "DRf-x_1",
    "quote_post_shortcode": "DRf-x_2",
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_parameter_of_a_post_intent_comes_through(name: str) -> None:
    parts = urlsplit(post_intent(**{name: GIVEN[name]}))
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "www.threads.com", "/intent/post")
    assert parse_qs(parts.query) == {name: [GIVEN[name]]}
    assert not parts.fragment


def test_all_of_them_together_and_none() -> None:
    link = post_intent(**GIVEN)
    assert parse_qs(urlsplit(link).query) == {name: [value] for name, value in GIVEN.items()}
    assert parse_qs(urlsplit(post_intent()).query) == {}


def test_a_tag_loses_its_sign_and_a_space_is_no_plus() -> None:
    assert post_intent("a b", tag="#sea").endswith("?text=a%20b&tag=sea")


@pytest.mark.parametrize("username", ["cook", "@cook"])
def test_a_follow_intent_names_the_profile(username: str) -> None:
    assert follow_intent(username) == "https://www.threads.com/intent/follow?username=cook"


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"tag": ""}, "intent.tag.invalid"),
        ({"tag": "t" * 51}, "intent.tag.invalid"),
        ({"tag": "a&b"}, "intent.tag.invalid"),
        ({"reply_control": ReplyControl.PARENT_POST_AUTHOR_ONLY}, "intent.reply_control.invalid"),
        ({"reply_control": "nobody"}, "intent.reply_control.invalid"),
    ],
)
def test_what_a_link_cannot_ask_for_is_refused(given: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidPost) as refused:
        post_intent(**given)
    assert [one.rule for one in refused.value.problems] == [rule]
