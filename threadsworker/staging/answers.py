"""What GitHub's refusals mean for the caller."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from requests import Response

from threadsworker.errors import (
    ApiError,
    RateLimited,
    RequestRefused,
    TokenRejected,
    Unavailable,
)
from threadsworker.redaction import redacted

#: Seconds to pause after a secondary limit that names none.
#: Source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
#: (2026-10-02).
SECONDARY_PAUSE = 60.0


def error_of(response: Response) -> ApiError:
    """
    The error that GitHub's answer is.

    403 may be a missing permission or a limit, and 404 may be a repository that the token
    cannot see.
    """
    status, words = response.status_code, _words(response)
    if status == 401:
        return TokenRejected(words, service="github", http_status=status)
    if status in (403, 429) and (pause := _pause(response, words)) is not None:
        return RateLimited(words, service="github", http_status=status, retry_after=pause)
    if status >= 500:
        return Unavailable(words, service="github", http_status=status)
    return RequestRefused(words, service="github", http_status=status)


def _words(response: Response) -> str:
    try:
        body: Any = response.json()
    except ValueError:
        body = None
    words = body.get("message") if isinstance(body, dict) else None
    return redacted(words) if isinstance(words, str) and words else f"HTTP {response.status_code}"


def _pause(response: Response, words: str) -> float | None:
    """Seconds to wait, if this is a primary or a secondary limit; None if it is neither."""
    headers = response.headers
    if (given := _number(headers.get("retry-after"))) is not None:
        return given
    if headers.get("x-ratelimit-remaining") == "0":
        reset = _number(headers.get("x-ratelimit-reset"))
        if reset is not None:
            return max(0.0, reset - datetime.now(UTC).timestamp())
    limited = response.status_code == 429 or "rate limit" in words.lower()
    return SECONDARY_PAUSE if limited else None


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None
