"""Requests to Meta on behalf of one account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import SecretStr
from requests import Response
from tenacity import (
    Retrying,
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from threadsworker.errors import AnswerLost, NoAnswer, Unavailable
from threadsworker.http import Http
from threadsworker.log import redact
from threadsworker.threads_api.answers import pressure, read, retry_after

#: Seconds of silence until a publish counts as unanswered. The longest seen took 222; here
#: patience turns unknown outcomes into answers.
PUBLISH_TIMEOUT = 240.0
#: Per cent of a limit of Meta's from which on it is better not to ask.
CLOSE = 95.0

#: The endpoints for which Meta documents the token in the query and nothing else.
#: Source: https://developers.facebook.com/documentation/threads/get-started/long-lived-tokens
#: and …/reference/debug-token (2026-08-12).
QUERY_ONLY = frozenset({"/access_token", "/refresh_access_token", "/v1.0/debug_token"})
_PASSING = retry_if_exception_type((Unavailable, NoAnswer))
_TRIES = stop_after_attempt(3)
_PAUSES = wait_random_exponential(multiplier=0.1, max=0.5)
#: For what may be asked twice: tried up to three times within about a second.
tried_again = retry(retry=_PASSING, stop=_TRIES, wait=_PAUSES, reraise=True)


class Connection:
    """
    Meta's API at `base_url`, with the account's token.

    The token travels in the ``Authorization`` header. Only where Meta documents nothing else
    does it go into a query, see `query_token`.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: SecretStr,
        http: Http,
        version: str = "v1.0",
        publish_timeout: float = PUBLISH_TIMEOUT,
        read_timeout: float | None = None,
        on_pressure: Callable[[float | None], None] | None = None,
    ) -> None:
        """
        Parameters
        ----------
        read_timeout:
            Seconds that an answer to a question may take; after twice as many it is not asked
            again. None: as `http` says, and up to three times.
        on_pressure:
            Called when an answer says that a limit of Meta's is close, with the seconds until
            it is not any more, if Meta names them.
        """
        self._base_url = base_url.rstrip("/")
        # Meta has repeated tokens in the words of its errors.
        redact(token)
        self._token = token
        self._http = http
        self._version = version
        self._publish_timeout = publish_timeout
        self._read_timeout = read_timeout
        stop = _TRIES if read_timeout is None else _TRIES | stop_after_delay(2 * read_timeout)
        self._retrying = Retrying(retry=_PASSING, stop=stop, wait=_PAUSES, reraise=True)
        self._on_pressure = on_pressure

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """Read; tried up to three times within about a second."""
        return self._retrying(self._get, path, params)

    def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        return self._read(
            self._http.request(
                "GET",
                self._url(path),
                token=self._token,
                params=params,
                read_timeout=self._read_timeout,
            )
        )

    def post(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Write, once."""
        return self._read(self._http.request("POST", self._url(path), token=self._token, form=form))

    def delete(self, path: str) -> dict[str, Any]:
        """Take something away, once."""
        return self._read(self._http.request("DELETE", self._url(path), token=self._token))

    def post_alone(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        """
        Write, once, on a connection of its own, and wait long for the answer.

        Nothing is done with the answer before the caller has it: it is not to be lost.
        """
        return read(
            self._http.request(
                "POST",
                self._url(path),
                token=self._token,
                form=form,
                read_timeout=self._publish_timeout,
                fresh_connection=True,
            )
        )

    def pages(self, path: str, **params: str) -> Iterator[dict[str, Any]]:
        """
        The objects of a listing, page after page.

        Pages are followed by their cursor: ``paging.next`` holds the token, and is only looked
        at to see whether it is there. A page may hold fewer objects than asked for, or none,
        although there are more.
        """
        after: dict[str, str] = {}
        while True:
            answer = self.get(path, **params, **after)
            found = answer.get("data", [])
            if not isinstance(found, list):
                raise AnswerLost(f"GET {path}: a listing without a list")
            yield from found
            cursor = _cursor(answer)
            if not cursor or after.get("after") == cursor:
                return
            if not found and not _has_next(answer):
                return
            after = {"after": cursor}

    def query_token(self, path: str, **params: str) -> dict[str, Any]:
        """Read from an endpoint that takes the token in the query only; tried once."""
        params["access_token"] = self._token.get_secret_value()
        return read(self._http.request("GET", f"{self._base_url}{path}", params=params))

    def _read(self, response: Response) -> dict[str, Any]:
        answer = read(response)
        if self._on_pressure is not None and pressure(response) >= CLOSE:
            self._on_pressure(retry_after(response))
        return answer

    def _url(self, path: str) -> str:
        return f"{self._base_url}/{self._version}{path}"


def _has_next(answer: dict[str, Any]) -> bool:
    paging = answer.get("paging")
    return isinstance(paging, dict) and bool(paging.get("next"))


def _cursor(answer: dict[str, Any]) -> str | None:
    found: Any = answer
    for name in ("paging", "cursors", "after"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None
