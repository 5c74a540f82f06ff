"""
What the older library's README shows, as calls of ours: only the import is another one.

Its two large examples of `pipe` do not compile as they are printed: a comma is missing behind
`allowed_country_codes`, and is set here. A second one is missing between two URLs, which makes
one URL of them; that stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import quick_sandbox
from tests.unit.test_threadspipe import CONSTRUCTOR
from threadsworker import ThreadsPipe, threadspipe
from threadsworker.sandbox import Sandbox

ASSETS = files("threadsworker.sandbox").joinpath("assets")
USER_ID = "17841400000000001"
TOKEN = "sandbox-long-lived-2c90"
GITHUB: dict[str, Any] = {
    "gh_bearer_token": "ghp_sandboxGithubToken2c900123456789ab",
    "gh_repo_name": "threadspipe-uploads",
    "gh_username": "example",
}
PHOTO = "https://images.example.com/photo-{}?q=80&w=2370&auto=format&fit=crop&ixid=M3wx%3D%3D"
CAPTIONS = ["a macbook on a table", "image 1", "coding", None, "a garden", *4 * [None]]
CAPTIONS += ["image 2", None, None, "image 3", None, "image 4", None, "image 5", None]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox that the environment leads to, as Meta's addresses are the defaults."""
    with quick_sandbox() as sandbox:
        for name, value in {
            "HOME": str(tmp_path / "home"),
            "THREADS_API_URL": sandbox.threads_api_url,
            "GITHUB_API_URL": sandbox.github_api_url,
            "GITHUB_RAW_URL": sandbox.github_raw_url,
        }.items():
            monkeypatch.setenv(f"THREADSWORKER_{name}", value)
        monkeypatch.chdir(tmp_path)
        yield sandbox


@pytest.fixture
def folder(sandbox: Sandbox, tmp_path: Path) -> Path:
    """The working directory, with the files that the README has there."""
    for name, asset in {
        "img-1.jpg": "harbour.jpg",
        "img-2.jpg": "sunrise.jpg",
        "sample-5.mp4": "clip.mp4",
    }.items():
        (tmp_path / name).write_bytes(ASSETS.joinpath(asset).read_bytes())
    return tmp_path


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[ThreadsPipe]:
    api = ThreadsPipe(
        access_token=TOKEN,
        user_id=USER_ID,
        handle_hashtags=True,
        auto_handle_hashtags=False,
        **GITHUB,
    )
    with api:
        yield api


def test_basic_usage(api: ThreadsPipe, sandbox: Sandbox, folder: Path) -> None:
    """A path, bytes of a picture and of a film, and URLs that do not say what they are."""
    pipe = api.pipe(
        post="A very long text...",
        files=[
            "./img-2.jpg",
            PHOTO.format(1),
            Path("img-1.jpg").read_bytes(),
            PHOTO.format(2),
            Path("sample-5.mp4").read_bytes(),
            PHOTO.format(3) + PHOTO.format(4),
            *[PHOTO.format(n) for n in range(5, 13)],
        ],
        allowed_country_codes="US,CA,NG",
        file_captions=CAPTIONS,
        who_can_reply="accounts_you_follow",
    )
    json.dumps(pipe)
    assert pipe["info"] == "success", pipe
    (post,) = sandbox.posts()
    assert pipe["data"]["media_ids"] == [post.id]
    assert post.text == "A very long text..."
    assert (post.countries, post.reply_control) == (("US", "CA", "NG"), "accounts_you_follow")
    kinds = ["image"] * 4 + ["video"] + ["image"] * 9
    assert list(post.media_kinds) == kinds
    assert list(post.alt_texts) == CAPTIONS[:14]
    assert sandbox.staged_files() == 0


def test_the_example_of_pipe(api: ThreadsPipe, sandbox: Sandbox, folder: Path) -> None:
    """Absolute paths, URLs with all kinds of suffixes, countries as a list."""
    pipe = api.pipe(
        post="A very long text...",
        files=[
            str(folder / "img-2.jpg"),
            "https://example.com/video-1482062364825.mp4",
            (folder / "img-1.jpg").read_bytes(),
            "https://example.com/photo-1504639725590.jpg",
            Path("sample-5.mp4").read_bytes(),
            "https://example.com/photo-1721332149371.jpg"
            "https://example.com/?w=800&p=Mnx8fGVufD%3D%3D",
            "https://example.com/photo-1725647093138.png",
            "https://example.com/?q=80&w=2574&z=jhsdbcjh",
            "https://example.com/photo-1725628736546.mp4",
            "https://example.com/photo-1725792630033.jpeg",
        ],
        allowed_country_codes=["US", "CA", "NG", "SG"],
        file_captions=CAPTIONS,
        who_can_reply="accounts_you_follow",
    )
    assert pipe["info"] == "success", pipe
    (post,) = sandbox.posts()
    assert [n for n, kind in enumerate(post.media_kinds) if kind == "video"] == [1, 4, 8]
    assert post.countries == ("US", "CA", "NG", "SG")


