"""
One repository through GitHub's API: requests that may be repeated, and what refusals mean.

Source: https://docs.github.com/en/rest/using-the-rest-api (2026-10-02).
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from requests import Response
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from threadsworker.counting.calls import refused
from threadsworker.errors import (
    AnswerLost,
    ApiError,
    NoAnswer,
    RateLimited,
    TokenRejected,
    Unavailable,
)
from threadsworker.http import Http
from threadsworker.redaction import redact
from threadsworker.staging.answers import error_of


class Repository:
    """
    The repository `repo` (``owner/name``) on behalf of a token.

    Safe to share between threads.
    """

    def __init__(
        self,
        *,
        repo: str,
        token: SecretStr,
        api_url: str,
        http: Http,
        api_version: str,
        timeout: float,
    ) -> None:
        redact(token)
        self.url = f"{api_url.rstrip('/')}/repos/{repo}"
        self._token = token
        self._origin = "://".join(urlsplit(api_url)[:2])
        self._http = http
        self._api_version = api_version
        self._timeout = timeout
        #: GitHub wants nothing more of this token now: of several requests at once none is begun
        #: after it.
        self._stopped: RateLimited | TokenRejected | None = None

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        content: bytes | None = None,
    ) -> dict[str, Any]:
        """
        GitHub's answer, a JSON object; an empty one if it has nothing to say.

        Parameters
        ----------
        path:
            Below the repository.
        content:
            The body as JSON already, instead of `body`.

        Raises
        ------
        ApiError, NoAnswer:
            GitHub refused; there was no usable answer.
        """
        response = self.request(method, f"{self.url}{path}", body, content=content)
        if response.status_code == 204:
            return {}
        answer = json_of(response)
        if not isinstance(answer, dict):
            raise AnswerLost(f"{method} {path}: GitHub answered without a JSON object")
        return answer

    def request(
        self,
        method: str,
        url: str,
        body: dict[str, Any] | None = None,
        *,
        content: bytes | None = None,
    ) -> Response:
        """Everything here may be repeated: reads, and writes that name what they write."""
        answered: Response = _patiently(partial(self._send, method, url, body, content))
        return answered

    def is_ours(self, url: str) -> bool:
        """Whether the URL lies on the server that the token is meant for."""
        return url.startswith(f"{self._origin}/")

    def _send(
        self, method: str, url: str, body: dict[str, Any] | None, content: bytes | None
    ) -> Response:
        if self._stopped is not None:
            raise self._stopped
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": self._api_version,
        }
        if content is not None:
            headers["Content-Type"] = "application/json"
        response = self._http.request(
            method,
            url,
            token=self._token,
            json=body,
            content=content,
            headers=headers,
            read_timeout=self._timeout,
            service="github",
        )
        if response.status_code >= 400:
            error = error_of(response)
            refused("github", url, error.stable_code)
            self._heed(error)
            raise error
        return response

    def _heed(self, error: ApiError) -> None:
        if isinstance(error, RateLimited | TokenRejected):
            self._stopped = error


@retry(
    retry=retry_if_exception_type((Unavailable, NoAnswer)),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=0.2, max=1.0),
    reraise=True,
)
def _patiently(attempt: Any) -> Any:
    return attempt()


def json_of(response: Response) -> Any:
    """The answer's JSON; AnswerLost if it is none."""
    try:
        return response.json()
    except ValueError:
        raise AnswerLost(f"GitHub answered {response.status_code} without JSON") from None


def inside(answer: Any, *names: str) -> Any:
    """What stands in an answer under these names; AnswerLost if it is not there."""
    for name in names:
        if not isinstance(answer, dict) or name not in answer:
            raise AnswerLost(f"GitHub's answer lacks {'.'.join(names)}")
        answer = answer[name]
    return answer
