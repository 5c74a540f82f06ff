"""Every other method of `ThreadsPipe` against the sandbox: what is asked, what comes back."""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.scripts import quick_sandbox
from threadsworker import ThreadsPipe
from threadsworker.errors import InvalidSettings
from threadsworker.sandbox import Sandbox
from threadsworker.settings import load_settings

TOKEN = "sandbox-access-token-3e77"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with quick_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def api(sandbox: Sandbox, tmp_path: Path) -> Iterator[ThreadsPipe]:
    settings = load_settings(
        home=tmp_path / "home",
        threads_api_url=sandbox.threads_api_url,
        threads_auth_url=sandbox.url,
    )
    with ThreadsPipe("17841400000000001", TOKEN, settings=settings) as api:
        yield api


@pytest.fixture
def thread(api: ThreadsPipe) -> list[str]:
    """Ids of a root and two replies, one below the other."""
    ids: list[str] = api.pipe("root\n---\nreply\n---\nreply to it")["data"]["media_ids"]
    return ids


class Browser(webbrowser.BaseBrowser):
    """Keeps the addresses that it is to open."""

    def __init__(self) -> None:
        super().__init__("keeps")
        self.opened: list[str] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.opened.append(url)
        return True


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    keeps = Browser()
    monkeypatch.setattr(webbrowser, "_tryorder", None, raising=False)
    monkeypatch.setattr(webbrowser, "_browsers", {}, raising=False)
    webbrowser.register("keeps", None, keeps, preferred=True)
    return keeps


def ids(answer: dict[str, Any]) -> list[str]:
    return [one["id"] for one in answer["data"]]


def asked(sandbox: Sandbox) -> dict[str, Any]:
    """The last request to Meta: its path, and its query by names."""
    last = [entry for entry in sandbox.ledger if entry["service"] == "threads"][-1]
    assert not last["token_in_query"]
    return {"path": last["path"], **last["query"]}


def test_posts_come_newest_first_with_cursors_and_no_urls(
    api: ThreadsPipe, sandbox: Sandbox
) -> None:
    published = [api.pipe(f"post {n}")["data"]["media_ids"][0] for n in range(3)]
    sandbox.advance_clock(60)
    until = str(int(sandbox.now()) - 30)
    answer = api.get_posts(since_date="2024-01-01", until_date=until, limit=2)
    assert ids(answer) == published[:0:-1]
    assert set(answer["paging"]) == {"cursors"}
    assert TOKEN not in json.dumps(answer)
    request = asked(sandbox)
    assert (request["since"], request["until"], request["limit"]) == ("2024-01-01", until, "2")


def test_one_post(api: ThreadsPipe, thread: list[str]) -> None:
    answer = api.get_post(thread[0])
    assert (answer["id"], answer["text"], answer["username"]) == (thread[0], "root", "sandbox")
    assert api.get_post(int(thread[0])) == answer


def test_the_profile(api: ThreadsPipe) -> None:
    assert api.get_profile()["username"] == "sandbox"


def test_replies_are_those_below_a_post_or_all_of_its_thread(
    api: ThreadsPipe, sandbox: Sandbox, thread: list[str]
) -> None:
    root, reply, last = thread
    assert ids(api.get_post_replies(root)) == [reply]
    assert asked(sandbox)["path"] == f"/v1.0/{root}/replies"
    assert asked(sandbox)["reverse"] == "false"
    assert ids(api.get_post_replies(root, top_levels=False)) == [reply, last]
    assert ids(api.get_post_replies(root, False, True)) == [last, reply]
    sandbox.advance_clock(60)
    until = int(sandbox.now()) - 30
    found = api.get_user_replies(since_date="2024-01-01", until_date=until, limit="5")
    assert ids(found) == [last, reply]
    request = asked(sandbox)
    del request["fields"]
    assert request == {
        "path": "/v1.0/me/replies",
        "since": "2024-01-01",
        "until": str(until),
        "limit": "5",
    }


def test_a_reply_is_hidden_and_shown_again(api: ThreadsPipe, thread: list[str]) -> None:
    root, reply, _ = thread
    for hide, status in ((True, "HIDDEN"), (False, "NOT_HUSHED")):
        assert api.hide_reply(reply, hide) == {"success": True}
        assert api.get_post_replies(root)["data"][0]["hide_status"] == status


def test_a_post_is_reposted(api: ThreadsPipe, sandbox: Sandbox, thread: list[str]) -> None:
    answer = api.repost_post(thread[0])
    (repost,) = [post for post in sandbox.posts() if post.kind == "REPOST_FACADE"]
    assert (answer["id"], repost.reposted_id) == (repost.id, thread[0])


