"""`ThreadsPipe` against the sandbox, without a worker: each call does its work itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import sunrise
from tests.scripts import GITHUB_TOKEN, THREE, TOKEN, new_api, quick_sandbox, settings_for
from threadsworker import Client, ThreadsPipe
from threadsworker.sandbox import Sandbox
from threadsworker.settings import Settings, load_settings

ASSETS = files("threadsworker.sandbox").joinpath("assets")
SENTENCE = "The tide does not ask whether the queue is empty, it just comes. "


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with quick_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path: Path) -> Settings:
    return load_settings(**settings_for(sandbox, tmp_path / "home"))


@pytest.fixture
def api(settings: Settings) -> Iterator[ThreadsPipe]:
    with new_api(settings) as api:
        yield api


def prose(length: int) -> str:
    return (SENTENCE * (length // len(SENTENCE) + 1))[:length].rsplit(" ", 1)[0]


def test_a_text_is_published_and_its_id_given_back(api: ThreadsPipe, sandbox: Sandbox) -> None:
    answer = api.pipe("hello #world")
    (post,) = sandbox.posts()
    assert post.text == "hello #world"
    assert answer == {
        "info": "success",
        "message": "Published: 1 post",
        "data": {"media_ids": [post.id]},
        "job_id": answer["job_id"],
    }


def test_a_long_text_with_tags_files_and_a_quote(api: ThreadsPipe, sandbox: Sandbox) -> None:
    quoted = api.pipe("to be quoted")["data"]["media_ids"][0]
    picture = ASSETS.joinpath("sunrise.jpg").read_bytes()
    answer = api.pipe(
        post=prose(1300) + " #one #two",
        files=[picture, f"{sandbox.url}/media/sample.jpg"],
        file_captions=["the sun", None],
        quote_post_id=int(quoted),
    )
    assert answer["info"] == "success"
    first, *posts = sandbox.posts()
    assert [post.id for post in posts] == answer["data"]["media_ids"]
    root = posts[0]
    assert first.id == root.quoted_id == quoted
    assert (root.kind, root.alt_texts) == ("CAROUSEL", ("the sun", None))
    assert [post.parent_id for post in posts] == [None, *(post.id for post in posts[:-1])]
    joined = " ".join(post.text for post in posts)
    assert "#one" in posts[0].text
    assert "#two" in posts[1].text
    words = joined.replace("#one", "").replace("#two", "").split()
    assert words == prose(1300).split()
    assert sandbox.staged_files() == 0


def test_bad_input_is_an_answer_with_every_problem_and_nothing_is_sent(
    settings: Settings, sandbox: Sandbox
) -> None:
    with new_api(settings, gh_bearer_token=None) as api:
        answer = api.pipe(
            "x\n---\ny",
            files=[ASSETS.joinpath("sunrise.jpg").read_bytes(), "./missing.jpg"],
            file_captions=["c" * 1001],
            chained_post=False,
            reply_to_id="nobody",
        )
    assert answer["info"] == "error"
    assert {one["rule"] for one in answer["error"]["problems"]} >= {
        "media.path.not_found",
        "staging.repository.missing",
        "threads.alt_text.too_long",
        "threads.reply_to.invalid",
        "threads.text.too_long",
    }
    assert {"files", "files 2", "reply_to_id", "post"} <= {
        one["where"] for one in answer["error"]["problems"]
    }
    assert "gh_bearer_token" in answer["message"]
    assert "job_id" not in answer
    assert sandbox.ledger == []
    json.dumps(answer)


def test_an_unknown_audience_is_refused_under_its_own_name(api: ThreadsPipe) -> None:
    answer = api.pipe("hi", who_can_reply="nobody")
    assert answer["error"]["problems"][0]["where"] == "who_can_reply"
    assert "accounts_you_follow" in answer["message"]


def test_options_reach_meta(api: ThreadsPipe, sandbox: Sandbox) -> None:
    parent = api.pipe("parent")["data"]["media_ids"][0]
    answer = api.pipe(
        "child",
        tags=["sea"],
        reply_to_id=parent,
        who_can_reply="accounts_you_follow",
        allowed_country_codes="US,CA",
        link_attachments=["https://example.com/a"],
    )
    post = sandbox.posts()[-1]
    assert post.id in answer["data"]["media_ids"]
    assert (post.parent_id, post.reply_control) == (parent, "accounts_you_follow")
    assert (post.countries, post.link) == (("US", "CA"), "https://example.com/a")
    assert post.text == "child\n#sea"


def test_geo_gating_is_looked_at_before_anything_is_sent(
    api: ThreadsPipe, sandbox: Sandbox
) -> None:
    account = sandbox.options.default_account
    sandbox.set_options(
        default_account=account.model_copy(update={"is_eligible_for_geo_gating": False})
    )
    answer = api.pipe("hello", allowed_country_codes=["US"])
    assert answer["error"]["code"] == "geo_gating.not_eligible"
    assert [entry["path"] for entry in sandbox.ledger] == ["/v1.0/me"]


def test_a_failure_in_the_second_post_gives_the_ids_so_far(
    api: ThreadsPipe, sandbox: Sandbox
) -> None:
    refusal = {"error": {"message": "Invalid parameter", "code": 100, "fbtrace_id": "A"}}
    sandbox.plan_fault(
        {
            "match": {"method": "POST", "path_regex": "/threads$", "nth": 2},
            "act": False,
            "answer": {"status": 400, "body": refusal},
        }
    )
    answer = api.pipe(THREE)
    assert answer["info"] == "error"
    assert answer["data"]["media_ids"] == [post.id for post in sandbox.posts()]
    assert len(sandbox.posts()) == 1
    assert answer["error"]["code"] == "threads.100"
    assert answer["message"] == "Invalid parameter (failed, 1 of 3 posts live)"
    json.dumps(answer)


def test_a_quota_that_is_used_up_fails_at_once_unless_it_is_to_be_waited_for(
    api: ThreadsPipe, sandbox: Sandbox
) -> None:
    sandbox.set_options(post_quota=1)
    assert api.pipe("first")["info"] == "success"
    answer = api.pipe("second")
    assert (answer["info"], answer["error"]["code"]) == ("error", "quota.used_up")
    assert answer["data"] == {"media_ids": []}
    api.update_param(wait_on_rate_limit=True)
    waiting = api.pipe("third", timeout=1)
    assert waiting["info"] == "queued"
    assert "quota" in waiting["message"]
    sandbox.set_options(post_quota=250)
    assert len(sandbox.posts()) == 1


def test_a_dead_token_is_an_answer_and_a_new_one_lets_the_post_go_on(
    api: ThreadsPipe, sandbox: Sandbox
) -> None:
    api.get_profile()
    sandbox.set_token(TOKEN, "expired")
    answer = api.pipe("hello")
    assert (answer["info"], answer["error"]["code"]) == ("error", "threads.190.463")
    assert "needs_reconnect" in answer["message"]
    api.update_param(access_token="sandbox-another-token-9b2e")
    assert api.pipe("another")["info"] == "success"
    assert api.finish(answer["job_id"])["info"] == "success"
    assert [post.text for post in sandbox.posts()] == ["another", "hello"]


def test_a_new_token_counts_from_finish_on(api: ThreadsPipe, sandbox: Sandbox) -> None:
    sandbox.set_token(TOKEN, "expired")
    answer = api.pipe("hello")
    assert answer["error"]["code"] == "threads.190.463"
    api.update_param(access_token="sandbox-another-token-9b2e")
    assert api.finish(answer["job_id"])["info"] == "success"
    assert [post.text for post in sandbox.posts()] == ["hello"]


def test_what_is_not_waited_for_is_finished_later(api: ThreadsPipe, sandbox: Sandbox) -> None:
    queued = api.pipe("later", wait=False)
    assert (queued["info"], sandbox.posts()) == ("queued", [])
    assert api.pipe(THREE, timeout=0)["info"] == "queued"
    assert sandbox.posts() == []
    done = api.finish(queued["job_id"])
    assert (done["info"], done["job_id"]) == ("success", queued["job_id"])
    assert api.finish(queued["job_id"]) == done
    assert api.finish("no-such-job")["error"]["code"] == "NotFound"


def test_a_key_is_for_one_post(api: ThreadsPipe, sandbox: Sandbox) -> None:
    first = api.pipe("with a key", key="k1")
    assert api.pipe("with a key", key="k1") == first
    assert api.pipe("another", key="k1")["error"]["code"] == "key.mismatch"
    assert len(sandbox.posts()) == 1


def test_an_instance_may_be_shared_between_threads(api: ThreadsPipe, sandbox: Sandbox) -> None:
    """Files of one post are never in another one."""
    answers: dict[int, dict[str, Any]] = {}

    def publish(n: int) -> None:
        answers[n] = api.pipe(f"post {n}", files=[sunrise(n)] if n % 2 else ())

    threads = [threading.Thread(target=publish, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer["info"] for answer in answers.values()} == {"success"}
    posts = {post.id: post for post in sandbox.posts()}
    for n, answer in answers.items():
        (media_id,) = answer["data"]["media_ids"]
        assert posts[media_id].text == f"post {n}"
        assert len(posts[media_id].media) == n % 2
    assert len(posts) == 4


def test_no_token_is_in_a_log_or_an_answer(
    api: ThreadsPipe, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="urllib3")
    picture = ASSETS.joinpath("sunrise.jpg").read_bytes()
    answers = [api.pipe(prose(600), files=[picture]), api.get_posts(limit=1), api.get_profile()]
    sandbox.set_token(TOKEN, "expired")
    answers += [api.pipe("refused"), api.get_posts()]
    everything = caplog.text + json.dumps(answers) + repr(api) + repr(vars(api))
    assert "threads_publish" in caplog.text
    assert TOKEN not in everything
    assert GITHUB_TOKEN not in everything
    assert not any(entry.get("token_in_query") for entry in sandbox.ledger)


def test_the_api_versions_are_those_given(settings: Settings, sandbox: Sandbox) -> None:
    github: set[str] = set()
    sandbox.plan_fault(
        {"match": {"service": "github"}, "times": 99},
        on_hit=lambda request: github.add(request.headers["x-github-api-version"]),
    )
    picture = ASSETS.joinpath("sunrise.jpg").read_bytes()
    with new_api(settings, threads_api_version="v2.0", gh_api_version="2030-01-02") as api:
        assert api.pipe("hello", files=[picture])["info"] == "success"
        api.update_param(threads_api_version="v3.0")
        api.get_profile()
    asked = [e["path"] for e in sandbox.ledger if e["service"] == "threads"]
    assert {path.split("/")[1] for path in asked[:-1]} == {"v2.0"}
    assert asked[-1] == "/v3.0/me"
    assert github == {"2030-01-02"}


def test_a_token_that_was_refreshed_is_not_replaced_by_the_older_one_of_a_script(
    settings: Settings, sandbox: Sandbox
) -> None:
    with new_api(settings) as api:
        api.pipe("before")
    with Client(settings) as client:
        client.refresh_account("threadspipe-17841400000000001")
    sandbox.set_token(TOKEN, "revoked")
    with new_api(settings) as api:
        assert api.pipe("after")["info"] == "success"
