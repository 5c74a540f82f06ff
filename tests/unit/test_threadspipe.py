"""The older library's interface: its names and defaults, and what becomes of its arguments."""

from __future__ import annotations

import inspect
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import threadsworker
from threadsworker import Media, MediaKind, Post, ThreadsPipe, threadspipe
from threadsworker.plan import as_post
from threadsworker.settings import load_settings
from threadsworker.threadspipe.arguments import media_of, options_of
from threadsworker.threadspipe.parameters import Parameters, secret

TOKEN = "a-secret-access-token"

#: Names and defaults as the README of threadspipepy documents them.
CONSTRUCTOR = {
    "user_id": ...,
    "access_token": ...,
    "disable_logging": False,
    "wait_before_post_publish": True,
    "post_publish_wait_time": 35,
    "wait_before_media_item_publish": True,
    "media_item_publish_wait_time": 35,
    "handle_hashtags": True,
    "auto_handle_hashtags": False,
    "gh_bearer_token": None,
    "gh_api_version": "2022-11-28",
    "gh_repo_name": None,
    "gh_username": None,
    "gh_upload_timeout": 300,
    "wait_on_rate_limit": False,
    "check_rate_limit_before_post": True,
    "threads_api_version": "v1.0",
}
METHODS: dict[str, dict[str, Any]] = {
    "update_param": dict.fromkeys(CONSTRUCTOR),
    "pipe": {
        "post": "",
        "files": (),
        "file_captions": (),
        "tags": (),
        "reply_to_id": None,
        "who_can_reply": None,
        "chained_post": True,
        "persist_tags_multipost": False,
        "allowed_country_codes": None,
        "link_attachments": (),
        "quote_post_id": None,
        "persist_quoted_post": False,
    },
    "get_quota_usage": {"for_reply": False},
    "get_auth_token": {"app_id": ..., "redirect_uri": ..., "scope": "all", "state": None},
    "get_access_tokens": {"app_id": ..., "app_secret": ..., "auth_code": ..., "redirect_uri": ...},
    "refresh_token": {"access_token": ..., "env_path": None, "env_variable": None},
    "is_eligible_for_geo_gating": {},
    "get_allowlisted_country_codes": {"limit": None},
    "repost_post": {"post_id": ...},
    "get_posts": {"since_date": None, "until_date": None, "limit": None},
    "get_post": {"post_id": ...},
    "get_profile": {},
    "get_post_replies": {"post_id": ..., "top_levels": True, "reverse": False},
    "get_user_replies": {"since_date": None, "until_date": None, "limit": None},
    "hide_reply": {"reply_id": ..., "hide": ...},
    "get_post_insights": {"post_id": ..., "metrics": "all"},
    "get_user_insights": {
        "user_id": None,
        "since_date": None,
        "until_date": None,
        "follower_demographic_breakdown": "country",
        "metrics": "all",
    },
    "get_post_intent": {"text": None, "link": None},
    "get_follow_intent": {"username": None},
}


def signature(method: Any) -> dict[str, Any]:
    """Positional parameters and their defaults, in order; ``...`` for those without."""
    return {
        name: ... if one.default is one.empty else one.default
        for name, one in inspect.signature(method).parameters.items()
        if name != "self" and one.kind is one.POSITIONAL_OR_KEYWORD
    }


def given(**changes: Any) -> Parameters:
    return Parameters(user_id="1", access_token=secret(TOKEN)).changed(changes)


def options(parameters: Parameters | None = None, **changes: Any) -> dict[str, Any]:
    names = {"tags", "reply_to_id", "who_can_reply", "chained_post", "persist_tags_multipost"}
    names |= {"allowed_country_codes", "link_attachments", "quote_post_id", "persist_quoted_post"}
    defaults = {name: METHODS["pipe"][name] for name in names}
    return options_of(parameters or given(), **{**defaults, **changes})


def test_the_constructor_is_the_older_librarys() -> None:
    assert list(signature(ThreadsPipe).items()) == list(CONSTRUCTOR.items())


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_the_older_librarys(name: str) -> None:
    assert list(signature(getattr(ThreadsPipe, name)).items()) == list(METHODS[name].items())


def test_the_class_is_found_under_both_names() -> None:
    assert threadspipe.ThreadsPipe is ThreadsPipe is threadsworker.ThreadsPipe


