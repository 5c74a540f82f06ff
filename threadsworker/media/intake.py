"""
From what an author gives to what planning needs to know: kind, type, size, hash.

Nothing is stored and nothing is fetched here. What a file is, its content says; a name
counts only for a URL, which is passed on to Meta unread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO
from urllib.parse import unquote_to_bytes

import filetype

from threadsworker.errors import Problem
from threadsworker.media import address, shape
from threadsworker.post import (
    IMAGE_ASPECT_LIMIT,
    IMAGE_BYTES_LIMIT,
    STAGED_BYTES_LIMIT,
    VIDEO_BYTES_LIMIT,
    VIDEO_SECONDS_LIMIT,
    Media,
    MediaItem,
    MediaKind,
)

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
_HEAD = 8192
#: Characters from which on a word of base64's letters is no longer taken for a file name.
_SHORTEST_BASE64 = 100
#: Bytes read from a file object at a time.
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Inspected:
    """One medium that may be published, and where its bytes are until they are spooled."""

    item: MediaItem
    #: The bytes, or the file that holds them; None for a URL.
    content: bytes | Path | None
    #: ``media 2``: which one it is, for messages.
    where: str


class _Refused(Exception):
    """This medium cannot be looked at any further."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


def inspect(
    media: Sequence[Media], *, allow_private_urls: bool = False
) -> tuple[tuple[Inspected, ...], tuple[Problem, ...]]:
    """
    The media of a post as `MediaItem` and content, and everything that is wrong with them.

    A file object is read from where it stands to its end; a file is read once, for its
    hash. A medium with a problem is not among the inspected, so those are complete only if
    there is no problem.
    """
    inspected: list[Inspected] = []
    problems: list[Problem] = []
    for number, medium in enumerate(media, start=1):
        where = f"media {number}"
        try:
            result, found = _inspect(medium, where=where, allow_private=allow_private_urls)
        except _Refused as refusal:
            problems.append(Problem(refusal.rule, refusal.message, where))
            continue
        problems += found
        if not found:
            inspected.append(result)
    return tuple(inspected), tuple(problems)


def _inspect(medium: Media, *, where: str, allow_private: bool) -> tuple[Inspected, list[Problem]]:
    if medium.kind is not None and medium.kind not in list(MediaKind):
        raise _Refused("media.kind.unknown", f"The kind {medium.kind!r} is not image or video")
    if isinstance(medium.source, str) and address.is_url(medium.source):
        return _inspect_url(medium, medium.source, where=where, allow_private=allow_private)
    content = _content(medium.source)
    if isinstance(content, Path):
        with _open(content) as stream:
            size = os.fstat(stream.fileno()).st_size
            item, problems = _inspect_content(medium, stream, size=size, where=where)
    else:
        item, problems = _inspect_content(medium, BytesIO(content), size=len(content), where=where)
    return Inspected(item, content, where), problems


def _inspect_url(
    medium: Media, url: str, *, where: str, allow_private: bool
) -> tuple[Inspected, list[Problem]]:
    problems = list(address.problems(url, where=where, allow_private=allow_private))
    kind = medium.kind
    if kind is None and not any(one.rule == "media.url.invalid" for one in problems):
        kind = address.kind_of(url)
        if kind is None and address.suffix(url) in UNSUPPORTED_SUFFIXES:
            problems.append(_unsupported(address.suffix(url), where=where))
        elif kind is None:
            problems.append(
                Problem(
                    "media.url.kind_unknown",
                    "The URL's path does not end in .jpg, .jpeg, .png, .mp4 or .mov: say "
                    "whether it is an image or a video (kind=)",
                    where,
                )
            )
    item = MediaItem(kind=MediaKind(kind or MediaKind.IMAGE), alt_text=medium.alt_text, url=url)
    return Inspected(item, None, where), problems


def _content(source: object) -> bytes | Path:
    match source:
        case bytes() | bytearray():
            return bytes(source)
        case str():
            return _content_of_text(source)
        case os.PathLike():
            return Path(os.fsdecode(source))
        case _ if callable(getattr(source, "read", None)):
            return _read(source)
    raise _Refused(
        "media.source.unknown",
        f"A {type(source).__name__} is not a path, a URL, bytes, base64 or a file object",
    )


def _content_of_text(text: str) -> bytes | Path:
    if text[:5].lower() == "data:":
        return _content_of_data_uri(text)
    # Every file name of letters is base64 too, so what is there wins.
    if text and os.path.exists(text):
        return Path(text)
    content = _from_base64(text)
    if content and (len(text) >= _SHORTEST_BASE64 or _content_type(content[:_HEAD])):
        return content
    if text.strip() and ("/" in text or "." in text):
        hint = " (~ is not expanded)" if text.startswith("~") else ""
        raise _Refused("media.path.not_found", f"There is no file {_shown(text)}{hint}")
    raise _Refused(
        "media.source.unknown",
        f"{_shown(text)} is neither a file that exists, nor a URL, nor base64",
    )


def _content_of_data_uri(text: str) -> bytes:
    head, comma, data = text.partition(",")
    if head.lower().endswith(";base64"):
        content = _from_base64(unquote_to_bytes(data).decode("ascii", "replace"))
    else:
        content = unquote_to_bytes(data)
    if not comma or content is None:
        raise _Refused("media.source.unknown", "The data URI cannot be decoded")
    return content


