"""
A JPEG without what it tells about its making: place, time, device, names, comments, previews.

The picture itself is copied byte for byte. Of the rest only what decoding needs stays: JFIF
without its preview, Adobe's colour transform, the colour profile, and which way up it is.
Whatever is not known here is not kept. Source: ITU-T T.81, annex B; T.871 (JFIF).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from threadsworker.media.errors import Unreadable
from threadsworker.media.orientation import only_orientation, orientation_of

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP14, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
#: Frame headers, tables of Huffman, arithmetic and quantisation, DNL, DRI, DHP, EXP.
_OF_THE_PICTURE = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0)}) - {0xC8}
_METADATA = frozenset({*range(0xE0, 0xF0), _COM})
#: A marker that is neither a byte of coded data nor a restart in it. Fill bytes before it are
#: passed over: a pattern that took them too would look at a long run of them once for each.
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_EXIF = b"Exif\0"
_JFIF, _ICC, _ADOBE = b"JFIF\0", b"ICC_PROFILE\0", b"Adobe"
#: Bytes of JFIF before its preview, and of Adobe's segment.
_JFIF_LENGTH, _ADOBE_LENGTH = 12, 12


@dataclass(frozen=True)
class _Segment:
    """A marker and its content; or, with `marker` None, coded data."""

    marker: int | None
    content: bytes


def without_metadata(content: bytes) -> bytes:
    """
    The same picture with what it needs to be shown, and nothing else.

    One that ends too early stays as short as it is. What follows its end is gone: more
    pictures, films, depth maps.

    Raises
    ------
    Unreadable:
        A segment cannot be told from the next one.
    """
    kept = [b"\xff\xd8"]
    orientation: int | None = None
    for segment in _segments(content):
        if segment.marker is None:
            kept.append(segment.content)
        elif segment.marker == _APP1:
            # Of several the first one counts.
            if orientation is None and (orientation := _orientation(segment.content)):
                kept.append(_written(_APP1, b"Exif\0\0" + only_orientation(orientation)))
        elif segment.marker in _METADATA:
            if (needed := _needed(segment)) is not None:
                kept.append(_written(segment.marker, needed))
        elif segment.marker == _EOI:
            kept.append(b"\xff\xd9")
        else:
            kept.append(_written(segment.marker, segment.content))
    return b"".join(kept)


def _needed(segment: _Segment) -> bytes | None:
    """What of a segment of metadata decoders need; None: nothing."""
    content = segment.content
    if segment.marker == _APP0 and content.startswith(_JFIF):
        # Version and density; then the size of a preview, which is none.
        return content[:_JFIF_LENGTH].ljust(_JFIF_LENGTH, b"\0") + b"\0\0"
    if segment.marker == _APP2 and content.startswith(_ICC):
        return content
    if segment.marker == _APP14 and content.startswith(_ADOBE):
        return content[:_ADOBE_LENGTH]
    return None


def _orientation(content: bytes) -> int | None:
    return orientation_of(content[6:]) if content.startswith(_EXIF) else None


def _segments(content: bytes) -> Iterator[_Segment]:
    if not content.startswith(b"\xff\xd8"):
        raise Unreadable("it does not begin as a JPEG", at=0)
    position = 2
    # What stands between a segment and the next marker is passed over, as decoders do.
    while (found := _MARKER.search(content, position)) is not None:
        marker, position = found.group(1)[0], found.end()
        if marker == _EOI:
            yield _Segment(_EOI, b"")
            return
        if marker not in _OF_THE_PICTURE and marker not in _METADATA:
            raise Unreadable(f"the marker 0x{marker:02X} is not one of a picture", position - 2)
        end = _end(content, position)
        yield _Segment(marker, content[position + 2 : end])
        position = end
        if marker == _SOS:
            following = _MARKER.search(content, position)
            end = following.start() if following else len(content)
            yield _Segment(None, content[position:end])
            position = end


def _end(content: bytes, position: int) -> int:
    """Where the segment ends whose length stands here."""
    length = int.from_bytes(content[position : position + 2], "big")
    if length < 2 or position + length > len(content):
        raise Unreadable("a segment is longer than the file, or shorter than its length", position)
    return position + length


def _written(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content
