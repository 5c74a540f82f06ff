"""A post becomes segments: nothing is lost, everything fits, and rules are rules."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_text import MIXED, bare
from threadsworker.errors import InvalidPost, Problem
from threadsworker.plan import plan
from threadsworker.post import (
    Gif,
    MediaItem,
    MediaKind,
    Poll,
    Post,
    Segment,
    Spoiler,
    Styling,
    TextAttachment,
)
from threadsworker.text import measure

LOREM = "Lorem ipsum dolor sit amet, consectetur adipiscing elit. "


def lorem(length: int) -> str:
    text = (LOREM * (length // len(LOREM) + 1))[:length].rstrip()
    return text + "x" * (length - len(text))


def images(count: int) -> list[MediaItem]:
    return [
        MediaItem(MediaKind.IMAGE, f"alt {n}", url=f"https://e.com/{n}.jpg") for n in range(count)
    ]


def segments(text: str = "", media: int = 0, **options: Any) -> tuple[Segment, ...]:
    return plan(Post(text=text, **options), images(media))


def texts(text: str = "", media: int = 0, **options: Any) -> list[str]:
    return [segment.text for segment in segments(text, media, **options)]


def rules(text: str = "", media: int = 0, **options: Any) -> list[str]:
    with pytest.raises(InvalidPost) as raised:
        segments(text, media, **options)
    return [problem.rule for problem in raised.value.problems]


# Text


@given(MIXED.filter(str.strip))
def test_the_segments_joined_are_the_text(text: str) -> None:
    try:
        planned = texts(text, handle_hashtags=False)
    except InvalidPost:
        return
    assert bare("".join(planned)) == bare(text)


@given(MIXED.map(lambda text: text * 8).filter(str.strip), st.booleans(), st.booleans())
def test_every_segment_fits_with_all_that_is_added(text: str, marks: bool, auto: bool) -> None:
    text = text.replace("https://", "").replace("www.", "")
    planned = texts(
        text + " #end #of #it",
        numbering=True,
        continuation_marks=marks,
        auto_handle_hashtags=auto,
    )
    assert all(one.strip() and measure(one) <= 500 for one in planned)


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert texts("  Hello #a #b  ") == ["Hello #a #b"]


@pytest.mark.parametrize(("length", "count"), [(500, 1), (501, 2), (992, 3), (11_000, 25)])
def test_the_lengths_at_which_others_lose_text(length: int, count: int) -> None:
    text = lorem(length)
    planned = texts(text)
    assert bare("".join(planned)) == bare(text)
    assert len(planned) <= count


def test_an_emoji_at_character_500_goes_to_the_next_segment() -> None:
    assert texts("x" * 496 + " 😀") == ["x" * 496, "😀"]
    assert texts("x" * 495 + " 😀") == ["x" * 495 + " 😀"]


def test_marks_and_numbers() -> None:
    planned = texts(lorem(900), continuation_marks=True, numbering=True)
    assert planned[0].endswith("…\n1/2")
    assert planned[1].startswith("…")
    assert planned[1].endswith("\n2/2")
    assert texts("short", continuation_marks=True, numbering=True) == ["short"]


def test_the_numbers_grow_with_their_count() -> None:
    planned = texts(lorem(6000), numbering=True)
    assert planned[-1].endswith(f"\n{len(planned)}/{len(planned)}")
    assert len(planned) > 9


def test_explicit_breaks_are_kept_even_if_all_would_fit() -> None:
    assert texts("one\n---\ntwo") == ["one", "two"]


# Hashtags


def test_trailing_tags_are_dealt_out_one_per_segment_and_the_rest_stays_at_the_end() -> None:
    planned = texts(lorem(900) + " #one #two #three")
    assert planned[0].endswith("\n#one")
    assert planned[1].endswith("\n#two #three")


def test_tags_given_apart_are_dealt_instead_and_those_in_the_text_stay() -> None:
    planned = texts(lorem(600) + " #mine", tags=["one", "#two"])
    assert planned[0].endswith("\n#one")
    assert planned[1].endswith("#mine\n#two")


def test_a_tag_is_not_put_on_a_segment_that_has_one_and_goes_to_the_next() -> None:
    text = "See #inbody. " + lorem(440) + "\n\n" + lorem(300) + " #one #two"
    planned = texts(text, auto_handle_hashtags=True)
    assert "#one" not in planned[0]
    assert planned[1].endswith("\n#one #two")


def test_tags_on_every_segment() -> None:
    planned = texts(lorem(900) + " #a #b", persist_tags=True)
    assert all(one.endswith("\n#a #b") for one in planned)


def test_tags_alone_are_a_post() -> None:
    assert texts("#a #b #c") == ["#a #b #c"]
    assert texts(tags=["a", "b"]) == ["#a #b"]


def test_tags_are_kept_when_they_are_not_to_be_dealt() -> None:
    assert texts("Hello #a", handle_hashtags=False, tags=["b"]) == ["Hello #a\n#b"]


TAGS = st.lists(st.sampled_from(["#one", "#two", "#three", "#日本語", "#x_y"]), max_size=40)


@given(st.integers(1, 1600), TAGS, st.booleans())
def test_no_tag_is_ever_lost(length: int, tags: list[str], auto: bool) -> None:
    planned = texts(lorem(length) + " " + " ".join(tags), auto_handle_hashtags=auto)
    found = [word for one in planned for word in one.split() if word.startswith("#")]
    assert Counter(found) == Counter(tags)
    assert all(measure(one) <= 500 for one in planned)


def test_tags_that_leave_no_room_are_refused() -> None:
    many = [f"tag{n:045}" for n in range(10)]
    assert rules(lorem(900), tags=many, persist_tags=True) == ["threads.tags.too_long"]


# Media and links


@pytest.mark.parametrize(
    ("length", "files", "batches"),
    [
        (0, 1, [1]),
        (100, 20, [20]),
        (100, 21, [20, 1]),
        (1300, 45, [20, 20, 5]),
        (900, 45, [20, 20, 5]),
        (1300, 2, [2, 0, 0]),
    ],
)
def test_media_go_in_twenties_with_their_alt_texts(
    length: int, files: int, batches: list[int]
) -> None:
    planned = segments(lorem(length), files)
    assert [len(one.media) for one in planned] == batches
    alts = [item.alt_text for one in planned for item in one.media]
    assert alts == [f"alt {n}" for n in range(files)]


def test_links_go_one_per_segment_past_media_and_the_rest_into_the_text() -> None:
    planned = segments(lorem(1300), 1, links=[f"https://e.com/{n}" for n in range(3)])
    assert [one.link for one in planned] == [None, "https://e.com/0", "https://e.com/1"]
    assert planned[2].text.endswith("\nhttps://e.com/2")


def test_a_link_that_finds_no_room_gets_a_segment_of_its_own() -> None:
    planned = segments(lorem(500), 1, links=["https://e.com/1"])
    assert [one.text for one in planned][1:] == ["https://e.com/1"]


def test_options_of_all_segments_and_of_the_first() -> None:
    first, second = segments(
        lorem(800),
        topic="#python",
        quote="12",
        reply_control="followers_only",
        countries="us,CA",
        location_id="7",
    )
    assert (first.topic, first.quote, first.location_id) == ("python", "12", "7")
    assert (second.topic, second.quote, second.location_id) == (None, None, None)
    assert first.reply_control == second.reply_control == "followers_only"
    assert first.countries == second.countries == ("US", "CA")
    assert all(one.quote == "12" for one in segments(lorem(800), quote="12", quote_all=True))


def test_spoilers_follow_their_text_over_a_cut() -> None:
    text = "one secret\n---\nsecret two"
    spoilers = [Spoiler(offset=4, length=17)]
    first, second = segments(text, spoilers=spoilers, handle_hashtags=False)
    assert [first.text[s.offset : s.offset + s.length] for s in first.spoilers] == ["secret"]
    assert [second.text[s.offset : s.offset + s.length] for s in second.spoilers] == ["secret"]


# Rules


@pytest.mark.parametrize(
    ("rule", "post"),
    [
        ("post.empty", {}),
        ("post.empty", {"text": " \n "}),
        ("post.empty", {"text": "---\n---"}),
        ("threads.text.too_long", {"text": "x" * 501, "chain": False}),
        ("threads.text.too_long", {"text": "a\n---\nb", "chain": False}),
        ("threads.media.too_many", {"media": 21, "chain": False}),
        ("threads.text.unbreakable", {"text": "https://e.com/" + "x" * 500}),
        ("threads.links.too_many", {"text": " ".join(f"https://e.com/{n}" for n in range(6))}),
        ("text.invalid_character", {"text": "a\0b"}),
        ("text.invalid_character", {"text": "a\ud800b"}),
        ("threads.tag.invalid", {"text": "x", "tags": ["a b"]}),
        ("threads.tag.invalid", {"text": "x", "tags": [""]}),
        ("threads.topic.too_long", {"text": "x", "topic": "t" * 51}),
        ("threads.topic.empty", {"text": "x", "topic": "#"}),
        ("threads.topic.invalid", {"text": "x", "topic": "a.b"}),
        ("threads.reply_to.invalid", {"text": "x", "reply_to": "abc"}),
        ("threads.quote.invalid", {"text": "x", "quote": "1?"}),
        ("threads.countries.invalid", {"text": "x", "countries": "USA"}),
        ("threads.link.invalid", {"text": "x", "links": ["ftp://e.com"]}),
        ("threads.poll.options", {"text": "x", "poll": Poll(options=("a",))}),
        ("threads.poll.options", {"text": "x", "poll": Poll(options=tuple("abcde"))}),
        ("threads.poll.option_length", {"text": "x", "poll": Poll(options=("a", "b" * 26))}),
        ("threads.poll.with_media", {"media": 1, "poll": Poll(options=("a", "b"))}),
        ("threads.gif.with_media", {"media": 1, "gif": Gif(gif_id="1")}),
        (
            "threads.text_attachment.too_long",
            {"text": "x", "text_attachment": TextAttachment(plaintext="x" * 10_001)},
        ),
        (
            "threads.text_attachment.out_of_range",
            {
                "text": "x",
                "text_attachment": TextAttachment(
                    plaintext="abc", styling=(Styling(offset=0, length=9, styling_info=("bold",)),)
                ),
            },
        ),
        ("threads.ghost.with_media", {"media": 1, "ghost": True}),
        ("threads.ghost.with_reply_to", {"text": "x", "ghost": True, "reply_to": "1"}),
        ("threads.ghost.thread", {"text": "x" * 600, "ghost": True}),
        (
            "threads.spoilers.out_of_range",
            {"text": "abc", "spoilers": (Spoiler(offset=1, length=9),)},
        ),
        (
            "threads.spoilers.too_many",
            {"text": "x" * 30, "spoilers": tuple(Spoiler(offset=n, length=1) for n in range(11))},
        ),
    ],
)
def test_a_broken_rule_is_named(rule: str, post: dict[str, Any]) -> None:
    assert rule in rules(**post)


def test_an_alt_text_is_measured_with_its_place() -> None:
    with pytest.raises(InvalidPost) as raised:
        plan(Post(text="x"), [*images(1), MediaItem(MediaKind.IMAGE, "a" * 1001, url="https://x")])
    (problem,) = raised.value.problems
    assert (problem.rule, problem.where) == ("threads.alt_text.too_long", "media 2")
    assert (problem.limit, problem.given) == (1000, 1001)


def test_all_problems_are_reported_at_once_with_those_found_elsewhere() -> None:
    elsewhere = Problem("media.empty", "It holds no bytes", "media 1")
    with pytest.raises(InvalidPost) as raised:
        plan(Post(text="x", topic="a.b", quote="?"), [], also=[elsewhere])
    found = [problem.rule for problem in raised.value.problems]
    assert found == ["media.empty", "threads.topic.invalid", "threads.quote.invalid"]
    assert "media 1: It holds no bytes [media.empty]" in str(raised.value)