def _from_base64(text: str) -> bytes | None:
    compact = "".join(text.split())
    compact = compact.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _read(source: object) -> bytes:
    """A file object's rest; one byte more than can be staged is enough to refuse it."""
    content = bytearray()
    try:
        while len(content) <= STAGED_BYTES_LIMIT:
            chunk = source.read(_CHUNK)  # type: ignore[attr-defined]
            if not chunk:
                break
            content += chunk
    except TypeError:
        raise _Refused(
            "media.source.not_binary", "The file object yields text; open it with mode 'rb'"
        ) from None
    except (OSError, ValueError) as error:
        raise _Refused(
            "media.source.unreadable", f"The file object cannot be read: {error}"
        ) from None
    return bytes(content)


def _open(path: Path) -> IO[bytes]:
    """An open regular file. A pipe or a device is not even opened: that may never end."""
    shown = _shown(str(path))
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _Refused("media.path.not_a_file", f"{shown} is not a file")
        return path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _Refused(
            "media.path.not_found", f"The file {shown} cannot be read: {reason}"
        ) from None


def _inspect_content(
    medium: Media, stream: IO[bytes], *, size: int, where: str
) -> tuple[MediaItem, list[Problem]]:
    if size == 0:
        raise _Refused("media.empty", "It holds no bytes")
    head = stream.read(_HEAD)
    content_type = _content_type(head)
    kind = KINDS.get(content_type or "")
    if kind is None:
        # Nothing of it can be used: no reason to read a large file to its end.
        item = MediaItem(kind=MediaKind.IMAGE, alt_text=medium.alt_text)
        return item, [_unsupported(content_type, where=where)]
    assert content_type is not None
    problems = list(_size_problems(kind, size, where=where))
    if medium.kind is not None and medium.kind != kind:
        problems.append(
            Problem(
                "media.kind.mismatch",
                f"It was given as {MediaKind(medium.kind)}, but it is {content_type}",
                where,
                given=content_type,
            )
        )
    if not problems:
        problems += _shape_problems(stream, content_type, size=size, where=where)
    sha256 = None
    if not problems:
        stream.seek(0)
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    return (
        MediaItem(
            kind=kind,
            alt_text=medium.alt_text,
            sha256=sha256,
            content_type=content_type,
            size=size,
        ),
        problems,
    )


def _content_type(head: bytes) -> str | None:
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


def _unsupported(given: str | None, *, where: str) -> Problem:
    return Problem(
        "media.format.unsupported",
        f"Meta takes JPEG, PNG, MP4 and MOV, and this is {given or 'none of these'}; "
        f"convert it (pictures to JPEG or PNG, films to MP4 with H.264)",
        where,
        "image/jpeg, image/png, video/mp4, video/quicktime",
        given,
    )


def _size_problems(kind: MediaKind, size: int, *, where: str) -> Iterator[Problem]:
    if kind is MediaKind.IMAGE and size > IMAGE_BYTES_LIMIT:
        yield Problem(
            "threads.image.too_large",
            f"An image has at most 8 MB ({IMAGE_BYTES_LIMIT} bytes), and this has {size}",
            where,
            IMAGE_BYTES_LIMIT,
            size,
        )
    elif kind is MediaKind.VIDEO and size > VIDEO_BYTES_LIMIT:
        yield Problem(
            "threads.video.too_large",
            f"A video has at most 1 GB ({VIDEO_BYTES_LIMIT} bytes), and this has {size}",
            where,
            VIDEO_BYTES_LIMIT,
            size,
        )
    elif size > STAGED_BYTES_LIMIT:
        yield Problem(
            "staging.file.too_large",
            f"A local file is handed to Meta through GitHub, whose API takes at most 35 MB "
            f"({STAGED_BYTES_LIMIT} bytes), and this has {size}; put it on a public server "
            f"and give its URL",
            where,
            STAGED_BYTES_LIMIT,
            size,
        )


def _shape_problems(
    stream: IO[bytes], content_type: str, *, size: int, where: str
) -> Iterator[Problem]:
    if KINDS[content_type] is MediaKind.VIDEO:
        seconds = shape.video_seconds(stream, size=size)
        if seconds is not None and seconds > VIDEO_SECONDS_LIMIT:
            yield Problem(
                "threads.video.too_long",
                f"A video lasts at most {VIDEO_SECONDS_LIMIT} s, and this {seconds:.0f} s",
                where,
                VIDEO_SECONDS_LIMIT,
                seconds,
            )
    elif (pixels := shape.image_size(stream, content_type)) is not None:
        aspect = max(pixels) / min(pixels)
        if aspect > IMAGE_ASPECT_LIMIT:
            yield Problem(
                "threads.image.aspect_ratio",
                f"The longer side of an image is at most {IMAGE_ASPECT_LIMIT:g} times the "
                f"shorter, and this has {pixels[0]} x {pixels[1]} pixels",
                where,
                IMAGE_ASPECT_LIMIT,
                round(aspect, 2),
            )


def _shown(text: str) -> str:
    """A text as messages show it: not the ten megabytes that were given by mistake."""
    return repr(text if len(text) <= 120 else text[:80] + "…")
