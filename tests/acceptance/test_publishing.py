"""
Real worker and beat processes publish to the sandbox; what counts is what the world can see.

Everything here runs twice: on Redis and PostgreSQL, and on the embedded default.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import Installation
from tests.pictures import SEGMENTS, exif, jpeg_with, segment, sunrise
from tests.services import eventually
from threadsworker.media.orientation import only_orientation
from threadsworker.sandbox import Sandbox, SandboxPost

ASSETS = files("threadsworker.sandbox").joinpath("assets")
SENTENCE = "The tide does not ask whether the queue is empty, it just comes. "


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """45 pictures, all different."""
    paths = [tmp_path / f"{n}.jpg" for n in range(45)]
    for n, path in enumerate(paths):
        path.write_bytes(sunrise(n))
    return paths


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def prose(length: int) -> str:
    return (SENTENCE * (length // len(SENTENCE) + 1))[:length].rsplit(" ", 1)[0]


def published(sandbox: Sandbox, job: dict[str, Any]) -> list[SandboxPost]:
    """The job's posts as the world sees them; each exactly once, in order, in its place."""
    ids = [segment["media_id"] for segment in job["segments"]]
    posts = {post.id: post for post in sandbox.posts()}
    assert len(set(ids)) == len(ids)
    live = [posts[media_id] for media_id in ids]
    assert [post.text for post in live] == [segment["text"] for segment in job["segments"]]
    assert [post.published_at for post in live] == sorted(post.published_at for post in live)
    assert [post.parent_id for post in live[1:]] == ids[:-1]
    assert job["state"] == "published"
    assert job["staged_files"] == 0
    assert sandbox.staged_files() == 0
    containers = {post.container_id for post in live}
    assert [post.container_id in containers for post in sandbox.posts()].count(True) == len(live)
    return live


def test_a_text(running: Installation, sandbox: Sandbox) -> None:
    job = running.publish("hello 👋 #world")
    (post,) = published(sandbox, job)
    assert post.text == "hello 👋 #world"
    assert job["segments"][0]["permalink"] == post.permalink
    assert post.parent_id is None


def test_a_text_with_one_image(
    running: Installation, sandbox: Sandbox, pictures: list[Path]
) -> None:
    job = running.publish("look", "-f", str(pictures[0]), "--alt", "the sun")
    (post,) = published(sandbox, job)
    assert [(one.kind, one.alt_text, one.sha256) for one in post.media] == [
        ("image", "the sun", sha256(pictures[0]))
    ]


def test_a_carousel_of_three(running: Installation, sandbox: Sandbox, pictures: list[Path]) -> None:
    arguments = [part for n in range(3) for part in ("-f", str(pictures[n]), "--alt", f"no {n}")]
    (post,) = published(sandbox, running.publish("three", *arguments))
    assert post.kind == "CAROUSEL"
    assert [one.alt_text for one in post.media] == ["no 0", "no 1", "no 2"]
    assert [one.sha256 for one in post.media] == [sha256(path) for path in pictures[:3]]


def test_a_photo_goes_out_without_its_place_and_the_right_way_up(
    running: Installation, sandbox: Sandbox, tmp_path: Path
) -> None:
    photo = tmp_path / "IMG_2041 Ada at home.jpg"
    photo.write_bytes(jpeg_with([exif(6), *SEGMENTS.values()], after=b"a film" * 100))
    posted = running.json("post", "a photo", "-f", str(photo), "--key", "photo")
    # The same photo, which something else was noted in meanwhile, is the same post.
    photo.write_bytes(jpeg_with([exif(6), SEGMENTS["comment"]]))
    again = running.json("post", "a photo", "-f", str(photo), "--key", "photo")
    assert again["id"] == posted["id"]
    running.run("watch", posted["id"], "--timeout", "60")
    (post,) = published(sandbox, running.json("show", posted["id"]))
    upright = segment(0xE1, b"Exif\0\0" + only_orientation(6))
    assert post.media[0].sha256 == hashlib.sha256(jpeg_with([upright])).hexdigest()
    assert "IMG_2041" not in json.dumps(sandbox.ledger)


