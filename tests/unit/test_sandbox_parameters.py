"""The sandbox refuses what Meta refuses, whoever asks: each parameter, and each combination."""

from __future__ import annotations

import json
from typing import Any

import pytest

from threadsworker.sandbox.answers import MetaRefused
from threadsworker.sandbox.options import SandboxAccount, SandboxOptions
from threadsworker.sandbox.parameters import ContainerParameters, read_parameters

IMAGE = {"media_type": "IMAGE", "image_url": "https://e.com/a.jpg", "text": "x"}
POLL = json.dumps({"option_a": "yes", "option_b": "no"})
GIF = json.dumps({"gif_id": "1", "provider": "GIPHY"})
LINK = "https://e.com/a"


def attached(**given: Any) -> str:
    return json.dumps({"plaintext": "abcdef", **given})


def style(offset: int, length: int, *styles: str) -> dict[str, Any]:
    return {"offset": offset, "length": length, "styling_info": styles}


def spoiler(offset: int, length: int, kind: str = "SPOILER") -> dict[str, Any]:
    return {"entity_type": kind, "offset": offset, "length": length}


def take(given: dict[str, str], **account: Any) -> ContainerParameters:
    return read_parameters(
        {"media_type": "TEXT", "text": "hello", **given},
        SandboxOptions(),
        SandboxAccount(**account),
    )


REFUSED: list[tuple[str, dict[str, str]]] = [
    ("media_type", {"media_type": "AUDIO"}),
    ("text is required", {"text": ""}),
    ("500 characters", {"text": "x" * 501}),
    ("500 characters", {"text": "x" * 497 + "👋"}),
    ("image_url is required", {"media_type": "IMAGE"}),
    ("image_url", {"media_type": "IMAGE", "image_url": "file:///a.jpg"}),
    ("video_url is required", {"media_type": "VIDEO"}),
    ("2 to 20 items, not 1", {"media_type": "CAROUSEL", "children": "1"}),
    ("2 to 20 items, not 21", {"media_type": "CAROUSEL", "children": ",".join(["1"] * 21)}),
    ("reply_control", {"reply_control": "nobody"}),
    ("INVALID_COUNTRY_CODES", {"allowlisted_country_codes": "US,UK"}),
    ("alt_text", {"alt_text": "of nothing"}),
    ("1000 characters", {**IMAGE, "alt_text": "a" * 1001}),
    ("link_attachment is not", {"link_attachment": "nowhere"}),
    ("topic_tag", {"topic_tag": "t" * 51}),
    ("topic_tag", {"topic_tag": "a.b"}),
    ("topic_tag", {"topic_tag": "a&b"}),
    ("topic_tag", {"topic_tag": "a\tb"}),
    ("25 characters", {"poll_attachment": json.dumps({"option_a": "a", "option_b": "b" * 26})}),
    ("gif_attachment", {"gif_attachment": json.dumps({"gif_id": "1", "provider": "TENOR"})}),
    ("gif_attachment", {"gif_attachment": json.dumps({"provider": "GIPHY"})}),
    ("valid JSON", {"gif_attachment": "{"}),
    ("plaintext", {"text_attachment": attached(plaintext="")}),
    ("plaintext", {"text_attachment": attached(plaintext="x" * 10_001)}),
    ("styling", {"text_attachment": attached(text_with_styling_info=[style(0, 9, "bold")])}),
    ("styling", {"text_attachment": attached(text_with_styling_info=[style(0, 1, "red")])}),
    (
        "styling",
        {
            "text_attachment": attached(
                text_with_styling_info=[style(0, 3, "bold"), style(2, 2, "italic")]
            )
        },
    ),
    ("text_entities", {"text_entities": json.dumps([spoiler(4, 3)])}),
    ("text_entities", {"text_entities": json.dumps([spoiler(0, 1, "BOLD")])}),
    ("text_entities", {"text_entities": json.dumps([spoiler(0, 1)] * 11)}),
    ("LINK_LIMIT", {"text": " ".join(f"https://e.com/{n}" for n in range(6))}),
    (
        "LINK_LIMIT",
        {
            "text": " ".join(f"https://e.com/{n}" for n in range(5)),
            "text_attachment": attached(link_attachment_url=LINK),
        },
    ),
    ("is_spoiler_media", {"is_spoiler_media": "true"}),
    ("Only one kind", {"poll_attachment": POLL, "link_attachment": LINK}),
    ("Only one kind", {"poll_attachment": POLL, "text_attachment": attached()}),
    (
        "Only one link",
        {"link_attachment": LINK, "text_attachment": attached(link_attachment_url=LINK)},
    ),
    *[
        (f"{name} is only allowed for media type TEXT", {**IMAGE, name: value})
        for name, value in {
            "link_attachment": LINK,
            "poll_attachment": POLL,
            "gif_attachment": GIF,
            "text_attachment": attached(),
            "is_ghost_post": "true",
            "auto_publish_text": "true",
        }.items()
    ],
    *[
        (f"is_ghost_post cannot be combined with {name}", {"is_ghost_post": "true", name: value})
        for name, value in {
            "reply_to_id": "1",
            "quote_post_id": "1",
            "reply_control": "everyone",
            "allowlisted_country_codes": "US",
            "link_attachment": LINK,
            "poll_attachment": POLL,
            "gif_attachment": GIF,
            "text_attachment": attached(),
            "topic_tag": "sea",
            "location_id": "1",
            "enable_reply_approvals": "true",
            "crossreshare_to_ig": "true",
        }.items()
    ],
]


@pytest.mark.parametrize(("words", "given"), REFUSED)
def test_it_is_refused_as_meta_would(words: str, given: dict[str, str]) -> None:
    with pytest.raises(MetaRefused) as refused:
        take(given)
    error = refused.value.body("trace")["error"]
    assert error["code"] == 100
    assert words in error["message"]


def test_countries_need_a_permission() -> None:
    with pytest.raises(MetaRefused) as refused:
        take({"allowlisted_country_codes": "US"}, is_eligible_for_geo_gating=False)
    assert "FEATURE_NOT_AVAILABLE" in refused.value.body("trace")["error"]["message"]


@pytest.mark.parametrize(
    "poll",
    ['{"options": ["yes", "no"]}', '{"option_a": "yes"}', '["yes", "no"]', "yes|no"],
)
def test_a_poll_of_another_shape_is_dropped_without_a_word(poll: str) -> None:
    read = take({"poll_attachment": poll})
    assert (read.poll, read.dropped) == (None, ("poll_attachment",))


def test_a_ghost_post_may_hide_words() -> None:
    read = take({"is_ghost_post": "true", "text_entities": json.dumps([spoiler(0, 5, "spoiler")])})
    assert read.is_ghost_post
    assert read.text_entities == (spoiler(0, 5, "spoiler"),)
