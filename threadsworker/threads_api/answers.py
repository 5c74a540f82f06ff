"""
What Meta answers, as values or as errors that say what the caller may do next.

Meta's HTTP status says little: a text that is too long is answered with 500, a missing
permission with 400, and nearly every error has the type ``OAuthException``. The code and the
subcode decide.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from requests import Response

from threadsworker.counting.calls import refused
from threadsworker.errors import (
    AnswerLost,
    ApiError,
    NotReady,
    RateLimited,
    RequestRefused,
    TokenRejected,
    Unavailable,
)
from threadsworker.redaction import redacted

Read = TypeVar("Read", bound=BaseModel)

#: Only these mean that the owner must sign in again; the type ``OAuthException`` does not.
#: Source: https://developers.facebook.com/documentation/threads/troubleshooting and the
#: Graph API's page on error handling (2026-04-21).
_TOKEN = frozenset({190, 102, 452})
#: Calls of an app, of a user or of a page; Threads' own throttle.
_THROTTLED = frozenset({4, 17, 32, 341, 613})
#: The daily publishing cap, in Instagram's words.
QUOTA_USED_UP = (9, 2207042)
#: "Blocked as spam" shares its code with a throttle, and is for a person to look at.
_SPAM = (4, 2207051)
#: Not visible yet, or gone: the words are the same.
_NOT_READY = frozenset(
    {(24, 4279009), (24, 2207006), (24, 2207008), (100, 4279004), (9007, 2207027)}
)
#: An unknown error, and trouble at Meta's.
_TROUBLE = frozenset({1, 2})
#: A missing permission; with a 5xx it is a false alarm: it was seen for posts that were live.
_PERMISSION = 10
#: Meta could not fetch the media: code 1, and no passing trouble.
_UNFETCHABLE = (1, 2207052)


def read(response: Response) -> dict[str, Any]:
    """
    The JSON object of a good answer.

    Raises
    ------
    ApiError:
        Meta said no; the subclass says what may be done. Its words are redacted: they have been
        known to repeat the token.
    AnswerLost:
        A good status with a body that is none: it may have happened.
    """
    body = _object(response)
    if response.status_code >= 400 or (body is not None and "error" in body):
        error = error_of(response, body)
        refused("threads", response.url, error.stable_code)
        raise error
    if body is None or not 200 <= response.status_code < 300:
        raise AnswerLost(f"HTTP {response.status_code} without a JSON object")
    # Whether this listing has another page is for the caller to see; nobody reads further ones.
    return {name: one if name == "paging" else _cleaned(one) for name, one in body.items()}


def without_next(answer: dict[str, Any]) -> dict[str, Any]:
    """Meta's answer without the URLs of other pages: they hold the token. Cursors stay."""
    cleaned = {name: _cleaned(one) for name, one in answer.items()}
    paging = answer.get("paging")
    if isinstance(paging, dict):
        kept = {name: one for name, one in paging.items() if name not in ("next", "previous")}
        cleaned["paging"] = kept
    return cleaned


def _cleaned(value: Any) -> Any:
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    return without_next(value) if isinstance(value, dict) else value


def read_as(model: type[Read], answer: Any) -> Read:
    """The answer, or a part of it, as an object; AnswerLost if it is of another shape."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        # Without what was read: it may be anything.
        places = {".".join(map(str, one["loc"])) for one in error.errors(include_input=False)}
        raise AnswerLost(f"an answer of another shape: {', '.join(sorted(places))}") from None


def _object(response: Response) -> dict[str, Any] | None:
    try:
        body = json.loads(response.content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def error_of(response: Response, body: dict[str, Any] | None) -> ApiError:
    """The error that the answer is, in either of Meta's two shapes, or in none."""
    status = response.status_code
    envelope = body.get("error") if body else None
    if isinstance(envelope, dict):
        return _graph_error(response, envelope)
    if body and "error_message" in body:
        return _flat_error(status, body)
    # Without Meta's envelope it is some proxy's answer, and says nothing about the request.
    wanted = RateLimited if status == 429 else Unavailable
    return wanted(
        f"HTTP {status} without Meta's words",
        service="threads",
        http_status=status,
        retry_after=retry_after(response),
    )


def _graph_error(response: Response, envelope: dict[str, Any]) -> ApiError:
    code, subcode = _number(envelope.get("code")), _number(envelope.get("error_subcode"))
    status, transient = response.status_code, envelope.get("is_transient") is True
    kind = _kind(code, subcode, transient=transient, status=status)
    return kind(
        _text(envelope.get("message")) or f"HTTP {status}",
        service="threads",
        http_status=status,
        code=code,
        subcode=subcode,
        transient=transient,
        user_title=_text(envelope.get("error_user_title")),
        user_message=_text(envelope.get("error_user_msg")),
        trace_id=_text(envelope.get("fbtrace_id")),
        retry_after=retry_after(response),
    )


def _flat_error(status: int, body: dict[str, Any]) -> ApiError:
    """The shape of the token endpoints: ``{"error_type", "code", "error_message"}``."""
    code = _number(body.get("code") or body.get("error_code"))
    kind = TokenRejected if code in _TOKEN else Unavailable if status >= 500 else RequestRefused
    return kind(
        _text(body.get("error_message")) or f"HTTP {status}",
        service="threads",
        http_status=status,
        code=code,
    )


def _kind(code: int | None, subcode: int | None, *, transient: bool, status: int) -> type[ApiError]:
    both = (code, subcode)
    if code in _TOKEN:
        return TokenRejected
    if both in _NOT_READY:
        return NotReady
    if both in (_SPAM, _UNFETCHABLE):
        return RequestRefused
    if code in _THROTTLED or both == QUOTA_USED_UP or status == 429:
        return RateLimited
    if code in _TROUBLE or transient or (code == _PERMISSION and status >= 500):
        return Unavailable
    # With a code of Meta's, a 500 is a refusal like any other: "Param text must be at most
    # 500 characters long" is one.
    return Unavailable if code is None and status >= 500 else RequestRefused


def retry_after(response: Response) -> float | None:
    """Seconds until Meta wants to be asked again, from any of the headers that may say so."""
    try:
        return float(response.headers["retry-after"])
    except (KeyError, ValueError):
        pass
    minutes = [
        float(entry.get("estimated_time_to_regain_access") or 0) for entry in _usages(response)
    ]
    return 60.0 * max(minutes) if minutes and max(minutes) > 0 else None


def pressure(response: Response) -> float:
    """
    How close the account is to a limit of Meta's, in per cent: calls stop at 100.

    Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting (2026-04-21).
    """
    entries = [*_usages(response), _json(response.headers.get("x-app-usage"))]
    shares = [
        float(entry.get(name) or 0)
        for entry in entries
        if isinstance(entry, dict)
        for name in ("call_count", "total_time", "total_cputime")
        if isinstance(entry.get(name), int | float)
    ]
    return max(shares, default=0.0)


def _usages(response: Response) -> list[dict[str, Any]]:
    """The entries of ``x-business-use-case-usage``, of whatever business."""
    found = _json(response.headers.get("x-business-use-case-usage"))
    lists = found.values() if isinstance(found, dict) else ()
    return [
        entry
        for entries in lists
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("estimated_time_to_regain_access", 0), int | float)
    ]


def _json(header: str | None) -> Any:
    try:
        return json.loads(header or "null")
    except ValueError:
        return None


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str | None:
    # They have been known to repeat the token.
    return redacted(value) if isinstance(value, str) and value else None
