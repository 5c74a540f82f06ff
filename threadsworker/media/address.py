"""Which URLs of media are passed on to Meta. They are read here and never fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

from threadsworker.errors import Problem
from threadsworker.hosts import is_private, read_url
from threadsworker.post import MediaKind

#: Suffixes of a URL's path and what they mean, in lower case.
KINDS = {
    ".jpg": MediaKind.IMAGE,
    ".jpeg": MediaKind.IMAGE,
    ".png": MediaKind.IMAGE,
    ".mp4": MediaKind.VIDEO,
    ".mov": MediaKind.VIDEO,
}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(text: str) -> bool:
    """Whether the text means to be a URL of any scheme."""
    return _SCHEME.match(text) is not None


def kind_of(url: str) -> MediaKind | None:
    """What the suffix of the URL's path says, if it says anything; the query is ignored."""
    return KINDS.get(suffix(url))


def suffix(url: str) -> str:
    """The suffix of the URL's path in lower case, such as ``.jpg``; may be empty."""
    return PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()


def problems(url: str, *, where: str, allow_private: bool) -> Iterator[Problem]:
    """What keeps this URL from being passed on."""
    try:
        parts = read_url(url)
    except ValueError as error:
        yield Problem("media.url.invalid", str(error), where)
        return
    if parts.scheme not in ("http", "https"):
        yield Problem(
            "media.url.scheme",
            "Meta fetches http and https URLs only; give a local file as a path",
            where,
            "http, https",
            parts.scheme,
        )
        return
    yield from _host_problems(parts, where=where, allow_private=allow_private)


def _host_problems(parts: SplitResult, *, where: str, allow_private: bool) -> Iterator[Problem]:
    host = parts.hostname
    if parts.username is not None or parts.password is not None:
        yield Problem(
            "media.url.userinfo", "The URL holds a user name or password; leave it out", where
        )
    if not host:
        yield Problem("media.url.invalid", "The URL has no host", where)
    elif not allow_private and is_private(host):
        yield Problem(
            "media.url.private",
            "The URL's host is local or private, so Meta cannot fetch it; give a public URL, "
            "or the file itself",
            where,
            given=host,
        )
