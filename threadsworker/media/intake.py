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
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO
from urllib.parse import unquote_to_bytes

from threadsworker.errors import Problem
from threadsworker.media import address
from threadsworker.media.formats import (
    HEAD,
    KINDS,
    UNSUPPORTED_SUFFIXES,
    content_type_of,
    unsupported,
)
from threadsworker.media.limits import shape_problems, size_problems
from threadsworker.media.local import ANYWHERE, NotReadable, Reading, shown
from threadsworker.media.metadata import Unreadable, without_metadata
from threadsworker.post import STAGED_BYTES_LIMIT, Media, MediaItem, MediaKind

#: Characters from which on a word of base64's letters is no longer taken for a file name.
_SHORTEST_BASE64 = 100
#: Bytes read from a file object at a time.
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Inspected:
    """One medium that may be published, and where its bytes are until they are spooled."""

    item: MediaItem
    #: The bytes as they are published, or the file that they come from; None for a URL.
    content: bytes | Path | None
    #: ``media 2``: which one it is, for messages.
    where: str
    #: How the file is read.
    reading: Reading = ANYWHERE

    def open(self) -> IO[bytes]:
        """
        The bytes as they are published, once more; not those of a URL.

        Raises
        ------
        NotReadable, Unreadable:
            The file is no longer the one that was inspected.
        """
        assert self.content is not None
        if isinstance(self.content, bytes):
            return BytesIO(self.content)
        stream = self.reading.open(self.content)
        if self.item.kind is not MediaKind.IMAGE or not self.reading.strip_metadata:
            return stream
        with stream:
            # One that has grown beyond what can be staged is not the one that was inspected.
            content = stream.read(STAGED_BYTES_LIMIT + 1)
        return BytesIO(without_metadata(content, self.item.content_type or ""))


