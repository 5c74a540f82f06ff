"""The window's address, and the code in what comes back."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadsworker.cli.loopback import can_listen
from threadsworker.errors import AuthorizationFailed, InvalidSettings
from threadsworker.threads_api import (
    USUAL_SCOPES,
    Scope,
    authorization_url,
    code_from_redirect,
    new_state,
    scopes_named,
)

HERE = "https://example.com/threads/?from=meta&x=1"


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_everything_in_the_windows_address_comes_through_as_it_was(
    client_id: str, redirect_uri: str, state: str
) -> None:
    url = authorization_url(client_id=client_id, redirect_uri=redirect_uri, state=state)
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "threads.com", "/oauth/authorize")
    assert parse_qs(parts.query) == {
        "client_id": [client_id],
        "redirect_uri": [redirect_uri],
        "scope": [",".join(USUAL_SCOPES)],
        "response_type": ["code"],
        "state": [state],
    }


def test_the_window_is_where_the_setting_says_and_has_no_state_unless_given() -> None:
    url = authorization_url(
        client_id="1", redirect_uri=HERE, scopes=[Scope.BASIC], auth_url="http://127.0.0.1:1/"
    )
    where = quote(HERE, safe="")
    assert url == (
        f"http://127.0.0.1:1/oauth/authorize?client_id=1&redirect_uri={where}"
        "&scope=threads_basic&response_type=code"
    )


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        ([], (Scope.BASIC,)),
        ("publish", (Scope.BASIC, Scope.CONTENT_PUBLISH)),
        ("threads_delete, basic", (Scope.BASIC, Scope.DELETE)),
        (["insights", "read_replies"], (Scope.BASIC, Scope.READ_REPLIES, Scope.MANAGE_INSIGHTS)),
        ("all", tuple(Scope)),
        (list(Scope), tuple(Scope)),
    ],
)
def test_scopes_go_by_their_names(names: str | list[str], meant: tuple[Scope, ...]) -> None:
    assert scopes_named(names) == meant


def test_a_scope_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidSettings, match=r"'publsh'; known: basic, content_publish, .*all"):
        scopes_named(["publsh"])


@given(
    # What pads it is part of it.
    st.from_regex(r"[\w-]+={0,2}", fullmatch=True),
    st.text(min_size=1),
)
def test_the_code_is_found_in_whatever_was_pasted(code: str, state: str) -> None:
    query = urlencode({"code": code, "state": state})
    for pasted in (
        f"https://example.com/cb?{query}#_",
        f"  https://example.com/cb?a=1&{query}#_\n",
        f"?{query}",
        query,
        f"{code}#_",
        code,
    ):
        assert code_from_redirect(pasted, state) == code


def test_the_answer_to_another_question_is_refused() -> None:
    state = new_state()
    for pasted in (f"{HERE}&code=abc&state={new_state()}", f"{HERE}&code=abc", "?code=abc&state="):
        with pytest.raises(AuthorizationFailed, match="'state' is another one") as refused:
            code_from_redirect(pasted, state)
        assert refused.value.code == "auth.state"
    assert code_from_redirect(f"{HERE}&code=abc&state={state}", state) == "abc"
    # Whoever asked without one gets no check.
    assert code_from_redirect(f"{HERE}&code=abc&state={state}") == "abc"


@pytest.mark.parametrize(
    ("pasted", "code", "words"),
    [
        (
            "https://example.com/?error=access_denied&error_reason=user_denied"
            "&error_description=The+user+denied+your+request#_",
            "auth.denied",
            "The user denied your request",
        ),
        # As the documentation's table spells it.
        ("https://e.com/?error=acceess_denied&error_reason=user_denied", "auth.denied", "not let"),
        ("https://e.com/?error=server_error", "auth.refused", "Meta refused: server_error"),
        (
            '{"error_message":"URL Blocked: not whitelisted","error_code":1349168}',
            "auth.refused",
            r"URL Blocked: not whitelisted \(1349168\)",
        ),
        ("{oops", "auth.refused", "did not say why"),
        ("", "auth.no_code", "there is no authorization code"),
        ("https://example.com/", "auth.no_code", "there is no authorization code"),
        ("https://[example.com/", "auth.no_code", "there is no authorization code"),
        ("https://example.com/?code=", "auth.no_code", "there is no authorization code"),
        ("two words", "auth.no_code", "there is no authorization code"),
        ("https://[?code=", "auth.no_code", "there is no authorization code"),
    ],
)
def test_what_holds_no_code_says_why(pasted: str, code: str, words: str) -> None:
    with pytest.raises(AuthorizationFailed, match=words) as refused:
        code_from_redirect(pasted)
    assert refused.value.code == code


def test_the_reason_in_an_address_cannot_steer_the_terminal() -> None:
    words = quote("no\x1b]0;mine\x07\n\x9b2J" + "x" * 5000)
    with pytest.raises(AuthorizationFailed, match=r"no]0;mine2Jx") as refused:
        code_from_redirect(f"{HERE}&error=access_denied&error_description={words}")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "given", ["http://localhost:99999/", "http://localhost:x/", "http://[::1/"]
)
def test_a_redirect_uri_that_is_none_is_refused_in_a_sentence(given: str) -> None:
    with pytest.raises(InvalidSettings, match="is no URL"):
        can_listen(given)
    assert can_listen("http://localhost:8737/threads")
    assert not can_listen("https://example.com/")
