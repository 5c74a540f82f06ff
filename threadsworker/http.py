"""
One way out: every request to Meta or GitHub leaves through `Http.request`.

It repeats nothing and follows no redirect. What it adds to `requests` is one question
answered reliably: did the request leave? `requests` raises the same `ConnectionError` for
a refused connection and for a server that read the request and closed; the urllib3 error
inside tells them apart.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from io import BytesIO
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from urllib3.exceptions import (
    ConnectTimeoutError,
    EmptyPoolError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)

from threadsworker import tracing
from threadsworker.connections import IDLE_LIMIT, Connections
from threadsworker.counting.calls import RAW, endpoint_of, timed
from threadsworker.errors import AnswerLost, NeverSent, Service
from threadsworker.log import Redaction

#: Seconds until a connection attempt counts as failed.
CONNECT_TIMEOUT = 10.0
#: Seconds of silence until an answer counts as lost, unless a call says otherwise.
READ_TIMEOUT = 60.0

#: Bytes of an answer, unpacked, from which on it counts as lost: a staged file, as a server sends
#: it that does not know how to send a part, and room to spare.
LONGEST_ANSWER = 64 * 1024 * 1024
_CHUNK = 64 * 1024

#: Those that write whole URLs into an app's log, if it asks for that much; the query of a token
#: endpoint holds the token.
_TALKATIVE = ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry")
#: Failures that come before the first byte of a request is sent.
_BEFORE_THE_FIRST_BYTE = (
    ConnectTimeoutError,
    EmptyPoolError,
    NameResolutionError,
    NewConnectionError,
)


class Http:
    """
    Sends requests, each exactly once. Safe to share between threads and over forks.

    Connections are kept open, for whichever thread sends the next request.
    """

    def __init__(
        self, *, read_timeout: float = READ_TIMEOUT, idle_limit: float = IDLE_LIMIT
    ) -> None:
        self._connections = Connections(idle_limit=idle_limit)
        self._read_timeout = read_timeout
        _redact_urls()

    def request(
        self,
        method: str,
        url: str,
        *,
        token: SecretStr | None = None,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout: float | None = None,
        fresh_connection: bool = False,
        service: Service = "threads",
    ) -> requests.Response:
        """
        The answer, whatever its status, with its body read.

        Parameters
        ----------
        token:
            Sent as ``Authorization: Bearer``.
        content:
            The body as it is; its type is in `headers`.
        read_timeout:
            Seconds of silence until the answer counts as lost, and that its body may take in
            all; None: as all requests.
        fresh_connection:
            Use a connection that carries this request alone. One that was kept open may be
            closed by the server at the moment of sending, and then nobody knows whether it
            was read.
        service:
            Whose answer it is, for the metrics.

        Raises
        ------
        NeverSent:
            It failed before the first byte left: nothing happened over there.
        AnswerLost:
            Anything later. Neither error, nor what hangs on it, holds the token or a query.
        """
        sent = dict(headers or {})
        patience = self._read_timeout if read_timeout is None else read_timeout
        if token is not None:
            sent["Authorization"] = f"Bearer {token.get_secret_value()}"
        where = _shown(method, url)
        # Where a medium lies is told to Meta alone.
        shown = endpoint_of(service, url) != RAW
        with tracing.request(method, url, path=shown) as told, timed(service, method, url) as call:
            try:
                with self._connections.lent(url, fresh=fresh_connection) as session:
                    answer = session.request(
                        method,
                        url,
                        params=params,
                        data=form if content is None else content,
                        json=json,
                        headers=sent,
                        timeout=(CONNECT_TIMEOUT, patience),
                        allow_redirects=False,
                        # A netrc file or the like shall not replace our token.
                        auth=_as_given,
                        stream=True,
                    )
                    response = _with_body(answer, patience)
            except requests.RequestException as error:
                failure = _failure(error, where)
            else:
                call.status = str(response.status_code)
                told.tell("http.response.status_code", response.status_code)
                return response
            call.status = "not_sent" if isinstance(failure, NeverSent) else "no_answer"
            told.tell("error.type", call.status)
            # Raised out here, so that nothing of the original, which holds the URL and the
            # headers, hangs on it.
            raise failure


def _redact_urls() -> None:
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if not any(isinstance(one, Redaction) for one in logger.filters):
            logger.addFilter(Redaction())


def _as_given(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared


class _EndlessAnswer(HTTPError):
    """A body that is longer, or takes longer, than any that there should be."""


def _with_body(answer: requests.Response, patience: float) -> requests.Response:
    """The answer with its body read, however the server sends it: but not for ever."""
    until = monotonic() + patience
    body = bytearray()
    try:
        while part := answer.raw.read1(_CHUNK, decode_content=True):
            body += part
            if len(body) > LONGEST_ANSWER or monotonic() > until:
                raise _EndlessAnswer
    except HTTPError as error:
        answer.close()
        raise requests.ConnectionError(error) from None
    answer.raw = BytesIO(body)
    return answer


def _failure(error: requests.RequestException, where: str) -> NeverSent | AnswerLost:
    cause = _innermost(error)
    if isinstance(cause, _BEFORE_THE_FIRST_BYTE) or _is_handshake(error, cause):
        return NeverSent(f"{where}: not sent ({type(cause).__name__})")
    if cause is None and not isinstance(
        error,
        requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError,
    ):
        # A URL that is none, or the like: `requests` refused it before any connection.
        return NeverSent(f"{where}: not sent ({type(error).__name__})")
    return AnswerLost(f"{where}: sent, and no answer ({type(cause or error).__name__})")


def _innermost(error: BaseException) -> HTTPError | None:
    """The urllib3 error that `requests` wrapped."""
    found = error.args[0] if error.args else None
    if isinstance(found, MaxRetryError):
        found = found.reason
    if isinstance(found, HTTPError):
        return found
    cause = error.__context__
    return cause if isinstance(cause, HTTPError) else None


def _is_handshake(error: requests.RequestException, cause: HTTPError | None) -> bool:
    """
    Whether the server's certificate was refused: that cannot happen later.

    Other errors of TLS look the same during the handshake and in the middle of an answer.
    """
    if not isinstance(error, requests.exceptions.SSLError) or not isinstance(cause, SSLError):
        return False
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in cause.args)


def _shown(method: str, url: str) -> str:
    parts = urlsplit(url)
    return f"{method} {parts.hostname or ''}{parts.path}"
