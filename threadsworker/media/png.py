"""
A PNG without what it tells about its making: texts, times, Exif, previews, and data after its end.

The picture itself is copied byte for byte, an animation with it. What may stay is a list;
ancillary chunks that are not on it are not needed to show a picture, and go.
Source: W3C PNG specification (third edition, 2025-06-24), 5 and 11.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from threadsworker.media.errors import Unreadable
from threadsworker.media.orientation import only_orientation, orientation_of

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NAME = re.compile(rb"[A-Za-z]{4}")
#: Colour, transparency, density, palettes, animation: how the picture looks.
_KEPT = frozenset(
    {b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI"}
    | {b"bKGD", b"hIST", b"pHYs", b"sPLT", b"oFFs", b"sTER", b"acTL", b"fcTL", b"fdAT"}
)
#: Bytes of a chunk beside its data: length, name, checksum.
_FRAME = 12


def without_metadata(content: bytes) -> bytes:
    """
    The same picture with what it needs to be shown, and nothing else.

    One that ends too early stays as short as it is.

    Raises
    ------
    Unreadable:
        Something stands where a chunk has to, so that the rest cannot be told apart.
    """
    kept = [_SIGNATURE]
    turned = False
    for name, chunk in _chunks(content):
        if name == b"eXIf":
            orientation = None if turned else orientation_of(chunk[8:-4])
            if orientation is not None:
                turned = True
                kept.append(_written(b"eXIf", only_orientation(orientation)))
        elif _is_critical(name) or name in _KEPT:
            kept.append(chunk)
    return b"".join(kept)


def _is_critical(name: bytes) -> bool:
    """Whether the picture cannot be shown without it: its name begins with a capital."""
    return name[:1].isupper()


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's name and all its bytes, up to the picture's end."""
    if not content.startswith(_SIGNATURE):
        raise Unreadable("it does not begin as a PNG", at=0)
    position = len(_SIGNATURE)
    while position < len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        name = content[position + 4 : position + 8]
        if not _NAME.fullmatch(name):
            raise Unreadable("there is no chunk where one has to be", at=position)
        yield name, content[position : position + length + _FRAME]
        position += length + _FRAME
        if name == b"IEND":
            return


def _written(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + name + data + checksum
