"""
Connections that are kept open, each lent to one request at a time, whatever thread it is in.

A new connection costs two or three round trips before the first byte of a request. Steps send
several requests at once, in threads that live for one step only, so connections belong to the
process and not to a thread. What the environment says about proxies and certificates is looked
up once per connection, not once per request.
"""

from __future__ import annotations

import os
import ssl
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util import Retry

#: Seconds after which an idle connection is not used any more. Servers and routers drop idle
#: ones after a minute or more, and a request that meets such a moment gets no answer.
IDLE_LIMIT = 30.0


class Connections:
    """
    The open connections of a process. Safe to share between threads and over forks.

    Each is a session with one connection, so nothing that `requests` or `urllib3` remembers is
    used by two threads at once.
    """

    def __init__(self, *, idle_limit: float = IDLE_LIMIT) -> None:
        self._idle_limit = idle_limit
        self._kept = _Kept()

    @contextmanager
    def lent(self, url: str, *, fresh: bool) -> Iterator[requests.Session]:
        """
        A session for one request to `url`.

        Its connection is kept if the block ends well: by then the answer has to be read.
        If it is to be `fresh`, it has not been used before and will not be used again.
        """
        origin, kept = _origin(url), self._of_this_process()
        if fresh:
            with kept.new(url) as session:
                yield session
            return
        session = kept.take(origin, since=monotonic() - self._idle_limit) or kept.new(url)
        try:
            yield session
        except BaseException:
            session.close()
            raise
        kept.give_back(origin, session)

    def _of_this_process(self) -> _Kept:
        if self._kept.pid != os.getpid():
            # A connection must not be used on both sides of a fork, and the lock may have been
            # taken by a thread that exists on the other side only.
            self._kept = _Kept()
        return self._kept


class _Kept:
    """Idle sessions by origin, each with the moment since when; the one used last is at the end."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._making = threading.Lock()
        self._guard = threading.Lock()
        self._idle: dict[str, deque[tuple[float, requests.Session]]] = {}

    def new(self, url: str) -> requests.Session:
        """One that is not among them."""
        # One after another: the first of many at once reads the authorities for all.
        with self._making:
            return _session(url)

    def take(self, origin: str, *, since: float) -> requests.Session | None:
        """The session used last, if it was used since then. Older ones are closed."""
        with self._guard:
            too_old = self._before(since)
            idle = self._idle.get(origin)
            found = idle.pop()[1] if idle else None
        for session in too_old:
            session.close()
        return found

    def give_back(self, origin: str, session: requests.Session) -> None:
        with self._guard:
            self._idle.setdefault(origin, deque()).append((monotonic(), session))

    def _before(self, moment: float) -> list[requests.Session]:
        """Take out, of all origins, what has been idle since before `moment`."""
        found = []
        for idle in self._idle.values():
            while idle and idle[0][0] < moment:
                found.append(idle.popleft()[1])
        return found


class _Adapter(HTTPAdapter):
    """Sends each request once, and checks certificates by one context for all connections."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        super().__init__(pool_maxsize=1, max_retries=Retry(0, read=False, redirect=False))

    def init_poolmanager(self, *args: Any, **given: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **given)

    def proxy_manager_for(self, proxy: str, **given: Any) -> Any:
        if proxy.lower().startswith("https:"):
            given["proxy_ssl_context"] = self._tls
        return super().proxy_manager_for(proxy, ssl_context=self._tls, **given)

    def cert_verify(self, *args: Any) -> None:
        """Nothing is left to do: it would have each connection read the authorities anew."""


class _Shared(ssl.SSLContext):
    """A context that is complete: urllib3 would set it up again while other threads use it."""

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """They are set already."""


def _session(url: str) -> requests.Session:
    """A session for requests to the origin of `url`."""
    session = requests.Session()
    session.headers["User-Agent"] = f"threadsworker/{_version()}"
    # What one account's answer sets would go out with another account's request.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies = found["proxies"]
    session.trust_env = False
    adapter = _Adapter(_tls(found["verify"]))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _tls(bundle: str | bool | None) -> ssl.SSLContext:
    """How certificates are checked: by the authorities at this path, or by the usual ones."""
    path = bundle if isinstance(bundle, str) else DEFAULT_CA_BUNDLE_PATH
    return _context(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=4)
def _context(path: str, _changed: int) -> ssl.SSLContext:
    """
    Reading the authorities takes longer than a round trip: 40 ms on a small machine.

    A file that has changed is read anew.
    """
    context = _Shared(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if sys.version_info >= (3, 13):
        # As `ssl.create_default_context` does it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    ssl.SSLContext.set_alpn_protocols(context, ["http/1.1"])
    if os.path.isdir(path):
        context.load_verify_locations(capath=path)
    else:
        context.load_verify_locations(cafile=path)
    return context


def _origin(url: str) -> str:
    scheme, netloc, *_ = urlsplit(url)
    return f"{scheme}://{netloc}"


@cache
def _version() -> str:
    try:
        return version("threadsworker")
    except PackageNotFoundError:
        return "0"