def test_the_five_properties() -> None:
    assert list(ThreadsPipe.__threads_auth_scope__.items()) == [
        ("basic", "threads_basic"),
        ("publish", "threads_content_publish"),
        ("read_replies", "threads_read_replies"),
        ("manage_replies", "threads_manage_replies"),
        ("insights", "threads_manage_insights"),
    ]
    counted = ["views", "likes", "replies", "reposts", "quotes"]
    # The README leaves the last one out; the class had it.
    assert ThreadsPipe.threads_post_insight_metrics == [*counted, "shares"]
    assert ThreadsPipe.threads_user_insight_metrics == [
        *counted,
        "followers_count",
        "follower_demographics",
    ]
    assert ThreadsPipe.threads_follower_demographic_breakdown_list == [
        "country",
        "city",
        "age",
        "gender",
    ]
    assert ThreadsPipe.who_can_reply_list == ["everyone", "accounts_you_follow", "mentioned_only"]


def test_captions_belong_to_files_by_their_index() -> None:
    media = media_of([b"a", "./b.jpg", b"c"], [None, "the second"])
    assert [one.alt_text for one in media] == [None, "the second", None]
    assert [one.source for one in media] == [b"a", "./b.jpg", b"c"]


def test_a_caption_without_a_file_is_left_out_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (medium,) = media_of([b"a"], ["one", None, "three"])
    assert medium.alt_text == "one"
    assert ["'three'" in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_no_files_are_no_files(nothing: Any) -> None:
    assert media_of(nothing, nothing) == ()


@pytest.mark.parametrize("alone", ["./a.jpg", b"bytes", Path("a.jpg"), Media("./a.jpg")])
def test_a_file_alone_is_a_list_of_one(alone: Any) -> None:
    assert [one.alt_text for one in media_of(alone, ["alt"])] == ["alt"]
    assert [one.alt_text for one in media_of(alone, "alt")] == ["alt"]


def test_what_is_no_file_at_all_is_left_for_intake_to_refuse() -> None:
    strange: Any = 7
    assert media_of(strange, ()) == (Media(strange),)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://example.com/?q=80&w=2574", MediaKind.IMAGE),
        ("https://example.com/photo-1482062364825?fit=crop", MediaKind.IMAGE),
        # These say it themselves, or are refused for what they say.
        ("https://example.com/film.mp4?x=1", None),
        ("https://example.com/picture.JPG", None),
        ("https://example.com/picture.webp", None),
    ],
)
def test_a_url_that_does_not_say_what_it_is_is_a_picture(url: str, kind: MediaKind | None) -> None:
    (medium,) = media_of([url], ())
    assert medium.kind == kind


def test_what_is_a_film_says_so() -> None:
    film = Media("https://example.com/watch", kind=MediaKind.VIDEO)
    assert media_of([film], ["the sea"]) == (
        Media("https://example.com/watch", kind=MediaKind.VIDEO, alt_text="the sea"),
    )


def test_ids_may_be_numbers() -> None:
    found = options(quote_post_id=1234567890111213, reply_to_id=17841400000000001)
    assert found["quote"] == "1234567890111213"
    assert found["reply_to"] == "17841400000000001"


@pytest.mark.parametrize(
    ("argument", "given", "field", "expected"),
    [
        ("tags", ["one", "#two"], "tags", ("one", "#two")),
        ("tags", "one #two", "tags", ("one", "#two")),
        ("tags", None, "tags", ()),
        ("who_can_reply", "mentioned_only", "reply_control", "mentioned_only"),
        ("who_can_reply", "", "reply_control", None),
        ("chained_post", False, "chain", False),
        ("persist_tags_multipost", True, "persist_tags", True),
        ("allowed_country_codes", "US,CA", "countries", "US,CA"),
        ("allowed_country_codes", ["US"], "countries", ["US"]),
        ("link_attachments", ["https://example.com"], "links", ["https://example.com"]),
        ("link_attachments", None, "links", ()),
        ("persist_quoted_post", True, "quote_all", True),
    ],
)
def test_an_argument_is_a_field_of_a_post(
    argument: str, given: Any, field: str, expected: Any
) -> None:
    found = options(**{argument: given})
    assert found[field] == expected
    # Nothing else changes with it, and a post takes all of it.
    assert {name: found[name] for name in found if name != field} == {
        name: one for name, one in options().items() if name != field
    }
    assert isinstance(as_post("text", (), found), Post)


def test_an_empty_id_is_none() -> None:
    assert options(quote_post_id="", reply_to_id=None)["quote"] is None


def test_the_instances_parameters_stand_for_what_pipe_has_no_argument_for() -> None:
    found = options(given(handle_hashtags=False, auto_handle_hashtags=True))
    assert (found["handle_hashtags"], found["auto_handle_hashtags"]) == (False, True)


