"""Every option of a post has its rules: what Meta does not take is named before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_plan import images, lorem
from threadsworker.errors import InvalidPost, Problem
from threadsworker.plan import as_post, plan
from threadsworker.post import (
    Gif,
    Poll,
    Post,
    Segment,
    Spoiler,
    Styling,
    TextAttachment,
)

POLL = Poll(["yes", "no"])
LINK = "https://e.com/a"


def problems(post: dict[str, Any]) -> list[Problem]:
    given = dict(post)
    media = images(given.pop("media", 0))
    with pytest.raises(InvalidPost) as raised:
        plan(as_post(given.pop("text", "x"), (), given), media)
    return list(raised.value.problems)


def attached(**given: Any) -> TextAttachment:
    return TextAttachment(plaintext="abcdef", **given)


def style(offset: int, length: int, *styles: str) -> Styling:
    return Styling(offset=offset, length=length, styling_info=styles)


COMBINATIONS: list[tuple[str, dict[str, Any]]] = [
    ("threads.poll.with_media", {"media": 1, "poll": POLL}),
    ("threads.gif.with_media", {"media": 1, "gif": "g1"}),
    ("threads.text_attachment.with_media", {"media": 1, "text_attachment": "long"}),
    ("threads.ghost.with_media", {"media": 1, "ghost": True}),
    ("threads.poll.with_text_attachment", {"poll": POLL, "text_attachment": "long"}),
    ("threads.poll.with_link", {"poll": POLL, "links": LINK}),
    ("threads.text_attachment.with_link", {"text_attachment": attached(link=LINK), "links": LINK}),
    ("threads.spoiler_media.without_media", {"spoiler_media": True}),
    ("threads.instagram_dark_mode.without_share_to_instagram", {"instagram_dark_mode": True}),
    ("threads.ghost.with_reply_to", {"ghost": True, "reply_to": "1"}),
    ("threads.ghost.with_quote", {"ghost": True, "quote": "1"}),
    ("threads.ghost.with_poll", {"ghost": True, "poll": POLL}),
    ("threads.ghost.with_gif", {"ghost": True, "gif": "g1"}),
    ("threads.ghost.with_text_attachment", {"ghost": True, "text_attachment": "long"}),
    ("threads.ghost.with_link", {"ghost": True, "links": LINK}),
    ("threads.ghost.with_reply_control", {"ghost": True, "reply_control": "everyone"}),
    ("threads.ghost.with_reply_approvals", {"ghost": True, "reply_approvals": True}),
    ("threads.ghost.with_countries", {"ghost": True, "countries": "US"}),
    ("threads.ghost.with_location", {"ghost": True, "location_id": "1"}),
    ("threads.ghost.with_topic", {"ghost": True, "topic": "sea"}),
    ("threads.ghost.with_share_to_instagram", {"ghost": True, "share_to_instagram": True}),
    ("threads.ghost.with_spoiler_media", {"ghost": True, "media": 1, "spoiler_media": True}),
    ("threads.ghost.thread", {"ghost": True, "text": "x" * 501}),
]


@pytest.mark.parametrize(("rule", "post"), COMBINATIONS, ids=[rule for rule, _ in COMBINATIONS])
def test_what_does_not_go_together_is_refused(rule: str, post: dict[str, Any]) -> None:
    assert rule in [problem.rule for problem in problems(post)]


LIMITS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("threads.poll.options", {"poll": ["a"]}, 4, 1),
    ("threads.poll.options", {"poll": list("abcde")}, 4, 5),
    ("threads.poll.option_length", {"poll": ["a", "b" * 26]}, 25, 26),
    ("threads.poll.option_length", {"poll": ["a", " "]}, 25, 1),
    ("threads.gif.empty", {"gif": " "}, 1, 0),
    ("threads.gif.provider", {"gif": Gif(gif_id="1", provider="TENOR")}, "GIPHY", "TENOR"),
    ("threads.topic.empty", {"topic": "#"}, 1, 0),
    ("threads.topic.too_long", {"topic": "t" * 51}, 50, 51),
    ("threads.text_attachment.empty", {"text_attachment": " "}, 1, 0),
    ("threads.text_attachment.too_long", {"text_attachment": "x" * 10_001}, 10_000, 10_001),
    (
        "threads.text_attachment.out_of_range",
        {"text_attachment": attached(styling=(style(4, 3, "bold"),))},
        6,
        7,
    ),
    (
        "threads.text_attachment.overlap",
        {"text_attachment": attached(styling=(style(2, 2, "bold"), style(0, 3, "italic")))},
        3,
        2,
    ),
    ("threads.spoilers.out_of_range", {"spoilers": (Spoiler(offset=0, length=2),)}, 1, 2),
    (
        "threads.links.too_many",
        {
            "text": " ".join(f"https://e.com/{n}" for n in range(5)),
            "text_attachment": attached(link=LINK),
        },
        5,
        6,
    ),
]


@pytest.mark.parametrize(("rule", "post", "limit", "given"), LIMITS)
def test_a_limit_is_told_with_what_was_given(
    rule: str, post: dict[str, Any], limit: Any, given: Any
) -> None:
    found = [(one.limit, one.given) for one in problems(post) if one.rule == rule]
    assert found == [(limit, given)]


NAMED: list[tuple[str, dict[str, Any], str]] = [
    ("threads.topic.invalid", {"topic": "a&b"}, "a&b"),
    ("threads.topic.invalid", {"topic": "a.b"}, "a.b"),
    ("threads.topic.invalid", {"topic": "a\nb"}, r"a\nb"),
    ("threads.topic.invalid", {"topic": "a\tb"}, r"a\tb"),
    ("threads.countries.invalid", {"countries": "US,UK"}, "UK"),
    ("threads.countries.invalid", {"countries": "Nigeria"}, "Nigeria"),
    ("threads.location_id.invalid", {"location_id": "here"}, "here"),
    ("threads.reply_to.invalid", {"reply_to": "abc"}, "abc"),
    ("threads.quote.invalid", {"quote": "abc"}, "abc"),
    ("threads.link.invalid", {"links": "nowhere"}, "nowhere"),
    ("threads.link.invalid", {"links": ["https://[a"]}, "https://[a"),
    ("threads.text_attachment.link", {"text_attachment": attached(link="nowhere")}, "nowhere"),
    ("threads.text_attachment.link", {"text_attachment": attached(link="https://[")}, "https://["),
    (
        "threads.text_attachment.style",
        {"text_attachment": attached(styling=(style(0, 1, "blinking"),))},
        "blinking",
    ),
    ("threads.spoilers.not_found", {"text": "abc", "spoilers": ["abd"]}, "abd"),
    ("threads.spoilers.dealt_tag", {"text": lorem(600) + " #end", "spoilers": ["#end"]}, "#end"),
    ("post.reply_control", {"reply_control": "nobody"}, "nobody"),
]


@pytest.mark.parametrize(("rule", "post", "given"), NAMED)
def test_what_is_wrong_is_quoted(rule: str, post: dict[str, Any], given: str) -> None:
    (found,) = [one for one in problems(post) if one.rule == rule]
    assert given in found.message


@pytest.mark.parametrize(
    ("given", "links"),
    [
        ("https://e.com/@1.5,2.5", ("https://e.com/@1.5,2.5",)),
        ("https://e.com/a, HTTP://e.com/b,c", ("https://e.com/a", "HTTP://e.com/b,c")),
        ("", ()),
    ],
)
def test_a_comma_may_belong_to_a_link(given: str, links: tuple[str, ...]) -> None:
    assert Post(text="x", links=given).links == links


def segments(text: str, media: int = 0, **options: Any) -> tuple[Segment, ...]:
    return plan(Post(text=text, **options), images(media))


def hidden(segment: Segment) -> list[str]:
    return [segment.text[one.offset : one.offset + one.length] for one in segment.spoilers]


def test_short_forms_mean_the_same() -> None:
    short = Post(text="x", poll=["a", "b"], gif="g", text_attachment="long", spoilers="x")
    assert short.poll == Poll(("a", "b")) == Poll(options=("a", "b"))
    assert short.gif == Gif(gif_id="g", provider="GIPHY")
    assert short.text_attachment == TextAttachment(plaintext="long")
    assert short.spoilers == ("x",)


def test_words_are_hidden_wherever_they_stand_in_every_segment() -> None:
    first, second = segments(
        "👨‍👩‍👧 Snape did it. Snape!\n---\nAgain Snape.", spoilers=["Snape", "ape!"]
    )
    assert hidden(first) == ["Snape", "Snape!"]
    assert hidden(second) == ["Snape"]


def test_a_spoiler_that_lies_in_two_segments_is_cut_with_them() -> None:
    text = "a " * 300
    first, second = segments(
        text, continuation_marks=True, spoilers=[Spoiler(offset=2, length=589)]
    )
    assert hidden(first) == [first.text.strip("…")[2:]]
    assert hidden(second) == [second.text.strip("…")[: -len(" a a a a")]]


def test_a_link_passes_a_poll_to_the_next_segment() -> None:
    first, second = segments("vote\n---\nread", poll=POLL, links=LINK)
    assert (first.poll, first.link, second.poll, second.link) == (POLL, None, None, LINK)


def test_options_of_the_first_segment_stay_there() -> None:
    first, second = segments(
        "one\n---\ntwo",
        text_attachment="long",
        location_id="7",
        share_to_instagram=True,
        instagram_dark_mode=True,
        reply_approvals=True,
    )
    assert (first.location_id, first.share_to_instagram, first.instagram_dark_mode) == (
        "7",
        True,
        True,
    )
    assert (second.location_id, second.share_to_instagram, second.text_attachment) == (
        None,
        False,
        None,
    )
    assert first.reply_approvals
    assert second.reply_approvals
