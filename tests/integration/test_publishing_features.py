"""
Every parameter of a container, from the post to Meta and back: what left, and what is read then.

The parameters are those of threads/reference/publishing (2026-04-21), the fields those of
threads/reference/media.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from tests.reliability.virtual_world import ACCESS_TOKEN, World, fast_folder
from threadsworker.post import Media, Poll, Post, ReplyControl, Spoiler, Styling, TextAttachment
from threadsworker.threads_api import containers

TEXT = {"media_type": "TEXT", "text": "hello"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(fast_folder(tmp_path_factory.mktemp("features")), lease="30") as world:
        yield world


@dataclass
class Sent:
    """What left for a job, and how its posts read."""

    job_id: str
    entries: list[dict[str, Any]]
    posts: list[str] = field(default_factory=list)

    @property
    def forms(self) -> list[dict[str, str]]:
        """The parameters of the containers, in order."""
        return [one["form"] for one in self._posted("/v1.0/me/threads")]

    @property
    def containers(self) -> list[str]:
        return [one["container_id"] for one in self._posted("/v1.0/me/threads")]

    @property
    def published(self) -> list[dict[str, str]]:
        return [one["form"] for one in self._posted("/v1.0/me/threads_publish")]

    def _posted(self, path: str) -> list[dict[str, Any]]:
        return [one for one in self.entries if (one["method"], one["path"]) == ("POST", path)]


def publish(world: World, post: Post) -> Sent:
    """Publish through the real steps; no token was in a URL, and every write was a form."""
    before = len(world.sandbox.ledger)
    job_id = world.client.enqueue(post).id
    world.run()
    job = world.client.get(job_id)
    assert (job.state, world.broken) == ("published", [])
    entries = [one for one in world.sandbox.ledger[before:] if one["service"] == "threads"]
    assert not any(one["token_in_query"] for one in entries)
    assert all(one["query"] == {} for one in entries if one["method"] == "POST")
    sent = Sent(job_id, entries, list(job.media_ids))
    assert {"creation_id": sent.containers[-1]} == sent.published[-1]
    return sent


def read(world: World, media_id: str, fields: list[str]) -> dict[str, Any]:
    answer = requests.get(
        f"{world.sandbox.url}/v1.0/{media_id}",
        params={"fields": ",".join(fields)},
        headers={"Authorization": f"Bearer {ACCESS_TOKEN}"},
        timeout=5,
    )
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


@dataclass
class Case:
    """Options of a post, the parameters that they become, and the fields that are read."""

    post: dict[str, Any]
    form: dict[str, Any]
    read: dict[str, Any] = field(default_factory=dict)


LONG = TextAttachment(
    plaintext="A bold, plain 👋 end",
    link="https://e.com/long",
    styling=(
        Styling(offset=2, length=4, styling_info=("bold", "italic")),
        Styling(offset=16, length=3, styling_info=("highlight",)),
    ),
)
WRITTEN_LONG = {
    "plaintext": "A bold, plain 👋 end",
    "link_attachment_url": "https://e.com/long",
    "text_with_styling_info": [
        {"offset": 2, "length": 4, "styling_info": ["bold", "italic"]},
        {"offset": 16, "length": 3, "styling_info": ["highlight"]},
    ],
}
CASES = {
    "text": Case({}, {}, {"text": "hello", "media_type": "TEXT_POST", "is_quote_post": False}),
    "topic_tag": Case({"topic": "#boats"}, {"topic_tag": "boats"}, {"topic_tag": "boats"}),
    "link_attachment": Case(
        {"links": "https://e.com/a"},
        {"link_attachment": "https://e.com/a"},
        {"link_attachment_url": "https://e.com/a"},
    ),
    "poll_attachment": Case(
        {"poll": ["yes", "no", "perhaps"]},
        {"poll_attachment": {"option_a": "yes", "option_b": "no", "option_c": "perhaps"}},
    ),
    "gif_attachment": Case(
        {"gif": "g17"}, {"gif_attachment": {"gif_id": "g17", "provider": "GIPHY"}}
    ),
    "text_entities": Case(
        {"text": "👋 the end", "spoilers": ["end"]},
        {
            "text": "👋 the end",
            "text_entities": [{"entity_type": "SPOILER", "offset": 6, "length": 3}],
        },
        {"text_entities": [{"entity_type": "SPOILER", "offset": 6, "length": 3}]},
    ),
    "text_attachment": Case(
        {"text_attachment": LONG},
        {"text_attachment": WRITTEN_LONG},
        {"text_attachment": WRITTEN_LONG, "link_attachment_url": "https://e.com/long"},
    ),
    "is_ghost_post": Case(
        {"ghost": True}, {"is_ghost_post": "true"}, {"ghost_post_status": "ACTIVE"}
    ),
    "enable_reply_approvals": Case({"reply_approvals": True}, {"enable_reply_approvals": "true"}),
    "location_id": Case({"location_id": "77"}, {"location_id": "77"}, {"location_id": "77"}),
    "allowlisted_country_codes": Case(
        {"countries": "us,NG"},
        {"allowlisted_country_codes": "US,NG"},
        {"allowlisted_country_codes": ["US", "NG"]},
    ),
    "crossreshare_to_ig": Case({"share_to_instagram": True}, {"crossreshare_to_ig": "true"}),
    "crossreshare_to_ig_dark_mode": Case(
        {"share_to_instagram": True, "instagram_dark_mode": True},
        {"crossreshare_to_ig": "true", "crossreshare_to_ig_dark_mode": "true"},
    ),
} | {
    f"reply_control-{control}": Case(
        {"reply_control": control},
        {"reply_control": control.value},
        {"reply_audience": control.value.upper()},
    )
    for control in ReplyControl
}


@pytest.mark.parametrize("name", CASES)
def test_a_parameter_of_a_text_leaves_as_documented_and_is_read_back(
    world: World, name: str
) -> None:
    case = CASES[name]
    sent = publish(world, Post(**{"text": "hello", **case.post}))
    (form,) = sent.forms
    # Objects travel as JSON in a field.
    objects = {k for k, v in case.form.items() if isinstance(v, dict | list)}
    form = {k: json.loads(v) if k in objects else v for k, v in form.items()}
    assert form == {**TEXT, **case.form}
    found = read(world, sent.posts[0], list(case.read))
    assert found == {**case.read, "id": sent.posts[0]}


def test_a_poll_is_read_with_its_votes(world: World) -> None:
    sent = publish(world, Post(text="hello?", poll=Poll(["yes", "no"])))
    poll = read(world, sent.posts[0], ["poll_attachment"])["poll_attachment"]
    assert (poll["option_a"], poll["option_b"], poll["total_votes"]) == ("yes", "no", 0)
    assert set(poll) == {
        *("option_a", "option_b", "option_a_votes_percentage", "option_b_votes_percentage"),
        *("total_votes", "expiration_timestamp"),
    }


def test_a_gif_is_read_by_its_address(world: World) -> None:
    sent = publish(world, Post(text="wave", gif="g17"))
    assert read(world, sent.posts[0], ["gif_url"])["gif_url"].endswith("/g17")


def test_a_ghost_post_is_archived_after_a_day(world: World) -> None:
    sent = publish(world, Post(text="boo", ghost=True, spoilers=["oo"]))
    fields = ["ghost_post_status", "ghost_post_expiration_timestamp", "text_entities"]
    assert set(read(world, sent.posts[0], fields)) == {*fields, "id"}
    world.clock.seconds += 86400
    assert read(world, sent.posts[0], fields)["ghost_post_status"] == "ARCHIVED"


@pytest.mark.parametrize("listed", [True, False])
def test_a_ghost_post_whose_answer_was_lost_is_found_wherever_it_is_listed(
    world: World, listed: bool
) -> None:
    world.sandbox.set_options(ghosts_listed=listed)
    world.sandbox.plan_fault({"match": {"path_regex": "/threads_publish$"}, "answer": "drop"})
    text = f"lost and found {listed}"
    sent = publish(world, Post(text=text, ghost=True))
    assert [post.id for post in world.sandbox.posts() if post.text == text] == sent.posts


@pytest.mark.parametrize("kind", ["image", "video"])
def test_one_medium_with_its_alt_text_and_hidden(world: World, kind: str) -> None:
    url = f"{world.sandbox.url}/media/{'sample.jpg' if kind == 'image' else 'clip.mp4'}"
    sent = publish(
        world, Post(text="look", media=(Media(url, alt_text="two cats"),), spoiler_media=True)
    )
    assert sent.forms == [
        {
            "media_type": kind.upper(),
            "text": "look",
            f"{kind}_url": url,
            "alt_text": "two cats",
            "is_spoiler_media": "true",
        }
    ]
    fields = ["media_type", "media_url", "alt_text", "is_spoiler_media"]
    found = read(world, sent.posts[0], fields)
    assert "/media/" in found.pop("media_url")
    assert found == {
        "id": sent.posts[0],
        "media_type": kind.upper(),
        "alt_text": "two cats",
        "is_spoiler_media": True,
    }


def test_a_carousel_hides_all_its_items_by_its_parent(world: World) -> None:
    picture = f"{world.sandbox.url}/media/sample.jpg"
    media = (Media(picture, alt_text="a"), Media(picture))
    sent = publish(world, Post(text="look", media=media, spoiler_media=True))
    item = {"media_type": "IMAGE", "image_url": picture, "is_carousel_item": "true"}
    first, second, parent = sorted(sent.forms, key=lambda form: form["media_type"] == "CAROUSEL")
    assert sorted((first, second), key=len) == [item, {**item, "alt_text": "a"}]
    children = parent["children"].split(",")
    assert sorted(children) == sorted(sent.containers[:2])
    assert parent == {
        "media_type": "CAROUSEL",
        "text": "look",
        "children": ",".join(children),
        "is_spoiler_media": "true",
    }
    found = read(world, sent.posts[0], ["media_type", "children", "is_spoiler_media"])
    assert found["media_type"] == "CAROUSEL_ALBUM"
    assert [one["id"] for one in found["children"]["data"]] == children
    assert found["is_spoiler_media"]


def test_a_reply_and_a_quote_name_the_post(world: World) -> None:
    (parent,) = publish(world, Post(text="first")).posts
    reply = publish(world, Post(text="a reply", reply_to=parent))
    assert reply.forms == [{"media_type": "TEXT", "text": "a reply", "reply_to_id": parent}]
    assert read(world, reply.posts[0], ["is_reply", "replied_to", "root_post"]) == {
        "id": reply.posts[0],
        "is_reply": True,
        "replied_to": {"id": parent},
        "root_post": {"id": parent},
    }
    quote = publish(world, Post(text="a quote", quote=parent))
    assert quote.forms == [{"media_type": "TEXT", "text": "a quote", "quote_post_id": parent}]
    assert read(world, quote.posts[0], ["is_quote_post", "quoted_post"]) == {
        "id": quote.posts[0],
        "is_quote_post": True,
        "quoted_post": {"id": parent},
    }


def test_a_spoiler_that_lies_in_two_segments_is_hidden_in_both(world: World) -> None:
    spoiler = Spoiler(offset=4, length=17)
    sent = publish(world, Post(text="one secret\n---\nsecret two", spoilers=(spoiler,)))
    hidden = [json.loads(form["text_entities"]) for form in sent.forms]
    assert hidden == [
        [{"entity_type": "SPOILER", "offset": 4, "length": 6}],
        [{"entity_type": "SPOILER", "offset": 0, "length": 6}],
    ]


def test_what_offsets_are_counted_in_is_one_constant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meta does not say. If it turns out to be UTF-16, the emoji counts twice."""
    monkeypatch.setattr(containers, "OFFSETS", "utf-16 units")
    sent = publish(world, Post(text="👋 the end", spoilers=["end"], text_attachment=LONG))
    (form,) = sent.forms
    assert [one["offset"] for one in json.loads(form["text_entities"])] == [7]
    styles = json.loads(form["text_attachment"])["text_with_styling_info"]
    assert [(one["offset"], one["length"]) for one in styles] == [(2, 4), (17, 3)]