class _Refused(Exception):
    """This medium cannot be looked at any further."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


def inspect(
    media: Sequence[Media], *, allow_private_urls: bool = False, reading: Reading = ANYWHERE
) -> tuple[tuple[Inspected, ...], tuple[Problem, ...]]:
    """
    The media of a post as `MediaItem` and content, and everything that is wrong with them.

    A file object is read from where it stands to its end; a file is read once, for its
    hash. Size and hash are those of what is published. A medium with a problem is not among
    the inspected, so those are complete only if there is no problem.
    """
    inspected: list[Inspected] = []
    problems: list[Problem] = []
    for number, medium in enumerate(media, start=1):
        where = f"media {number}"
        try:
            result, found = _inspect(
                medium, where=where, allow_private=allow_private_urls, reading=reading
            )
        except NotReadable as refusal:
            problems.append(Problem(f"media.path.{refusal.rule}", refusal.message, where))
            continue
        except _Refused as refusal:
            problems.append(Problem(refusal.rule, refusal.message, where))
            continue
        problems += found
        if not found:
            inspected.append(result)
    return tuple(inspected), tuple(problems)


def _inspect(
    medium: Media, *, where: str, allow_private: bool, reading: Reading
) -> tuple[Inspected, list[Problem]]:
    if medium.kind is not None and medium.kind not in list(MediaKind):
        raise _Refused("media.kind.unknown", f"The kind {medium.kind!r} is not image or video")
    if isinstance(medium.source, str) and address.is_url(medium.source):
        return _inspect_url(medium, medium.source, where=where, allow_private=allow_private)
    content = _content(medium.source, reading)
    if isinstance(content, Path):
        with reading.open(content) as stream:
            size = os.fstat(stream.fileno()).st_size
            item, problems, _ = _inspect_content(medium, stream, size, where, reading)
        return Inspected(item, content, where, reading), problems
    item, problems, published = _inspect_content(
        medium, BytesIO(content), len(content), where, reading
    )
    published.seek(0)
    return Inspected(item, published.read(), where), problems


def _inspect_url(
    medium: Media, url: str, *, where: str, allow_private: bool
) -> tuple[Inspected, list[Problem]]:
    problems = list(address.problems(url, where=where, allow_private=allow_private))
    kind = medium.kind
    if kind is None and not any(one.rule == "media.url.invalid" for one in problems):
        kind = address.kind_of(url)
        if kind is None and address.suffix(url) in UNSUPPORTED_SUFFIXES:
            problems.append(unsupported(address.suffix(url), where=where))
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


def _content(source: object, reading: Reading) -> bytes | Path:
    match source:
        case bytes() | bytearray():
            return bytes(source)
        case str():
            return _content_of_text(source, reading)
        case os.PathLike():
            return Path(os.fsdecode(source))
        case _ if callable(getattr(source, "read", None)):
            return _read(source)
    raise _Refused(
        "media.source.unknown",
        f"A {type(source).__name__} is not a path, a URL, bytes, base64 or a file object",
    )


def _content_of_text(text: str, reading: Reading) -> bytes | Path:
    if text[:5].lower() == "data:":
        return _content_of_data_uri(text)
    # Every file name of letters is base64 too, so what is there wins.
    if text and os.path.exists(text):
        return Path(text)
    content = _from_base64(text)
    if content and (len(text) >= _SHORTEST_BASE64 or content_type_of(content[:HEAD])):
        return content
    if text.strip() and ("/" in text or "." in text):
        # Whether there are files elsewhere is nobody's business.
        reading.refuse_outside(Path(text))
        hint = " (~ is not expanded)" if text.startswith("~") else ""
        raise _Refused("media.path.not_found", f"There is no file {shown(text)}{hint}")
    raise _Refused(
        "media.source.unknown",
        f"{shown(text)} is neither a file that exists, nor a URL, nor base64",
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


def _inspect_content(
    medium: Media, stream: IO[bytes], size: int, where: str, reading: Reading
) -> tuple[MediaItem, list[Problem], IO[bytes]]:
    """The item, what is wrong with it, and the bytes as they are published."""
    if size == 0:
        raise _Refused("media.empty", "It holds no bytes")
    content_type = content_type_of(stream.read(HEAD))
    kind = KINDS.get(content_type or "")
    if kind is None:
        # Nothing of it can be used: no reason to read a large file to its end.
        item = MediaItem(kind=MediaKind.IMAGE, alt_text=medium.alt_text)
        return item, [unsupported(content_type, where=where)], stream
    assert content_type is not None
    problems: list[Problem] = []
    if kind is MediaKind.IMAGE and reading.strip_metadata and size <= STAGED_BYTES_LIMIT:
        try:
            stream, size = _without_metadata(stream, size, content_type)
        except Unreadable as error:
            problems.append(_unreadable(content_type, error, where=where))
    problems += size_problems(kind, size, where=where)
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
        problems += shape_problems(stream, content_type, size=size, where=where)
    item = MediaItem(
        kind=kind,
        alt_text=medium.alt_text,
        sha256=_sha256(stream, size) if not problems else None,
        content_type=content_type,
        size=size,
    )
    return item, problems, stream


def _without_metadata(stream: IO[bytes], size: int, content_type: str) -> tuple[IO[bytes], int]:
    stream.seek(0)
    content = stream.read(size + 1)
    if len(content) != size:
        raise _changed()
    cleaned = without_metadata(content, content_type)
    return BytesIO(cleaned), len(cleaned)


def _sha256(stream: IO[bytes], size: int) -> str:
    """The hash of what is there; a file that grows meanwhile is not read for ever."""
    digest, left = hashlib.sha256(), size
    stream.seek(0)
    while chunk := stream.read(min(_CHUNK, left + 1)):
        digest.update(chunk)
        left -= len(chunk)
        if left < 0:
            break
    if left:
        raise _changed()
    return digest.hexdigest()


def _changed() -> _Refused:
    return _Refused(
        "media.changed", "The file was changed while it was being read; enqueue it again"
    )


def _unreadable(content_type: str, error: Unreadable, *, where: str) -> Problem:
    return Problem(
        "media.metadata.unreadable",
        f"This {content_type} is not built as one ({error}), so the place where it was taken, "
        f"and the like, cannot be taken out; save it anew with a program for pictures "
        f"(THREADSWORKER_STRIP_METADATA=false publishes pictures with all that is in them)",
        where,
    )