def test_quotas(api: ThreadsPipe, thread: list[str]) -> None:
    posts, replies = api.get_quota_usage(), api.get_quota_usage(for_reply=True)
    assert posts == {
        "data": [{"quota_usage": 1, "config": {"quota_total": 250, "quota_duration": 86400}}]
    }
    assert replies is not None
    assert replies["data"][0]["reply_quota_usage"] == 2


def test_a_quota_that_cannot_be_read_is_none(
    api: ThreadsPipe, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    api.get_profile()
    sandbox.set_token(TOKEN, "revoked")
    assert api.get_quota_usage() is None
    assert "cannot be read" in caplog.text


def test_geo_gating(api: ThreadsPipe, sandbox: Sandbox) -> None:
    assert api.is_eligible_for_geo_gating()["is_eligible_for_geo_gating"] is True
    api.pipe("for some", allowed_country_codes=["US"])
    (listed,) = api.get_allowlisted_country_codes(limit=5)["data"]
    assert (asked(sandbox)["limit"], asked(sandbox)["path"]) == ("5", "/v1.0/me/threads")
    assert listed["allowlisted_country_codes"] == ["US"]


def test_insights_of_a_post(api: ThreadsPipe, sandbox: Sandbox, thread: list[str]) -> None:
    everything = api.get_post_insights(thread[0])
    assert [one["name"] for one in everything["data"]] == api.threads_post_insight_metrics
    for metrics in ("views, likes", ["views", "likes"]):
        some = api.get_post_insights(thread[0], metrics=metrics)
        assert [one["name"] for one in some["data"]] == ["views", "likes"]
    assert asked(sandbox)["metric"] == "views,likes"
    assert api.get_post_insights(thread[0], "fame")["error"]["code"] == "threads.metrics.unknown"


def test_insights_of_an_account(api: ThreadsPipe, sandbox: Sandbox) -> None:
    everything = api.get_user_insights()
    assert [one["name"] for one in everything["data"]] == api.threads_user_insight_metrics
    in_a_period = api.get_user_insights(since_date="2024-07-01", until_date="2024-07-03")
    assert [one["name"] for one in in_a_period["data"]] == api.threads_user_insight_metrics
    by_age = api.get_user_insights(
        user_id=17841400000000001,
        follower_demographic_breakdown="age",
        metrics="follower_demographics",
    )
    (figure,) = by_age["data"]
    assert figure["total_value"]["breakdowns"][0]["dimension_keys"] == ["age"]
    assert asked(sandbox)["path"] == "/v1.0/17841400000000001/threads_insights"
    unknown = api.get_user_insights(follower_demographic_breakdown="shoe size")
    assert unknown["error"]["code"] == "threads.breakdown.unknown"


@pytest.mark.parametrize(
    ("since", "seconds"),
    [
        ("2024-07-01", "1719792000"),
        ("2024-07-01T02:00:00+02:00", "1719792000"),
        ("1719792000", "1719792000"),
        (1719792000, "1719792000"),
        (date(2024, 7, 1), "1719792000"),
        (datetime(2024, 7, 1, tzinfo=UTC), "1719792000"),
    ],
)
def test_insights_are_asked_for_by_seconds(
    api: ThreadsPipe, sandbox: Sandbox, since: Any, seconds: str
) -> None:
    until = int(sandbox.now()) - 60
    found = api.get_user_insights(since_date=since, until_date=until, metrics="views")
    assert "error" not in found
    assert (asked(sandbox)["since"], asked(sandbox)["until"]) == (seconds, str(until))


def test_a_date_that_cannot_be_read_is_refused_by_meta(api: ThreadsPipe) -> None:
    refused = api.get_user_insights(since_date="the other day", metrics="views")
    assert refused["error"]["code"] == 100


def test_without_a_hundred_followers_all_is_all_but_those(
    api: ThreadsPipe, sandbox: Sandbox
) -> None:
    account = sandbox.options.default_account
    sandbox.set_options(default_account=account.model_copy(update={"followers": 3}))
    names = [one["name"] for one in api.get_user_insights()["data"]]
    assert names == api.threads_user_insight_metrics[:-1]
    assert api.get_user_insights(metrics=["follower_demographics"])["info"] == "error"


def test_what_meta_refuses_is_an_answer_in_metas_words(api: ThreadsPipe, sandbox: Sandbox) -> None:
    api.get_profile()
    sandbox.set_token(TOKEN, "expired")
    for answer in (
        api.get_posts(),
        api.get_post("1"),
        api.get_profile(),
        api.get_post_replies("1"),
        api.get_user_replies(),
        api.hide_reply("1", True),
        api.repost_post("1"),
        api.get_post_insights("1"),
        api.get_user_insights(),
        api.is_eligible_for_geo_gating(),
        api.get_allowlisted_country_codes(),
        api.pipe("x", allowed_country_codes="US"),
    ):
        assert answer["info"] == "error"
        assert (answer["error"]["code"], answer["error"]["error_subcode"]) == (190, 463)
        assert answer["message"].startswith("Error validating access token")
        assert TOKEN not in json.dumps(answer)


def test_an_id_is_no_path(api: ThreadsPipe, sandbox: Sandbox) -> None:
    assert api.get_post("1/../me")["error"]["code"] == "threads.id.invalid"
    assert sandbox.ledger == []


def test_the_name_in_a_follow_intent_is_the_accounts(api: ThreadsPipe) -> None:
    assert api.get_follow_intent() == "https://www.threads.com/intent/follow?username=sandbox"


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("all", list(ThreadsPipe.__threads_auth_scope__.values())),
        (["basic", "publish"], ["threads_basic", "threads_content_publish"]),
        ("basic,insights", ["threads_basic", "threads_manage_insights"]),
    ],
)
def test_the_authorization_window_is_opened(
    api: ThreadsPipe, sandbox: Sandbox, browser: Browser, scope: Any, scopes: list[str]
) -> None:
    api.get_auth_token(
        app_id="4711", redirect_uri="https://example.com/h.php?a=b", scope=scope, state="s&1"
    )
    (url,) = browser.opened
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{sandbox.url}/oauth/authorize?")
    assert set(query.pop("scope").split(",")) == set(scopes)
    assert query == {
        "client_id": "4711",
        "redirect_uri": "https://example.com/h.php?a=b",
        "response_type": "code",
        "state": "s&1",
    }