@pytest.mark.parametrize("call", ["create", "publish"])
@pytest.mark.parametrize("status", ["SUCCESS", "FAILED"])
def test_a_share_to_instagram_that_failed_is_told_and_the_post_is_live(
    world: World, call: str, status: str
) -> None:
    world.sandbox.set_options(instagram_share=status, instagram_answered_by=call)
    sent = publish(world, Post(text=f"{call} {status}", share_to_instagram=True))
    (post,) = [one for one in world.sandbox.posts() if one.id == sent.posts[0]]
    assert post.instagram == ("light" if status == "SUCCESS" else None)
    told = [one for one in world.client.get(sent.job_id).events if one.what == "instagram_share"]
    assert [(one.segment, one.data) for one in told] == [(0, {"status": status})]


def test_a_container_is_asked_for_its_status_by_its_id(world: World) -> None:
    sent = publish(world, Post(text="hello"))
    (container,) = sent.containers
    asked = [one for one in sent.entries if one["path"] == f"/v1.0/{container}"]
    assert asked
    assert {(one["method"], one["query"]["fields"]) for one in asked} == {
        ("GET", "id,status,error_message")
    }


def test_a_container_is_published_by_its_id_and_once(world: World) -> None:
    sent = publish(world, Post(text="hello"))
    assert sent.published == [{"creation_id": sent.containers[0]}]


def test_no_text_is_ever_published_by_its_creation(world: World) -> None:
    """With `auto_publish_text` there would be no container to ask after a lost answer."""
    spec = containers.ContainerSpec.__dataclass_fields__
    assert "auto_publish_text" not in spec
    assert not [one for one in world.sandbox.ledger if "auto_publish_text" in one.get("form", {})]


def test_every_parameter_that_can_be_sent_is_sent_above() -> None:
    spec = set(containers.ContainerSpec.__dataclass_fields__)
    single = {"media_type", "text", "image_url", "video_url", "alt_text", "is_spoiler_media"}
    others = {"is_carousel_item", "children", "reply_to_id", "quote_post_id"}
    named = {name for case in CASES.values() for name in case.form}
    assert spec == single | others | named