def test_pictures_and_a_film_and_a_url(running: Installation, sandbox: Sandbox) -> None:
    film, chart = str(ASSETS.joinpath("clip.mp4")), str(ASSETS.joinpath("chart.png"))
    url = f"{sandbox.url}/media/sample.jpg"
    job = running.publish("mixed", "-f", film, "-f", url, "-f", chart)
    (post,) = published(sandbox, job)
    assert post.media_kinds == ("video", "image", "image")
    assert [one["url"] for one in job["segments"][0]["media"]] == [None, url, None]


def test_a_thread_of_ten(running: Installation, sandbox: Sandbox) -> None:
    text = "\n---\n".join(f"{n}. {prose(300)}" for n in range(10))
    posts = published(sandbox, running.publish(text))
    assert len(posts) == 10
    assert {post.root_id for post in posts[1:]} == {posts[0].id}


def test_forty_five_files_and_a_long_text(
    running: Installation, sandbox: Sandbox, pictures: list[Path]
) -> None:
    arguments = [part for path in pictures for part in ("-f", str(path), "--alt", path.name)]
    posts = published(sandbox, running.publish(prose(1300), *arguments))
    assert [len(post.media) for post in posts] == [20, 20, 5]
    seen = [(one.sha256, one.alt_text) for post in posts for one in post.media]
    assert seen == [(sha256(path), path.name) for path in pictures]


def test_a_reply_and_a_quote(running: Installation, sandbox: Sandbox) -> None:
    (parent,) = published(sandbox, running.publish("first"))
    (reply,) = published(sandbox, running.publish("a reply", "--reply-to", parent.id))
    assert reply.parent_id == parent.id
    (quote,) = published(sandbox, running.publish("a quote", "--quote", parent.id))
    assert (quote.quoted_id, quote.parent_id) == (parent.id, None)


def test_a_markdown_thread(running: Installation, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(ASSETS.joinpath("harbour.jpg").read_bytes())
    written = tmp_path / "thread.md"
    written.write_text(
        "---\ntopic: boats\ntag: [sea]\n---\nFirst. ![three boats](cat.jpg)\n\n---\n\nSecond.\n"
    )
    posted = running.json("thread", str(written), "--wait", "--timeout", "60")
    first, second = published(sandbox, running.json("show", posted["id"]))
    assert (first.text, first.topic, first.alt_texts) == ("First.\n#sea", "boats", ("three boats",))
    assert second.text == "Second."


def test_the_originals_may_be_gone_when_the_worker_gets_there(
    running: Installation, sandbox: Sandbox, tmp_path: Path
) -> None:
    picture = tmp_path / "gone.png"
    picture.write_bytes(ASSETS.joinpath("chart.png").read_bytes())
    expected = sha256(picture)
    posted = running.json("post", "gone", "-f", str(picture))
    picture.unlink()
    running.run("watch", posted["id"], "--timeout", "60")
    (post,) = published(sandbox, running.json("show", posted["id"]))
    assert post.media[0].sha256 == expected


def test_a_key_is_for_one_post(running: Installation, sandbox: Sandbox) -> None:
    first = running.json("post", "with a key", "--key", "k1")
    again = running.json("post", "with a key", "--key", "k1")
    assert first["id"] == again["id"]
    refused = running.run("post", "something else", "--key", "k1", expect=5)
    assert "key.mismatch" in refused.stderr
    running.run("watch", first["id"], "--timeout", "60")
    published(sandbox, running.json("show", first["id"]))


def test_a_cancelled_post_never_goes_out_and_leaves_nothing_staged(
    running: Installation, sandbox: Sandbox, pictures: list[Path]
) -> None:
    """Meta does not know the quoted post, so the job is still trying when it is cancelled."""
    posted = running.json("post", "lost", "-f", str(pictures[0]), "--quote", "17")
    running.run("cancel", posted["id"])
    shown = running.json("show", posted["id"])
    assert shown["state"] == "cancelled"
    running.run("cancel", posted["id"], expect=5)
    assert not [post for post in sandbox.posts() if post.text == "lost"]
    # Whatever was staged at that moment is swept away.
    eventually(lambda: sandbox.staged_files() == 0, timeout=40)
