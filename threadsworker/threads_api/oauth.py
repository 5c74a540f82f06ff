"""
From an app to tokens of a user: the authorization window, and what its code is exchanged for.

Nothing here needs an account: `OAuth` acts for the app, everything else is a function.

Source: https://developers.facebook.com/documentation/threads/get-started/
get-access-tokens-and-permissions and …/get-started/long-lived-tokens (2026-08-12).
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from pydantic import SecretStr

from threadsworker.errors import (
    AnswerLost,
    AuthorizationFailed,
    InvalidSettings,
    ThreadsWorkerError,
)
from threadsworker.http import Http
from threadsworker.log import redact
from threadsworker.threads_api.answers import read
from threadsworker.threads_api.api import ThreadsApi
from threadsworker.threads_api.connection import tried_again
from threadsworker.threads_api.objects import Profile, Token
from threadsworker.threads_api.tokens import token_of


class Scope(StrEnum):
    """
    What a user allows an app to do.

    Source: …/get-started/get-access-tokens-and-permissions (2026-08-12), and each feature's
    own page.
    """

    #: Every call needs it.
    BASIC = "threads_basic"
    #: Posts, reposts, quotes; the posts' quota.
    CONTENT_PUBLISH = "threads_content_publish"
    #: Publishing replies, hiding and approving them; the replies' quota.
    MANAGE_REPLIES = "threads_manage_replies"
    #: Reading the replies to a post, and its conversation.
    READ_REPLIES = "threads_read_replies"
    MANAGE_INSIGHTS = "threads_manage_insights"
    MANAGE_MENTIONS = "threads_manage_mentions"
    KEYWORD_SEARCH = "threads_keyword_search"
    DELETE = "threads_delete"
    LOCATION_TAGGING = "threads_location_tagging"
    PROFILE_DISCOVERY = "threads_profile_discovery"
    SHARE_TO_INSTAGRAM = "threads_share_to_instagram"


#: What publishing threads and looking after them takes. An app has these without more ado; the
#: others are for features that have to be added to it first.
USUAL_SCOPES = (
    Scope.BASIC,
    Scope.CONTENT_PUBLISH,
    Scope.MANAGE_REPLIES,
    Scope.READ_REPLIES,
    Scope.MANAGE_INSIGHTS,
)
#: Names under which these go elsewhere.
_ALSO = {"publish": Scope.CONTENT_PUBLISH, "insights": Scope.MANAGE_INSIGHTS}
#: A URL, or the query of one; all else is a bare code.
_ANSWER = re.compile(r"://|\?|(?:^|&)(?:code|error|error_message)=")
#: Characters of what an address says on why there is no code.
LONGEST_REASON = 300
#: The word for every scope.
ALL = "all"


def scopes_named(names: str | Iterable[str]) -> tuple[Scope, ...]:
    """
    The scopes of these names, each once, with `Scope.BASIC`, which is never left out.

    A name may come with or without ``threads_``; ``all`` is every scope; a string may hold
    several, with commas or spaces between them.

    Raises
    ------
    InvalidSettings:
        There is no such scope.
    """
    given = [names] if isinstance(names, str) else list(names)
    wanted = {Scope.BASIC}
    for name in " ".join(given).replace(",", " ").split():
        wanted |= set(Scope) if name.lower() == ALL else {_scope(name)}
    return tuple(scope for scope in Scope if scope in wanted)


def _scope(name: str) -> Scope:
    plain = name.lower().removeprefix("threads_")
    if plain in _ALSO:
        return _ALSO[plain]
    try:
        return Scope(f"threads_{plain}")
    except ValueError:
        known = ", ".join(scope.removeprefix("threads_") for scope in Scope)
        raise InvalidSettings(f"there is no scope {name!r}; known: {known}, {ALL}") from None


def new_state() -> str:
    """A `state` that nobody can guess."""
    return secrets.token_urlsafe(24)


def authorization_url(
    *,
    client_id: str,
    redirect_uri: str,
    scopes: Iterable[Scope] = USUAL_SCOPES,
    state: str | None = None,
    auth_url: str = "https://threads.com",
) -> str:
    """
    The address of the window in which a user lets the app in.

    Parameters
    ----------
    client_id:
        The Threads app id, which is not the Meta app id.
    redirect_uri:
        As it is registered with the app, to the last slash.
    state:
        Comes back with the answer: see `code_from_redirect`.
    """
    parameters = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": ",".join(scopes),
        "response_type": "code",
    }
    if state is not None:
        parameters["state"] = state
    return f"{auth_url.rstrip('/')}/oauth/authorize?{urlencode(parameters, quote_via=quote)}"


def code_from_redirect(given: str, state: str | None = None) -> str:
    """
    The authorization code in the URL that the window led to, or in the bare code.

    ``#_``, which Meta hangs on it, is no part of the code.

    Parameters
    ----------
    state:
        What the window was opened with; the URL must bring it back. None: it is not looked at.
        A bare code has none, and is taken as it is.

    Raises
    ------
    AuthorizationFailed:
        The user said no (`auth.denied`), Meta did (`auth.refused`), it is the answer to another
        question (`auth.state`), or there is no code in it (`auth.no_code`).
    """
    text = given.strip()
    if text.startswith("{"):
        raise _refused(text)
    if not _ANSWER.search(text):
        return _code(text.partition("#")[0])
    before = text.partition("#")[0]
    query = before.partition("?")[2] if "?" in before else before
    answer = {name: values[0] for name, values in parse_qs(query).items()}
    if state is not None and "state" in answer and not _same(answer["state"], state):
        raise _another()
    if "error" in answer or "error_message" in answer:
        raise _declined(answer)
    if state is not None and "state" not in answer:
        raise _another()
    return _code(answer.get("code", ""))


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _code(text: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise AuthorizationFailed(
            "there is no authorization code in it: paste the whole address that the window led "
            "to, or what follows 'code=' in it",
            code="auth.no_code",
        )
    return text


def _another() -> AuthorizationFailed:
    return AuthorizationFailed(
        "it is not the answer to this login: its 'state' is another one. Begin again, and use "
        "the newest window only",
        code="auth.state",
    )


def _declined(answer: dict[str, str]) -> AuthorizationFailed:
    found = answer.get("error_description") or answer.get("error_message") or answer["error"]
    # They may be anybody's, and a terminal would do what control characters say.
    words = "".join(one for one in found if one.isprintable())[:LONGEST_REASON]
    denied = answer.get("error_reason") == "user_denied" or answer.get("error") == "access_denied"
    return AuthorizationFailed(
        f"the user did not let the app in: {words}" if denied else f"Meta refused: {words}",
        code="auth.denied" if denied else "auth.refused",
    )


def _refused(text: str) -> AuthorizationFailed:
    """Meta shows some refusals as JSON in the browser, and leads nowhere."""
    try:
        found = json.loads(text)
    except ValueError:
        found = {}
    number = found.get("error_code")
    words = found.get("error_message") or "it did not say why"
    return AuthorizationFailed(
        f"Meta refused: {words}" + (f" ({number})" if number else ""), code="auth.refused"
    )


@dataclass(frozen=True)
class Granted:
    """
    What an authorization code brought. A code works once, so nothing of it may be lost: when a
    later call fails, the tokens so far are here, and `trouble` says what failed.
    """

    #: Lives an hour.
    short_lived: SecretStr
    #: Lives about 60 days; None: see `trouble`.
    long_lived: Token | None = None
    #: Whose they are; None: see `trouble`.
    profile: Profile | None = None
    trouble: ThreadsWorkerError | None = None

    def as_json(self) -> dict[str, Any]:
        """
        ``{"user_id", "tokens": {"short_lived": {"access_token", "user_id"}, "long_lived":
        {"access_token", "token_type", "expires_in"}}}``, **with the tokens**. What is missing is
        None; the user id is a string, since it is above 2^53.
        """
        user_id = self.profile.id if self.profile else None
        short = {"access_token": self.short_lived.get_secret_value(), "user_id": user_id}
        long = self.long_lived.as_json() if self.long_lived else None
        return {"user_id": user_id, "tokens": {"short_lived": short, "long_lived": long}}


class OAuth:
    """Meta's token endpoints, on behalf of an app. Every token that they give is redacted."""

    def __init__(
        self, *, base_url: str, app_id: str, app_secret: SecretStr, http: Http | None = None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._app_id = app_id
        self._app_secret = app_secret
        self._http = http or Http()
        redact(app_secret)

    def grant(self, code: str, *, redirect_uri: str) -> Granted:
        """
        All that a code gives: both tokens, and whose they are.

        Raises
        ------
        ApiError, NoAnswer:
            Meta refused the code, as it does when it was used before; there was no usable
            answer. Later troubles are in `Granted.trouble`.
        """
        short = self.short_lived_token(code, redirect_uri=redirect_uri)
        long = None
        try:
            long = self.long_lived_token(short)
            profile = ThreadsApi(
                base_url=self._base_url, token=long.access_token, http=self._http
            ).me(fields=("id", "username", "name"))
        except ThreadsWorkerError as error:
            return Granted(short, long, trouble=error)
        return Granted(short, long, profile)

    def short_lived_token(self, code: str, *, redirect_uri: str) -> SecretStr:
        """
        The token that a code is worth. It lives an hour. Sent once: a code works once.

        The user's id in this answer is left unread: it is a number above 2^53, which some
        have seen rounded. `ThreadsApi.me` tells it as text.

        Parameters
        ----------
        redirect_uri:
            The one that the window was opened with.

        Raises
        ------
        RequestRefused:
            The code was used, is over an hour old, or belongs to another redirect URI.
        ApiError, NoAnswer:
            Meta refused; there was no usable answer.
        """
        redact(SecretStr(code))
        form = {
            "client_id": self._app_id,
            "client_secret": self._app_secret.get_secret_value(),
            "code": code,
            "grant_type": "authorization_code",
            "redirect_uri": redirect_uri,
        }
        url = f"{self._base_url}/oauth/access_token"
        return _secret(read(self._http.request("POST", url, form=form)))

    @tried_again
    def long_lived_token(self, short_lived: SecretStr) -> Token:
        """
        A token for about 60 days in exchange for one that lives an hour.

        Meta documents both secrets in the query only.

        Raises
        ------
        TokenRejected:
            The token is over, or it is a long-lived one already (452/4279019).
        ApiError, NoAnswer:
            Meta refused; there was no usable answer.
        """
        connection = ThreadsApi(base_url=self._base_url, token=short_lived, http=self._http)
        return token_of(
            connection.query_token(
                "/access_token",
                grant_type="th_exchange_token",
                client_secret=self._app_secret.get_secret_value(),
            )
        )

    def app_token(self) -> SecretStr:
        """
        The app's own token: for questions that are not about one user.

        Raises ApiError and NoAnswer. Meta documents the secret in the query only.
        """
        params = {
            "grant_type": "client_credentials",
            "client_id": self._app_id,
            "client_secret": self._app_secret.get_secret_value(),
        }
        url = f"{self._base_url}/oauth/access_token"
        return _secret(read(self._http.request("GET", url, params=params)))


def _secret(answer: dict[str, Any]) -> SecretStr:
    found = answer.get("access_token")
    if not isinstance(found, str) or not found:
        raise AnswerLost("an answer without an access token")
    token = SecretStr(found)
    redact(token)
    return token
