"""
Downloads of media, as Meta's crawler makes them: no redirects, and the bytes are looked at.

Source: https://developers.facebook.com/documentation/threads/overview (2026-04-21).
"""

from __future__ import annotations

import hashlib
import ipaddress
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import Any, Literal
from urllib.parse import urlsplit

from threadsworker.post import IMAGE_BYTES_LIMIT, VIDEO_BYTES_LIMIT

#: Bytes of a medium that are kept to be shown on the sandbox's own page.
KEPT_BYTES = IMAGE_BYTES_LIMIT
#: What Meta's downloads say they are.
CRAWLER = "facebookexternalhit/1.1"
_CHUNK = 256 * 1024
_LIMITS = {"IMAGE": IMAGE_BYTES_LIMIT, "VIDEO": VIDEO_BYTES_LIMIT}
#: What Meta's `error_message` says: there is none for images in particular.
_UNREACHABLE = {"IMAGE": "UNKNOWN", "VIDEO": "FAILED_DOWNLOADING_VIDEO"}
_UNUSABLE = {"IMAGE": "UNKNOWN", "VIDEO": "FAILED_PROCESSING_VIDEO"}


@dataclass(frozen=True)
class Fetched:
    """What a download gave; `error_message` is Meta's word for what was wrong, if anything."""

    error_message: str | None = None
    #: For the ledger: what was wrong, in ours.
    reason: str | None = None
    sha256: str | None = None
    size: int | None = None
    content_type: str | None = None
    #: The bytes themselves, unless there are too many.
    content: bytes | None = None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """None: the redirect is the answer, and it is a failure."""


def is_local(url: str, origin: str) -> bool:
    """Whether the URL leads to this machine, or to where the sandbox itself was reached."""
    parts = urlsplit(url)
    if parts.netloc == urlsplit(origin).netloc:
        return True
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def fetch(url: str, kind: Literal["IMAGE", "VIDEO"], *, timeout: float) -> Fetched:
    """Download the medium and look at it. Nothing is raised: what fails is in the result."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    request = urllib.request.Request(url, headers={"User-Agent": CRAWLER})
    try:
        with opener.open(request, timeout=timeout) as response:
            return _read(response, kind, until=monotonic() + timeout)
    except urllib.error.HTTPError as error:
        error.close()
        return Fetched(_UNREACHABLE[kind], reason=f"HTTP {error.code}")
    except (OSError, HTTPException, ValueError) as error:
        return Fetched(_UNREACHABLE[kind], reason=type(error).__name__)


def _read(response: HTTPResponse, kind: Literal["IMAGE", "VIDEO"], *, until: float) -> Fetched:
    if response.headers.get_content_type() == "text/html":
        return Fetched(_UNUSABLE[kind], reason="a page of HTML")
    digest, size, kept = hashlib.sha256(), 0, bytearray()
    while chunk := response.read1(_CHUNK):
        if monotonic() > until:
            raise TimeoutError
        digest.update(chunk)
        size += len(chunk)
        if size > _LIMITS[kind]:
            return Fetched(_UNUSABLE[kind], reason=f"more than {_LIMITS[kind]} bytes")
        if size <= KEPT_BYTES:
            kept += chunk
    content_type = recognise(bytes(kept[:16]))
    if content_type is None or not content_type.startswith(kind.lower()):
        return Fetched(_UNUSABLE[kind], reason=f"not {_formats(kind)}")
    return Fetched(
        sha256=digest.hexdigest(),
        size=size,
        content_type=content_type,
        content=bytes(kept) if size <= KEPT_BYTES else None,
    )


def recognise(head: bytes) -> str | None:
    """The content type that the first 12 bytes tell; None for what Meta does not take."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return "video/quicktime"
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    if brand == b"qt  ":
        return "video/quicktime"
    # HEIC and AVIF are of the same family.
    is_picture = brand in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
    return None if is_picture else "video/mp4"


def _formats(kind: str) -> str:
    return "a JPEG or PNG" if kind == "IMAGE" else "an MP4 or MOV"
