"""
Access tokens: whose they are, how long they live, and where new ones come from.

Source: https://developers.facebook.com/documentation/threads/get-started/long-lived-tokens
and …/get-started/get-access-tokens-and-permissions (2026-08-12).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

from threadsworker.sandbox.answers import (
    Answer,
    FlatRefused,
    MetaRefused,
    PageRefused,
    invalid_parameter,
    meta,
    token_rejected,
)
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World

#: Seconds that a token lives that was made from an authorization code.
SHORT_LIFE = 3600.0
#: Seconds that an authorization code lives.
CODE_LIFE = 3600.0
#: What a token may do that did not come from an authorization window.
ALL_SCOPES = (
    "threads_basic",
    "threads_content_publish",
    "threads_manage_replies",
    "threads_read_replies",
    "threads_manage_insights",
    "threads_manage_mentions",
    "threads_keyword_search",
    "threads_delete",
    "threads_location_tagging",
    "threads_profile_discovery",
    "threads_share_to_instagram",
)
#: Tokens with this prefix are accepted without being listed.
OPEN_PREFIX = "sandbox-"


@dataclass
class KnownToken:
    account: SandboxAccount
    kind: Literal["short", "long"]
    issued_at: float
    expires_at: float
    scopes: tuple[str, ...] = ALL_SCOPES
    revoked: bool = False


@dataclass(frozen=True)
class _Code:
    """An authorization code that was not used yet."""

    account: SandboxAccount
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    expires_at: float


class Tokens:
    """All tokens that the sandbox has seen or issued. Used under the world's lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, KnownToken] = {}
        self._codes: dict[str, _Code] = {}
        #: The app's own tokens.
        self._app_tokens: set[str] = set()

    def account_of(self, token: str | None) -> SandboxAccount:
        """
        Whose token it is.

        Raises
        ------
        MetaRefused:
            190: it is none, or expired, or revoked.
        """
        return self._alive(token).account

    def set_state(self, token: str, state: Literal["valid", "expired", "revoked"]) -> None:
        """
        Let the session of a token expire, or its owner remove the app, or sign in again.

        Raises
        ------
        ValueError:
            It is none that would be accepted.
        """
        try:
            known = self._find(token)
        except MetaRefused:
            raise ValueError("no token that the sandbox accepts") from None
        known.revoked = state == "revoked"
        now = self._world.now()
        known.expires_at = now if state == "expired" else now + self._world.options.token_life

    def answer(self, request: Request) -> Answer | None:
        """The answer of a token endpoint; None if the path is none."""
        method, segments = request.method, request.segments
        if segments[-2:] == ("oauth", "authorize") and method == "GET":
            return self._authorize(request)
        if segments[-2:] == ("oauth", "access_token"):
            return self._from_code(request)
        if len(segments) == 1 and method == "GET":
            match segments[0]:
                case "access_token":
                    return self._exchange(request)
                case "refresh_access_token":
                    return self._refresh(request)
                case "debug_token":
                    return self._debug(request)
        return None

    def _find(self, token: str | None) -> KnownToken:
        if not token:
            raise token_rejected("An access token is required to request this resource.")
        if token in self._known:
            return self._known[token]
        options = self._world.options
        account = options.accounts.get(token)
        if account is None and token.startswith(OPEN_PREFIX):
            account = options.default_account
        if account is None:
            raise token_rejected("Invalid OAuth access token - Cannot parse access token")
        return self._remember(token, account, "long", options.token_life)

    def _remember(
        self,
        token: str,
        account: SandboxAccount,
        kind: Literal["short", "long"],
        life: float,
        scopes: tuple[str, ...] = ALL_SCOPES,
    ) -> KnownToken:
        now = self._world.now()
        self._known[token] = KnownToken(account, kind, now, now + life, scopes)
        return self._known[token]

    def _alive(self, token: str | None) -> KnownToken:
        known = self._find(token)
        if known.revoked:
            raise token_rejected(
                "Error validating access token: The user has not authorized the application.", 458
            )
        if self._world.now() >= known.expires_at:
            when = datetime.fromtimestamp(known.expires_at, UTC).strftime("%A, %d-%b-%y %H:%M:%S")
            raise token_rejected(
                f"Error validating access token: Session has expired on {when} UTC.", 463
            )
        return known

    def _new(
        self,
        account: SandboxAccount,
        kind: Literal["short", "long"],
        life: float,
        scopes: tuple[str, ...],
    ) -> str:
        token = f"{OPEN_PREFIX}{kind}-{secrets.token_hex(16)}"
        self._remember(token, account, kind, life, scopes)
        return token

    def _authorize(self, request: Request) -> Answer:
        """The window in which a user agrees, or not: this one does so at once."""
        asked = request.query
        target, client_id = asked.get("redirect_uri"), asked.get("client_id")
        if not target or not client_id or asked.get("response_type") != "code":
            raise PageRefused("An unknown error has occurred.", code=1)
        scopes = tuple(asked.get("scope", "").replace(",", " ").split())
        if "threads_basic" not in scopes or not set(scopes) <= set(ALL_SCOPES):
            raise PageRefused("Invalid Scopes: threads_basic is required", code=1)
        if self._world.options.authorization == "deny":
            given, acted = _DENIED, None
        else:
            code = f"AQB{secrets.token_hex(12)}"
            account, until = self._world.options.default_account, self._world.now() + CODE_LIFE
            self._codes[code] = _Code(account, client_id, target, scopes, until)
            given, acted = {"code": code}, "authorized"
        if state := asked.get("state"):
            given = {**given, "state": state}
        mark = "&" if "?" in target else "?"
        location = f"{target}{mark}{urlencode(given)}#_"
        return Answer(
            302, headers={"Location": location}, acted=acted, facts={"given": _names(request)}
        )

    def _from_code(self, request: Request) -> Answer:
        parameters = request.parameters
        self._check_app(request)
        if parameters.get("grant_type") == "client_credentials":
            return self._app_token(request)
        # What hangs on the code in the redirect is no part of it.
        code = self._codes.pop(parameters.get("code", ""), None)
        if (
            code is None
            or self._world.now() >= code.expires_at
            or parameters.get("grant_type") != "authorization_code"
            or (parameters.get("client_id"), parameters.get("redirect_uri"))
            != (code.client_id, code.redirect_uri)
        ):
            raise self._used_code()
        token = self._new(code.account, "short", SHORT_LIFE, code.scopes)
        # A number, above 2^53 in life too: whoever reads it as a float gets another id.
        user_id = int(code.account.user_id)
        body = {"access_token": token, "user_id": user_id}
        return meta(body, acted="token_issued", given=_names(request))

    def _used_code(self) -> MetaRefused:
        words = "Matching code was not found or was already used"
        if self._world.options.used_code_error == "graph":
            return MetaRefused(words, code=100, subcode=4279030)
        return FlatRefused(words, code=400)

    def _app_token(self, request: Request) -> Answer:
        token = f"TH|{request.parameters.get('client_id')}|{secrets.token_hex(8)}"
        self._app_tokens.add(token)
        return meta({"access_token": token, "token_type": "bearer"}, given=_names(request))

    def _check_app(self, request: Request) -> None:
        parameters, secret = request.parameters, self._world.options.app_secret
        if not parameters.get("client_secret"):
            raise invalid_parameter("Missing client_secret parameter.")
        if secret is not None and parameters["client_secret"] != secret:
            raise FlatRefused("Error validating client secret.", code=1)

    def _exchange(self, request: Request) -> Answer:
        if request.parameters.get("grant_type") != "th_exchange_token":
            raise invalid_parameter("Param grant_type must be th_exchange_token.")
        self._check_app(request)
        known = self._alive(request.token)
        if known.kind == "long":
            raise MetaRefused("Session key invalid", code=452, subcode=4279019)
        token = self._new(known.account, "long", self._life, known.scopes)
        return self._issued(request, token, "token_exchanged", known)

    def _refresh(self, request: Request) -> Answer:
        if request.parameters.get("grant_type") != "th_refresh_token":
            raise invalid_parameter("Param grant_type must be th_refresh_token.")
        known, options = self._alive(request.token), self._world.options
        if self._world.now() - known.issued_at < options.refresh_min_age or known.kind == "short":
            # What Meta answers is not known.
            raise invalid_parameter("The access token cannot be refreshed yet.")
        token = request.token or ""
        if options.refresh_makes_new_token:
            token = self._new(known.account, "long", self._life, known.scopes)
            known.revoked = not options.refresh_keeps_old_token
        else:
            self._remember(token, known.account, "long", self._life, known.scopes)
        return self._issued(request, token, "token_refreshed", known)

    def _issued(self, request: Request, token: str, acted: str, known: KnownToken) -> Answer:
        body = {"access_token": token, "token_type": "bearer", "expires_in": int(self._life)}
        return meta(body, acted=acted, user_id=known.account.user_id, given=_names(request))

    def _debug(self, request: Request) -> Answer:
        if request.token not in self._app_tokens:
            self._alive(request.token)
        try:
            known = self._alive(request.parameters.get("input_token"))
        except MetaRefused:
            return meta({"data": {"is_valid": False, "scopes": []}}, given=_names(request))
        return meta(
            {
                "data": {
                    "type": "USER",
                    "application": "sandbox",
                    "data_access_expires_at": int(known.expires_at),
                    "expires_at": int(known.expires_at),
                    "is_valid": True,
                    "issued_at": int(known.issued_at),
                    "scopes": list(known.scopes),
                    "user_id": known.account.user_id,
                }
            },
            given=_names(request),
        )

    @property
    def _life(self) -> float:
        return self._world.options.token_life


_DENIED = {
    "error": "access_denied",
    "error_reason": "user_denied",
    "error_description": "The user denied your request",
}


def _names(request: Request) -> list[str]:
    """For the ledger: the names of all parameters, in the query or in the form."""
    return sorted(request.parameters)