@pytest.mark.parametrize(
    ("check", "wait", "asks"), [(True, False, True), (False, False, False), (False, True, True)]
)
def test_a_quota_that_is_waited_for_is_asked_for(check: bool, wait: bool, asks: bool) -> None:
    found = options(given(check_rate_limit_before_post=check, wait_on_rate_limit=wait))
    assert (found["check_rate_limit_before_post"], found["wait_on_rate_limit"]) == (asks, wait)


def test_a_repository_takes_both_names() -> None:
    assert given(gh_username="octo", gh_repo_name="stage").github_repo == "octo/stage"
    assert given(gh_repo_name="stage").github_repo is None


def test_parameters_change_settings_only_if_they_are_not_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, threads_api_version="v2.0", lease="7")
    assert given().settings(settings) is settings
    changed = given(gh_api_version="2030-01-01", gh_upload_timeout=9).settings(settings)
    assert (changed.github_api_version, changed.threads_api_version) == ("2030-01-01", "v2.0")
    assert changed.github_upload_timeout == timedelta(seconds=9)
    assert (changed.home, changed.lease) == (tmp_path, timedelta(seconds=7))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user_id", "2"),
        ("handle_hashtags", False),
        ("auto_handle_hashtags", True),
        ("gh_api_version", "2030-01-02"),
        ("gh_repo_name", "uploads"),
        ("gh_username", "somebody"),
        ("gh_upload_timeout", 7),
        ("wait_on_rate_limit", True),
        ("check_rate_limit_before_post", False),
        ("threads_api_version", "v2.0"),
    ],
)
def test_update_param_changes_that_parameter_and_no_other(name: str, value: Any) -> None:
    api = ThreadsPipe(1, TOKEN)
    before = api._given
    api.update_param(**{name: value})
    assert api._given == before.changed({name: value}) != before


def test_no_repr_shows_a_token() -> None:
    api = ThreadsPipe(1, TOKEN, gh_bearer_token="ghp_" + "a" * 20)
    assert TOKEN not in repr(api) + repr(vars(api))
    assert "ghp_" not in repr(vars(api))


@pytest.mark.parametrize(
    ("text", "link", "expected"),
    [
        ("hi", None, "post?text=hi"),
        (None, "https://e.com/?a=1&b=2#c", "post?url=https%3A%2F%2Fe.com%2F%3Fa%3D1%26b%3D2%23c"),
        ("a b/c&d #e é", "x", "post?text=a%20b%2Fc%26d%20%23e%20%C3%A9&url=x"),
        (None, None, "post?"),
    ],
)
def test_a_post_intent_escapes_everything(
    text: str | None, link: str | None, expected: str
) -> None:
    api = ThreadsPipe(user_id="", access_token="")
    assert api.get_post_intent(text, link) == f"https://www.threads.com/intent/{expected}"


def test_a_follow_intent_escapes_the_name() -> None:
    api = ThreadsPipe(user_id="", access_token="")
    intent = "https://www.threads.com/intent/follow?username=a%26b"
    assert api.get_follow_intent("a&b") == intent


def test_without_a_token_calls_say_what_is_missing() -> None:
    api = ThreadsPipe(user_id="", access_token="")
    for answer in (api.pipe("hello"), api.get_posts(), api.hide_reply("1", True)):
        assert answer["info"] == "error"
        assert answer["error"]["code"] == "access_token.empty"
        json.dumps(answer)


def test_disabling_our_logs_touches_no_others(caplog: pytest.LogCaptureFixture) -> None:
    before = (logging.root.level, logging.root.manager.disable, list(logging.root.handlers))
    api = ThreadsPipe(1, TOKEN, disable_logging=True)
    try:
        assert before == (
            logging.root.level,
            logging.root.manager.disable,
            list(logging.root.handlers),
        )
        logging.getLogger("threadsworker.walk").critical("ours")
        logging.getLogger("app").info("theirs")
        logging.getLogger("app").critical("theirs too")
        assert "ours" not in caplog.text
        assert "theirs too" in caplog.text
    finally:
        api.update_param(disable_logging=False)
    logging.getLogger("threadsworker.walk").warning("ours again")
    assert "ours again" in caplog.text


#: What else the README of the older library has.
ELSEWHERE = [
    "__threads_auth_scope__",
    "threads_post_insight_metrics",
    "threads_user_insight_metrics",
    "threads_follower_demographic_breakdown_list",
    "who_can_reply_list",
]


@pytest.mark.parametrize(
    "name", [*CONSTRUCTOR, *METHODS["pipe"], *ELSEWHERE, *(one for one in METHODS if one != "pipe")]
)
def test_the_page_for_migrants_has_a_row_for_each(name: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "migrating-from-threadspipe.md"
    first_cells = [line.split("|")[1] for line in page.read_text().splitlines() if line[:1] == "|"]
    assert any(f"`{name}`" in cell for cell in first_cells)
