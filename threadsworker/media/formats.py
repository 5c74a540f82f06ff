"""What a content is, by its first bytes: whatever its name says."""

from __future__ import annotations

import re

import filetype

from threadsworker.errors import Problem
from threadsworker.post import MediaKind

#: The types that Meta takes. Source: page "overview" of the Threads API (2026-04-21).
KINDS = {
    "image/jpeg": MediaKind.IMAGE,
    "image/png": MediaKind.IMAGE,
    "video/mp4": MediaKind.VIDEO,
    "video/quicktime": MediaKind.VIDEO,
}
#: Suffixes of pictures and films that Meta does not take.
UNSUPPORTED_SUFFIXES = frozenset(
    {".webp", ".heic", ".heif", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".svg"}
    | {".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".wmv", ".3gp"}
)
#: Brands of MP4 files that the type library does not know. Source: mp4ra.org/registered-types/
#: brands (2026-11).
_MP4_BRANDS = re.compile(rb"\b(iso[2-9a-c]|avc1|hvc1|mp71|MSNV|dash|cmfc|M4V|f4v|XAVC)\b")
#: First bytes that the type is read from.
HEAD = 8192


def content_type_of(head: bytes) -> str | None:
    """The content type that the first `HEAD` bytes tell; None: none that is known."""
    mime: str | None = filetype.guess_mime(head)
    if mime == "video/x-m4v":
        return "video/mp4"
    if mime is None and head[4:8] == b"ftyp" and _MP4_BRANDS.search(_brands(head)):
        return "video/mp4"
    if mime is None and head[4:8] in (b"moov", b"mdat", b"wide"):
        # A QuickTime film from before files began with their type.
        return "video/quicktime"
    return mime


def _brands(head: bytes) -> bytes:
    """The brands that the first box of an MP4, MOV or HEIC file names, four bytes each."""
    length = int.from_bytes(head[:4], "big")
    words = range(8, min(length, len(head)), 4)
    return b" ".join(head[start : start + 4] for start in words)


def unsupported(given: str | None, *, where: str) -> Problem:
    """That Meta does not take this format."""
    return Problem(
        "media.format.unsupported",
        f"Meta takes JPEG, PNG, MP4 and MOV, and this is {given or 'none of these'}; "
        f"convert it (pictures to JPEG or PNG, films to MP4 with H.264)",
        where,
        "image/jpeg, image/png, video/mp4, video/quicktime",
        given,
    )