def test_an_unknown_scope_opens_nothing(api: ThreadsPipe, browser: Browser) -> None:
    with pytest.raises(InvalidSettings, match="world_domination"):
        api.get_auth_token("4711", "https://example.com/", scope=["world_domination"])
    assert browser.opened == []


def test_from_no_token_at_all_to_a_post(
    sandbox: Sandbox, tmp_path: Path, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """As the older README begins: window, code, tokens, `update_param`, post, refresh."""
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="urllib3")
    settings = load_settings(
        home=tmp_path, threads_api_url=sandbox.threads_api_url, threads_auth_url=sandbox.url
    )
    api = ThreadsPipe(access_token="", user_id="", settings=settings)
    api.get_auth_token(app_id="4711", redirect_uri="https://example.com/handler.php")
    led_to = requests.get(browser.opened[0], allow_redirects=False, timeout=5).headers["location"]
    code = parse_qs(urlsplit(led_to).query)["code"][0]
    tokens = api.get_access_tokens(
        app_id="4711",
        app_secret="an-app-secret-0815",
        auth_code=f"{code}#_",
        redirect_uri="https://example.com/handler.php",
    )
    json.dumps(tokens)
    assert set(tokens) == {"user_id", "tokens"}
    long_lived = tokens["tokens"]["long_lived"]["access_token"]
    api.update_param(user_id=tokens["user_id"], access_token=long_lived)
    assert api.pipe("the first")["info"] == "success"
    used = api.get_access_tokens("4711", "an-app-secret-0815", code, "https://example.com/")
    assert used["info"] == "error"

    env = tmp_path / ".env"
    env.write_text("# mine\nOTHER=1\nTOKEN=old\n")
    fresh = api.refresh_token(long_lived, env_path=str(env), env_variable="TOKEN")
    assert set(fresh) == {"access_token", "token_type", "expires_in"}
    assert env.read_text() == f"# mine\nOTHER=1\nTOKEN={fresh['access_token']}\n"
    api.update_param(access_token=fresh["access_token"])
    assert api.pipe("the second")["info"] == "success"
    for held in (long_lived, fresh["access_token"], "an-app-secret-0815"):
        assert held not in caplog.text
        assert held not in json.dumps(sandbox.ledger)
    assert "refresh_access_token" in caplog.text
    api.close()


def test_a_refresh_that_could_not_be_kept_is_not_begun(
    api: ThreadsPipe, sandbox: Sandbox, tmp_path: Path
) -> None:
    missing = str(tmp_path / "no such directory" / ".env")
    for answer in (
        api.refresh_token(TOKEN, env_path=missing, env_variable="TOKEN"),
        api.refresh_token(TOKEN, env_path=str(tmp_path / ".env")),
    ):
        assert answer["info"] == "error"
        assert TOKEN not in json.dumps(answer)
    assert sandbox.ledger == []