def test_quoting_posts(api: ThreadsPipe, sandbox: Sandbox) -> None:
    quoted = int(api.pipe("to be quoted")["data"]["media_ids"][0])
    pipe = api.pipe(
        post="A very long text...",
        files=["http://example.com/path/to/file.jpg"],
        quote_post_id=quoted,
    )
    assert pipe["info"] == "success", pipe
    assert sandbox.posts()[-1].quoted_id == str(quoted)
    long = api.pipe(post="word " * 200, quote_post_id=quoted, persist_quoted_post=True)
    assert [post.quoted_id for post in sandbox.posts()[-2:]] == [str(quoted)] * 2, long


def test_the_repository_may_come_later(sandbox: Sandbox, folder: Path) -> None:
    api = ThreadsPipe(access_token=TOKEN, user_id=int(USER_ID))
    assert api.pipe("a picture", files=["./img-1.jpg"])["info"] == "error"
    api.update_param(**GITHUB)
    assert api.pipe("a picture", files=["./img-1.jpg"])["info"] == "success"
    assert len(sandbox.posts()) == 1
    api.close()


def test_the_class_by_its_module(sandbox: Sandbox) -> None:
    api = threadspipe.ThreadsPipe(
        access_token=TOKEN,
        user_id=USER_ID,
        handle_hashtags=True,
        auto_handle_hashtags=False,
        **GITHUB,
    )
    api.update_param(user_id=USER_ID, access_token=TOKEN, disable_logging=False)
    assert api.get_profile()["id"] == USER_ID
    api.close()


def test_every_parameter_by_name(sandbox: Sandbox) -> None:
    everything: dict[str, Any] = {**CONSTRUCTOR, "user_id": USER_ID, "access_token": TOKEN}
    api = ThreadsPipe(**everything)
    api.update_param(**everything)
    assert api.pipe("no wait of 35 seconds")["info"] == "success"
    api.close()


#: The calls that the README lists with their defaults; each takes the id of a post.
SIGNATURES: dict[str, Callable[[ThreadsPipe, str], Any]] = {
    "pipe": lambda api, post: api.pipe(
        post="a reply",
        files=[],
        file_captions=[],
        tags=[],
        reply_to_id=post,
        who_can_reply=None,
        chained_post=True,
        persist_tags_multipost=False,
        allowed_country_codes=None,
    ),
    "get_quota_usage": lambda api, post: api.get_quota_usage(for_reply=False),
    "is_eligible_for_geo_gating": lambda api, post: api.is_eligible_for_geo_gating(),
    "get_allowlisted_country_codes": lambda api, post: api.get_allowlisted_country_codes(limit=5),
    "repost_post": lambda api, post: api.repost_post(post_id=post),
    "get_posts": lambda api, post: api.get_posts(since_date=None, until_date=None, limit=None),
    "get_post": lambda api, post: api.get_post(post_id=post),
    "get_profile": lambda api, post: api.get_profile(),
    "get_post_replies": lambda api, post: api.get_post_replies(
        post_id=post, top_levels=True, reverse=False
    ),
    "get_user_replies": lambda api, post: api.get_user_replies(
        since_date=None, until_date=None, limit=None
    ),
    "get_post_insights": lambda api, post: api.get_post_insights(post_id=post, metrics="all"),
    "get_user_insights": lambda api, post: api.get_user_insights(
        user_id=None,
        since_date=None,
        until_date=None,
        follower_demographic_breakdown="country",
        metrics="all",
    ),
}


def test_every_signature(api: ThreadsPipe) -> None:
    post = api.pipe("the post")["data"]["media_ids"][0]
    for name, call in SIGNATURES.items():
        answer = call(api, post)
        json.dumps(answer)
        assert answer is not None, name
        assert "error" not in answer, (name, answer)
    assert api.get_post_intent(text="a", link="https://example.com").endswith(
        "?text=a&url=https%3A%2F%2Fexample.com"
    )
    assert api.get_follow_intent(username=None).endswith("?username=sandbox")
