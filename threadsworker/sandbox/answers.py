"""Answers in Meta's way and in GitHub's, and refusals in their words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a service answers, and what the ledger shall say about it."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: What changed in the world, in one word: ``published``. None if nothing did.
    acted: str | None = None
    #: More for the ledger: ids, states.
    facts: Mapping[str, Any] = field(default_factory=dict)


class Refused(Exception):
    """A service says no."""

    def __init__(self, status: int, **facts: Any) -> None:
        super().__init__(status)
        self.status = status
        self.facts = facts


class MetaRefused(Refused):
    """
    An error of Meta's.

    Source: the bodies quoted by the users of
    https://developers.facebook.com/documentation/threads/troubleshooting (2026-04-21).
    """

    def __init__(
        self,
        message: str,
        *,
        code: int,
        subcode: int | None = None,
        type: str = "OAuthException",
        title: str | None = None,
        user_message: str | None = None,
        transient: bool | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(status, error=[code] if subcode is None else [code, subcode])
        self._envelope = {
            "message": message,
            "type": type,
            "code": code,
            "error_subcode": subcode,
            "is_transient": transient,
            "error_user_title": title,
            "error_user_msg": user_message,
        }

    def body(self, trace_id: str) -> dict[str, Any]:
        envelope = {name: value for name, value in self._envelope.items() if value is not None}
        return {"error": {**envelope, "fbtrace_id": trace_id}}


class FlatRefused(MetaRefused):
    """The shape of the token endpoints, which is not Meta's usual one."""

    def body(self, trace_id: str) -> dict[str, Any]:
        return {
            "error_type": self._envelope["type"],
            "code": self._envelope["code"],
            "error_message": self._envelope["message"],
        }


class PageRefused(MetaRefused):
    """The shape in which the authorization window says no: a page in the browser."""

    def body(self, trace_id: str) -> dict[str, Any]:
        return {
            "error_message": self._envelope["message"],
            "error_code": self._envelope["code"],
        }


def meta(data: Any, *, status: int = 200, acted: str | None = None, **facts: Any) -> Answer:
    """Meta's JSON: slashes escaped, everything else in ASCII."""
    # A slash occurs in JSON inside strings only.
    text = json.dumps(data, separators=(",", ":")).replace("/", "\\/")
    return Answer(status, text.encode(), acted=acted, facts=facts)


def media_not_found(what: str) -> MetaRefused:
    """24/4279009: not there, or not yet; Meta does not tell which."""
    return MetaRefused(
        "The requested resource does not exist",
        code=24,
        subcode=4279009,
        transient=False,
        title="Media Not Found",
        user_message=f"The media with id {what} cannot be found.",
    )


def no_such_object(what: str, method: str) -> MetaRefused:
    """100/33."""
    return MetaRefused(
        f"Unsupported {method.lower()} request. Object with ID '{what}' does not exist, cannot "
        "be loaded due to missing permissions, or does not support this operation. Please read "
        "the Graph API documentation at https://developers.facebook.com/docs/graph-api",
        code=100,
        subcode=33,
        type="GraphMethodException",
    )


def invalid_parameter(message: str, *, status: int = 400) -> MetaRefused:
    """100, in the words of Threads' own validation."""
    return MetaRefused(message, code=100, type="THApiException", status=status)


def nonexisting_field(name: str) -> MetaRefused:
    return invalid_parameter(f"Tried accessing nonexisting field ({name})")


def no_permission() -> MetaRefused:
    """10."""
    return MetaRefused(
        "Application does not have permission for this action", code=10, type="THApiException"
    )


def invalid_children(ids: list[str]) -> MetaRefused:
    """100/4279004."""
    return MetaRefused(
        "Invalid parameter",
        code=100,
        subcode=4279004,
        title="Invalid Carousel Children",
        user_message=(
            f"The children with IDs {', '.join(ids)} are invalid, nonexistent, or expired."
        ),
    )


def token_rejected(message: str, subcode: int | None = None) -> MetaRefused:
    """190."""
    return MetaRefused(message, code=190, subcode=subcode)


def quota_used_up(what: str) -> MetaRefused:
    """
    9/2207042. Threads' own body is not known; these are Instagram's words.

    Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/
    reference/error-codes (2026-04-21).
    """
    return MetaRefused(
        "Application request limit reached",
        code=9,
        subcode=2207042,
        transient=False,
        title="Publishing Limit Reached",
        user_message=f"You reached the maximum number of {what} allowed in 24 hours.",
    )


class GitHubRefused(Refused):
    """An error of GitHub's."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, error=message.splitlines()[0])
        self._message = message
        self.headers = dict(headers or {})

    def answer(self) -> Answer:
        body = {
            "message": self._message,
            "documentation_url": "https://docs.github.com/rest",
            "status": str(self.status),
        }
        return github(body, status=self.status, headers=self.headers, facts=self.facts)


def github(
    data: Any,
    *,
    status: int = 200,
    acted: str | None = None,
    headers: Mapping[str, str] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Answer:
    """GitHub's JSON; no body for a 204."""
    body = b"" if status == 204 else json.dumps(data).encode()
    return Answer(
        status,
        body,
        content_type="application/json; charset=utf-8",
        headers=dict(headers or {}),
        acted=acted,
        facts=dict(facts or {}),
    )


def not_found() -> GitHubRefused:
    """404: missing, or out of the token's sight."""
    return GitHubRefused(404, "Not Found")
