"""Meta's token endpoints, as they are called: method, path, parameters, and both shapes of "no"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr

from threadsworker.errors import AnswerLost, AuthorizationFailed, RequestRefused, TokenRejected
from threadsworker.http import Http
from threadsworker.log import redacted
from threadsworker.sandbox import Sandbox, SandboxAccount, SandboxOptions
from threadsworker.threads_api import (
    Granted,
    OAuth,
    Scope,
    ThreadsApi,
    authorization_url,
    code_from_redirect,
    scopes_named,
)

APP_ID, APP_SECRET = "998877", "app-secret-5a8f"
REDIRECT = "https://example.com/handler.php?a=1"
#: Above 2^53: as a float it ends with 4.
USER_ID = "17841400000000003"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    options = SandboxOptions(
        app_secret=APP_SECRET, default_account=SandboxAccount(user_id=USER_ID, username="me")
    )
    with Sandbox(options=options) as sandbox:
        yield sandbox


def oauth(sandbox: Sandbox, secret: str = APP_SECRET) -> OAuth:
    return OAuth(
        base_url=sandbox.threads_api_url, app_id=APP_ID, app_secret=SecretStr(secret), http=Http()
    )


def api(sandbox: Sandbox, token: SecretStr) -> ThreadsApi:
    return ThreadsApi(base_url=sandbox.threads_api_url, token=token, http=Http())


def window(sandbox: Sandbox, *, state: str | None = "s 1", scopes: str = "basic") -> str:
    """Open the window, and where it leads to."""
    url = authorization_url(
        client_id=APP_ID,
        redirect_uri=REDIRECT,
        scopes=scopes_named(scopes),
        state=state,
        auth_url=sandbox.threads_api_url,
    )
    return requests.get(url, allow_redirects=False, timeout=5).headers["location"]


def code(sandbox: Sandbox, **given: str) -> str:
    return code_from_redirect(window(sandbox, **given), "s 1")


def granted(sandbox: Sandbox, **given: str) -> Granted:
    return oauth(sandbox).grant(code(sandbox, **given), redirect_uri=REDIRECT)


def asked(sandbox: Sandbox, path: str) -> dict[str, Any]:
    """The last request to that path, from the ledger."""
    return next(one for one in reversed(sandbox.ledger) if one["path"] == path)


def test_the_window_gets_its_parameters_and_leads_back(sandbox: Sandbox) -> None:
    location = window(sandbox, scopes="publish")
    assert location.startswith(f"{REDIRECT}&")
    assert location.endswith("#_")
    assert parse_qs(urlsplit(location).query)["state"] == ["s 1"]
    sent = asked(sandbox, "/oauth/authorize")
    assert sent["query"] == {
        "client_id": APP_ID,
        "redirect_uri": REDIRECT,
        "scope": "threads_basic,threads_content_publish",
        "response_type": "code",
        "state": "s 1",
    }


def test_an_owner_who_says_no_is_reported_in_metas_words(sandbox: Sandbox) -> None:
    sandbox.set_options(authorization="deny")
    with pytest.raises(AuthorizationFailed, match="The user denied your request") as refused:
        code(sandbox)
    assert refused.value.code == "auth.denied"


@pytest.mark.parametrize("wrong", [{"response_type": "token"}, {"scope": "threads_delete"}])
def test_a_window_that_meta_does_not_open_shows_why_and_leads_nowhere(
    sandbox: Sandbox, wrong: dict[str, str]
) -> None:
    asked = {"client_id": APP_ID, "redirect_uri": REDIRECT, "response_type": "code"}
    asked |= {"scope": "threads_basic", **wrong}
    page = requests.get(f"{sandbox.url}/oauth/authorize", params=asked, timeout=5)
    assert (page.status_code, set(page.json())) == (400, {"error_message", "error_code"})
    with pytest.raises(AuthorizationFailed, match=r"Meta refused: .* \(1\)") as refused:
        code_from_redirect(page.text)
    assert refused.value.code == "auth.refused"


def test_a_code_becomes_a_token_for_an_hour_by_a_form(sandbox: Sandbox) -> None:
    token = oauth(sandbox).short_lived_token(code(sandbox), redirect_uri=REDIRECT)
    sent = asked(sandbox, "/oauth/access_token")
    assert (sent["method"], sent["query"]) == ("POST", {})
    assert sent["given"] == ["client_id", "client_secret", "code", "grant_type", "redirect_uri"]
    facts = api(sandbox, token).debug_token()
    assert facts.issued_at is not None
    assert facts.expires_at is not None
    assert (facts.expires_at - facts.issued_at).total_seconds() == 3600


def test_a_token_for_an_hour_becomes_one_for_60_days(sandbox: Sandbox) -> None:
    app = oauth(sandbox)
    short = app.short_lived_token(code(sandbox), redirect_uri=REDIRECT)
    long = app.long_lived_token(short)
    sent = asked(sandbox, "/access_token")
    # Meta documents nothing but the query.
    assert (sent["method"], sent["query"]) == ("GET", {"grant_type": "th_exchange_token"})
    assert sent["given"] == ["access_token", "client_secret", "grant_type"]
    assert long.expires_in == 60 * 86400
    with pytest.raises(TokenRejected, match="Session key invalid") as refused:
        app.long_lived_token(long.access_token)
    assert (refused.value.code, refused.value.subcode) == (452, 4279019)


def test_a_grant_tells_whose_tokens_they_are_to_the_last_digit(sandbox: Sandbox) -> None:
    found = granted(sandbox)
    assert found.trouble is None
    told = found.as_json()
    assert told["user_id"] == told["tokens"]["short_lived"]["user_id"] == USER_ID
    assert set(told["tokens"]["long_lived"]) == {"access_token", "token_type", "expires_in"}
    sent = asked(sandbox, "/v1.0/me")
    assert not sent["token_in_query"]
    assert set(sent["query"]) == {"fields"}


@pytest.mark.parametrize("path", ["/access_token", "/v1.0/me"])
def test_what_a_code_brought_is_kept_when_a_later_call_fails(sandbox: Sandbox, path: str) -> None:
    match = {"service": "threads", "path_regex": f"^{path}$"}
    refusal = {"status": 400, "body": {"error": {"message": "no", "code": 100}}}
    sandbox.plan_fault({"match": match, "act": False, "answer": refusal, "times": 1})
    found = granted(sandbox)
    assert isinstance(found.trouble, RequestRefused)
    told = found.as_json()
    assert told["user_id"] is None
    assert told["tokens"]["short_lived"]["access_token"].startswith("sandbox-short-")
    assert (told["tokens"]["long_lived"] is None) == (path == "/access_token")


@pytest.mark.parametrize(("shape", "number"), [("flat", 400), ("graph", 100)])
def test_a_code_that_was_used_is_refused_in_either_shape(
    sandbox: Sandbox, shape: str, number: int
) -> None:
    once = code(sandbox)
    oauth(sandbox).grant(once, redirect_uri=REDIRECT)
    sandbox.set_options(used_code_error=shape)
    with pytest.raises(RequestRefused, match="was already used") as refused:
        oauth(sandbox).grant(once, redirect_uri=REDIRECT)
    assert refused.value.code == number


def test_a_code_is_sent_once_whatever_becomes_of_it(sandbox: Sandbox) -> None:
    match = {"service": "threads", "path_regex": "^/oauth/access_token$"}
    sandbox.plan_fault({"match": match, "act": True, "answer": "drop", "times": 5})
    with pytest.raises(AnswerLost):
        oauth(sandbox).grant(code(sandbox), redirect_uri=REDIRECT)
    assert sum(one["path"] == "/oauth/access_token" for one in sandbox.ledger) == 1


def test_another_redirect_uri_or_a_wrong_secret_brings_nothing(sandbox: Sandbox) -> None:
    with pytest.raises(RequestRefused, match="not found"):
        oauth(sandbox).grant(code(sandbox), redirect_uri=REDIRECT + "/")
    with pytest.raises(RequestRefused, match="client secret"):
        oauth(sandbox, "wrong-secret-1").grant(code(sandbox), redirect_uri=REDIRECT)


def test_what_was_granted_is_what_was_asked_for_and_survives_a_refresh(sandbox: Sandbox) -> None:
    found = granted(sandbox, scopes="publish,delete")
    assert found.long_lived is not None
    fresh = api(sandbox, found.long_lived.access_token).refresh_access_token()
    sent = asked(sandbox, "/refresh_access_token")
    assert (sent["method"], sent["query"]) == ("GET", {"grant_type": "th_refresh_token"})
    assert sent["given"] == ["access_token", "grant_type"]
    facts = api(sandbox, fresh.access_token).debug_token()
    assert facts.is_valid
    assert facts.user_id == USER_ID
    assert facts.scopes == (Scope.BASIC, Scope.CONTENT_PUBLISH, Scope.DELETE)
    sent = asked(sandbox, "/v1.0/debug_token")
    assert (sent["method"], sent["query"]) == ("GET", {})
    assert sent["given"] == ["access_token", "input_token"]


def test_the_app_may_ask_about_a_token_that_is_over(sandbox: Sandbox) -> None:
    found = granted(sandbox)
    assert found.long_lived is not None
    of_app = oauth(sandbox).app_token()
    sent = asked(sandbox, "/oauth/access_token")
    assert (sent["method"], sent["query"]["grant_type"]) == ("GET", "client_credentials")
    assert sent["given"] == ["client_id", "client_secret", "grant_type"]
    sandbox.set_token(found.long_lived.access_token.get_secret_value(), "revoked")
    assert not api(sandbox, of_app).debug_token(found.long_lived.access_token).is_valid
    with pytest.raises(TokenRejected):
        api(sandbox, found.long_lived.access_token).debug_token()


def test_every_secret_that_passes_is_taken_out_of_the_log(sandbox: Sandbox) -> None:
    found = granted(sandbox)
    assert found.long_lived is not None
    for secret in (found.short_lived, found.long_lived.access_token, SecretStr(APP_SECRET)):
        assert redacted(f"so: {secret.get_secret_value()}") == "so: [redacted]"
        assert secret.get_secret_value() not in str(sandbox.ledger)
        assert secret.get_secret_value() not in repr(found)


def test_an_answer_without_a_token_is_none(sandbox: Sandbox) -> None:
    match = {"service": "threads", "path_regex": "^/oauth/access_token$"}
    answer = {"status": 200, "body": {"access_token": ""}}
    sandbox.plan_fault({"match": match, "act": False, "answer": answer, "times": 1})
    with pytest.raises(AnswerLost, match="without an access token"):
        oauth(sandbox).grant("code", redirect_uri=REDIRECT)
